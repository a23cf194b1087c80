"""Repair a library between two windows: nobody may have it open meanwhile.

The window closes, as when the user quits, a child process repairs the library, and another window
opens and says what was done.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEventLoop, QProcess
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QProgressDialog

from app.gui.kit.plain import PlainLabel
from engine.children import command
from engine.log import log_end, logger

_log = logger(__name__)


def repair_library(path: Path) -> str:
    """Repair a library while a small dialog shows that it goes on; return what came of it."""
    quits = QGuiApplication.quitOnLastWindowClosed()
    QGuiApplication.setQuitOnLastWindowClosed(False)
    dialog = Repairing()
    said = dialog.run(command("app.cli", "repair", "--library", str(path)))
    dialog.deleteLater()
    QGuiApplication.setQuitOnLastWindowClosed(quits)
    return said


class Repairing(QProgressDialog):
    """Shows that a child repairs a library.

    Cancel ends the child, which may end at any moment: the library is the old one or the new one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Soundsift"))
        self.setLabel(PlainLabel(self.tr("Repairing the library …")))
        self.setRange(0, 0)
        self.setMinimumDuration(0)

    def run(self, command: list[str]) -> str:
        """Run the child; return what it said, or why it could not."""
        process, waiting = QProcess(self), QEventLoop(self)
        process.finished.connect(waiting.quit)
        process.errorOccurred.connect(waiting.quit)
        self.canceled.connect(process.kill)
        process.start(command[0], command[1:])
        self.show()
        waiting.exec()
        stopped = self.wasCanceled()
        self.close()
        if stopped:
            process.waitForFinished()
            return self.tr(
                "The repair was stopped: the library is either as it was or fully repaired."
            )
        said, problem = (
            bytes(read().data()).decode("utf-8", "replace").strip()
            for read in (process.readAllStandardOutput, process.readAllStandardError)
        )
        if process.exitStatus() == QProcess.ExitStatus.CrashExit:
            log_end(_log, "the repair process", process.exitCode(), problem.encode())
        why = problem.splitlines()[-1].removeprefix("error: ") if problem else process.errorString()
        return said or self.tr("The library was not repaired: {}").format(why)
