"""Files leaving the window: dragged, copied, shown in the file manager."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDrag, QGuiApplication
from PySide6.QtWidgets import QWidget

from app.gui.context import Context
from app.gui.text import tr
from engine.audio.render import render_part
from engine.store import SoundRow


class Parts(QObject):
    """Ranges of sounds as files of their own, rendered when chosen, gone with the window."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._folder: Path | None = None
        self._ready: tuple[tuple[str, float, float], Path] | None = None

    def prepare(self, sound: SoundRow, range_s: tuple[float, float] | None) -> None:
        """Render a range in the background, so that it can be dragged at once."""
        self._ready = None
        if range_s is None or range_s[1] - range_s[0] <= 0:
            return
        key = (sound.path, *range_s)
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="soundsift-"))
        folder = self._folder

        def keep(path: Path) -> None:
            self._ready = (key, path)

        long = range_s[1] - range_s[0] > 60
        self._context.jobs.start(
            "read",
            lambda control: render_part(Path(sound.path), *range_s, folder, control),
            keep,
            title=tr("Rendering the range") if long else None,
            newest="render",
        )

    def file_of(self, sound: SoundRow, range_s: tuple[float, float]) -> Path | None:
        """Return the rendered file of a range, None while it is not ready."""
        if self._ready is not None and self._ready[0] == (sound.path, *range_s):
            return self._ready[1]
        return None

    def clean(self) -> None:
        """Remove all that was rendered."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = self._ready = None


def mime_of(paths: Sequence[str | Path]) -> QMimeData:
    """Return files as other programs take them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drag_files(source: QWidget, paths: Sequence[str | Path]) -> None:
    """Let files be dropped on another program."""
    drag = QDrag(source)
    drag.setMimeData(mime_of(paths))
    drag.exec(Qt.DropAction.CopyAction)


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
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))
