"""Files leaving the window: dragged, copied, shown in the file manager."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDrag, QGuiApplication
from PySide6.QtWidgets import QWidget

from engine.store import SoundRow

SOUNDS_MIME = "application/x-soundsift-sounds"  # ids of dragged rows, for our own window


def mime_of(paths: Sequence[str | Path]) -> QMimeData:
    """Return files as other programs take them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def mime_of_sounds(
    sounds: Sequence[SoundRow], files: Sequence[str | Path] | None = None
) -> QMimeData:
    """Return sounds as files for other programs, and for our own window as ids."""
    data = mime_of([sound.path for sound in sounds] if files is None else files)
    data.setData(SOUNDS_MIME, ",".join(str(sound.id) for sound in sounds).encode())
    return data


def drag_files(source: QWidget, paths: Sequence[str | Path]) -> bool:
    """Let files be dropped on another program; return whether one took them."""
    drag = QDrag(source)
    drag.setMimeData(mime_of(paths))
    return was_taken(drag)


def was_taken(drag: QDrag) -> bool:
    """Let something be dropped; return whether another program took it, and not our own window."""
    done = drag.exec(Qt.DropAction.CopyAction)
    return done == Qt.DropAction.CopyAction and drag.target() is None


def copy_files(paths: Sequence[str | Path]) -> None:
    """Put files on the clipboard, to be pasted in a file manager or an editor."""
    QGuiApplication.clipboard().setMimeData(mime_of(paths))


def copy_paths(paths: Sequence[str | Path]) -> None:
    """Put paths on the clipboard, one a line."""
    QGuiApplication.clipboard().setText("\n".join(str(path) for path in paths))


def reveal(path: Path) -> None:
    """Show a file in the system's file manager, chosen where it can do that."""
    if sys.platform == "darwin":
        subprocess.Popen(["/usr/bin/open", "-R", str(path)])  # noqa: S603 - no shell reads it
    elif sys.platform == "win32":
        subprocess.Popen(["explorer", f"/select,{path}"])  # noqa: S603, S607
    else:
        open_folder(path.parent)


def open_folder(folder: Path) -> None:
    """Show a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
