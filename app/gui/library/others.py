"""What other processes do to the library: the command line, and programs that are served."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.kit.context import Context

_LOOK_MS = 2000
_SELDOM_S = 15.0  # while sounds are indexed, which tells of its progress itself


class Others(QObject):
    """Asks the library in jobs whether somebody else has changed it; ``changed`` tells that.

    ``is_indexing`` tells whether a process of the window's own writes to it all the time.
    """

    changed = Signal()

    def __init__(self, context: Context, is_indexing: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._is_indexing = context, is_indexing
        self._pending, self._told = False, 0.0
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)

    def begin(self) -> None:
        """Look from now on, every two seconds."""
        self.look()
        self._timer.start()

    def look(self) -> None:
        """Look now."""
        session = self._context.session
        if session is not None and not self._context.jobs.is_running("others"):
            database = session.library.database
            self._context.jobs.start(
                "read",
                lambda control: database.others_wrote(),
                self._tell,
                failed=lambda text: None,  # whoever reads or writes next says it
                newest="others",
            )

    def _tell(self, wrote: bool) -> None:
        self._pending |= wrote
        seldom = self._is_indexing() and time.monotonic() - self._told < _SELDOM_S
        if self._pending and not seldom:
            self._pending, self._told = False, time.monotonic()
            self.changed.emit()
