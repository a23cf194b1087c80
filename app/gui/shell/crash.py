"""What happens when a defect of ours is met: it is logged, told once, and the window goes on."""

from __future__ import annotations

import faulthandler
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QObject, Qt, QtMsgType, Signal, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from app.gui.kit.plain import tip
from engine.log import log_end, log_file, logger, named, start_log, stop_log

_log = logger("app.gui.shell.crash")


class Crashes(QObject):
    """Takes every exception that nobody else takes, from any thread."""

    _met = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        start_log(behind=True)
        self.log = log_file()
        self._fatal = _open_fatal(self.log.with_name("fatal.log"))
        self._told = False
        self._met.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Catch what would end in a traceback, and log what Qt complains of."""
        faulthandler.enable(self._fatal)
        qInstallMessageHandler(_on_qt_message)
        sys.excepthook = self._on_exception
        threading.excepthook = lambda args: self.take(args.exc_value)

    def close(self) -> None:
        """Close the logs."""
        faulthandler.disable()
        self._fatal.close()
        stop_log()

    def take(self, error: BaseException | None) -> None:
        """Log an exception, and tell about it."""
        if error is None or isinstance(error, KeyboardInterrupt):
            QApplication.quit()
            return
        _log.error("a defect was met", exc_info=error)
        self._met.emit(f"{type(error).__name__}: {error}")

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self.take(error)

    def _tell(self, what: str) -> None:
        if self._told:  # one dialog is enough; the log has them all
            return
        self._told = True
        windows = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w.isWindow()]
        box = crash_dialog(what, self.log, windows[0] if windows else None)
        box.finished.connect(lambda _: setattr(self, "_told", False))
        box.open()


def crash_dialog(what: str, log: Path, parent: QWidget | None) -> QMessageBox:
    """Return the dialog that tells of a defect, with the log's path to send."""
    box = QMessageBox(QMessageBox.Icon.Warning, "Soundsift", "", parent=parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    box.setText(
        QApplication.translate(
            "Crash",
            "Something went wrong. Your sounds and the library are safe, and you can go on "
            "working. If it happens again, send us this file:",
        )
        + f"\n\n{log}"
    )
    box.setInformativeText(tip(what[:500]))
    return box


def _open_fatal(path: Path) -> TextIO:
    """Return the file for what ends the window itself, after logging what ended it last time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        wrote = path.read_bytes()
        if wrote:
            log_end(_log, "the window that was open before", None, wrote)
    return path.open("w", encoding="utf-8")


def _on_qt_message(kind: QtMsgType, context: object, message: str) -> None:
    if kind in (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg):
        _log.warning("Qt: %s", named(message))
