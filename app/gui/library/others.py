"""What others do to the library: the command line, programs that are served, a team.

The same look tells whether the server of a team's library still answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.kit.context import Context
from engine.paths import is_server
from engine.store.database import Database

_LOOK_MS = 2000
_LOOK_AT_SERVER_MS = 500  # which costs nothing: it tells of changes by itself
_SELDOM_S = 15.0  # while sounds are indexed, which tells of its progress itself


@dataclass(frozen=True)
class _Look:
    wrote: bool
    offline: datetime | None


class Others(QObject):
    """Asks the library in jobs whether somebody else has changed it; ``changed`` tells that.

    ``offline_changed`` gives as of when it is shown while its server does not answer, None when it
    does again.

    ``is_indexing`` tells whether a process of the window's own writes to it all the time.
    """

    changed = Signal()
    offline_changed = Signal(object)

    def __init__(self, context: Context, is_indexing: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._is_indexing = context, is_indexing
        self._pending, self._told = False, 0.0
        self._offline: datetime | None = None
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)

    def begin(self) -> None:
        """Look from now on, now and then."""
        self.look()
        at_server = is_server(self._context.place)
        self._timer.start(_LOOK_AT_SERVER_MS if at_server else _LOOK_MS)

    def look(self) -> None:
        """Look now."""
        session = self._context.session
        if session is not None and not self._context.jobs.is_running("others"):
            database = session.library.database
            self._context.jobs.start(
                "read",
                lambda control: _look(database),
                self._looked,
                failed=lambda text: None,  # whoever reads or writes next says it
                newest="others",
            )

    def _looked(self, found: _Look) -> None:
        if found.offline != self._offline:
            came_back = found.offline is None
            self._offline = found.offline
            self.offline_changed.emit(found.offline)
            self._pending |= came_back  # nobody knows what happened meanwhile
        self._tell(found.wrote)

    def _tell(self, wrote: bool) -> None:
        self._pending |= wrote
        seldom = self._is_indexing() and time.monotonic() - self._told < _SELDOM_S
        if self._pending and not seldom:
            self._pending, self._told = False, time.monotonic()
            self.changed.emit()


def _look(database: Database) -> _Look:
    wrote, behind = database.others_wrote(), database.behind()
    return _Look(wrote, None if behind is None else datetime.fromtimestamp(behind.at_s, UTC))
