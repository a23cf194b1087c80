"""What others do to the library: the command line, programs that are served, a team.

The same look tells whether the server of a team's library still answers, and what one may there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.kit.context import Context
from engine.errors import LibraryError
from engine.paths import is_server
from engine.store.database import Database
from engine.store.records import Behind
from engine.store.roles import Membership

_LOOK_MS = 2000
_LOOK_AT_SERVER_MS = 500  # which costs nothing: it tells of changes by itself
_ROLE_S = 10.0  # between questions for one's role, which an admin may change at any time
_SELDOM_S = 15.0  # while sounds are indexed, which tells of its progress itself


@dataclass(frozen=True)
class _Look:
    wrote: bool
    behind: Behind | None
    membership: Membership | None


class Others(QObject):
    """Asks the library in jobs whether somebody else has changed it; ``changed`` tells that.

    ``offline_changed`` gives why its server cannot be followed, and since when, None when it can be
    again; ``membership_changed`` what one may there.

    ``is_indexing`` tells whether a process of the window's own writes to it all the time.
    """

    changed = Signal()
    offline_changed = Signal(object)
    membership_changed = Signal(object)

    def __init__(self, context: Context, is_indexing: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._is_indexing = context, is_indexing
        self._pending, self._told = False, 0.0
        self._behind: Behind | None = None
        self._asked_s = 0.0  # for one's role
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)

    def begin(self) -> None:
        """Look from now on, now and then."""
        self._asked_s = time.monotonic()  # as who opens the library does
        self.look()
        at_server = is_server(self._context.place)
        self._timer.start(_LOOK_AT_SERVER_MS if at_server else _LOOK_MS)

    def look(self) -> None:
        """Look now."""
        session = self._context.session
        if session is not None and not self._context.jobs.is_running("others"):
            database, asks = session.library.database, self._shall_ask()
            self._context.jobs.start(
                "read",
                lambda control: _look(database, asks),
                self._looked,
                failed=lambda text: None,  # whoever reads or writes next says it
                newest="others",
            )

    def _shall_ask(self) -> bool:
        now = time.monotonic()
        shall = is_server(self._context.place) and now >= self._asked_s + _ROLE_S
        if shall:
            self._asked_s = now
        return shall

    def _looked(self, found: _Look) -> None:
        if found.behind != self._behind:
            came_back = found.behind is None
            self._behind = found.behind
            self.offline_changed.emit(found.behind)
            self._pending |= came_back  # nobody knows what happened meanwhile
            if came_back:
                self._asked_s = float("-inf")
        if found.membership not in (None, self._context.membership):
            self.membership_changed.emit(found.membership)
        self._tell(found.wrote)

    def _tell(self, wrote: bool) -> None:
        self._pending |= wrote
        seldom = self._is_indexing() and time.monotonic() - self._told < _SELDOM_S
        if self._pending and not seldom:
            self._pending, self._told = False, time.monotonic()
            self.changed.emit()


def _look(database: Database, asks: bool) -> _Look:
    wrote, behind, membership = database.others_wrote(), database.behind(), None
    if asks and behind is None:
        with suppress(LibraryError):  # it is told why next time
            membership = database.membership()
    return _Look(wrote, behind, membership)
