"""Making the map beside the window: when, how far it is, and that it goes on after a stop."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.kit.context import Context
from app.gui.kit.jobs import Job
from app.gui.kit.text import roughly_left
from app.gui.library.map.jobs import make_map

_LOOK_MS = 250  # between two looks at how far it is


class Making(QObject):
    """Makes the map in a job, one at a time; ``busy`` tells whether sounds still come in.

    ``said`` gives a sentence about it, ``made`` that there is a new map.
    """

    said = Signal(str)
    made = Signal()

    def __init__(self, context: Context, busy: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._busy = context, busy
        self._job: Job | None = None
        self._look = QTimer(self, interval=_LOOK_MS)
        self._look.timeout.connect(self._tell)

    def begin(self, sounds: int) -> bool:
        """Make the map of so many sounds unless it is being made; False if it has to wait."""
        if self._job is not None:
            return True
        if self._busy():
            self.said.emit(self.tr("The map is made once your folders are indexed"))
            return False
        place, session = self._context.place, self._context.opened
        self._job = self._context.jobs.start(
            "read",
            lambda control: make_map(session, place, sounds, control),
            self._made,
            failed=self._failed,
            title=self.tr("Mapping the library"),
            newest="map making",
            stopped=self._stopped,
        )
        self._look.start()
        self._tell()
        return True

    def _made(self, _: object) -> None:
        self._end()
        self.made.emit()

    def _stopped(self) -> None:
        self._end()
        self.said.emit(
            self.tr("The map is not finished; it goes on when this window is opened again")
        )

    def _failed(self, text: str) -> None:
        self._end()
        self.said.emit(text)

    def _end(self) -> None:
        self._job = None
        self._look.stop()

    def _tell(self) -> None:
        if self._job is None:
            return
        text = self.tr("Arranging your sounds by what they sound like …")
        progress, left_s = self._job.progress, self._job.left_s
        if progress is not None and progress.stage == "arranging" and progress.total:
            text += f" {100 * progress.done // progress.total} %"
            if left_s is not None:
                text += ", " + roughly_left(left_s)
        self.said.emit(text)
