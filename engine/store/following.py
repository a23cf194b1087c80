"""A library on a server, read from the copy near its user, and written where it is.

The copy follows the server: before it is read, unless that was a moment ago; after each of our own
writes, so that one reads what one wrote; and, while somebody asks whether others wrote, whenever
the server tells of a change.  Where the server is away, the copy is read as it is.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from engine.errors import AwayError, LibraryError
from engine.log import logger
from engine.plain_text import one_line
from engine.progress import Control
from engine.store.changes import CHANNEL, Moment, can_follow, changes_since, moment, own_transaction
from engine.store.connection import REVISION
from engine.store.news import News
from engine.store.portable import mapped_by
from engine.store.records import Behind
from engine.store.replica import Replica
from engine.store.roles import Membership
from engine.store.schema import other_schema
from engine.store.server import Server, asks_as, own_place

_FRESH_S = 2.0  # for so long the copy is read without asking the server, if nobody listens
_SHORTLY_S = 0.05  # until another process that lets the copy follow is asked again
_LOOK_S = 1.0  # between looks while somebody listens, whatever is told
_SLICE_S = 0.5  # of waiting, after which a listener looks whether it should end
_MOST_WAIT_S = 2.0  # for a listener to end
_LEAST_PAUSE_S, _MOST_PAUSE_S = 1.0, 30.0  # between tries to reach a server that is away
_NOTED_S = 60.0  # between notes in the copy that nothing has changed
_log = logger(__name__)


class Following:
    """A server's library and its copy; see :class:`engine.store.database.Database`."""

    file: Path | None = None

    def __init__(self, address: str, make: bool, control: Control) -> None:
        """Open both; the first time, everything is copied, which may be stopped and goes on.

        :raises LibraryError: the server refuses, or is away and there is no copy.
        :raises Cancelled: the user asked to stop.
        """
        self.name, self.path = one_line(address), own_place(address)
        self._address, self._make = address, make
        self._server: Server | None = None
        self._lock = threading.Lock()  # of who lets the copy follow
        self._connecting = threading.Lock()
        self._own: set[int] = set()  # transactions of ours that the copy does not show yet
        self._seen: Moment | None = None  # what the copy showed when we looked last
        self._changed = threading.Event()  # by others, since somebody asked
        self._listener: _Listener | None = None
        self._looked_s = self._noted_s = float("-inf")
        self._pause_s, self._away_until_s = 0.0, float("-inf")
        self._trouble: LibraryError | None = None  # why the copy does not follow
        self._replica = Replica(self.path, asks_as(address))
        try:
            self._begin(control)
        except BaseException:
            self.close()
            raise

    def _begin(self, control: Control) -> None:
        state = self._replica.state()
        try:
            self._follow(control, wait=True)
        except AwayError as error:
            if state is None or not state.is_whole:
                raise
            if state.moment.member != self._replica.member:
                raise LibraryError(
                    f"the copy of {self.name} on this computer is another member's, and the server "
                    "cannot be asked now: try again when it answers"
                ) from None
            self._note_away(error)

    @property
    def engine(self) -> Engine:
        """Return the server's engine.

        :raises LibraryError: it is away.
        """
        return self._reached().engine

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Turn the errors of either into sentences."""
        try:
            yield
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error) or self._server is None:
                with self._replica.file.sentences():
                    raise
            with self._server.sentences():
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to the copy in one consistent read transaction."""
        if self._listener is None and time.monotonic() >= self._looked_s + _FRESH_S:
            self.look()
        with self._replica.file.reading() as connection:
            yield connection

    def reading_all(self) -> AbstractContextManager[Connection]:
        """Give a connection to the server, which has the features of windows, too."""
        return self._reached().reading_all()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection to the server in a write transaction; then the copy shows it, too."""
        server = self._reached()
        try:
            with self.sentences(), server.writing() as connection:
                yield connection
                own = own_transaction(connection)
                if own is not None:
                    self._own.add(own)
        except AwayError as error:
            self._note_away(error)
            raise
        if own is not None:
            try:
                self._follow(Control(), wait=True)
            except LibraryError as error:  # what was written is kept there
                self._note_away(error)

    def others_wrote(self) -> bool:
        """Return whether somebody else has written since this was asked last, at first False."""
        if self._listener is None:
            self._changed.clear()
            self._listener = _Listener(self)
        changed = self._changed.is_set()
        if changed:
            self._changed.clear()
        return changed

    def behind(self) -> Behind | None:
        """Return why the copy does not follow, None where it does."""
        trouble = self._trouble
        if trouble is None:
            return None
        with self.sentences():
            state = self._replica.state()
        at_s = state.at_s if state is not None else 0.0
        return Behind(str(trouble), at_s, isinstance(trouble, AwayError))

    def membership(self) -> Membership:
        """Return as whom one works, and what one may.

        :raises LibraryError: the server is away, or refuses.
        """
        return self._reached().membership()

    def alone(self) -> AbstractContextManager[None]:
        """Keep other index runs away."""
        return self._reached().alone()

    def patiently(self, control: Control) -> AbstractContextManager[None]:
        """Let writing wait long for others who write."""
        return self._reached().patiently(control)

    def close(self) -> None:
        """Close every connection."""
        if self._listener is not None:
            self._listener.end()
        self._replica.close()
        if self._server is not None:
            self._server.close()

    # Following

    def _reached(self) -> Server:
        """Return the server; it is not tried again while it was away a moment ago.

        :raises LibraryError: it is away, or refuses.
        """
        trouble = self._trouble
        if trouble is not None and time.monotonic() < self._away_until_s:
            raise type(trouble)(str(trouble))
        with self._connecting:
            if self._server is None:
                try:
                    self._server = Server(self._address, self._make)
                except AwayError as error:
                    self._note_away(error)
                    raise
            return self._server

    def look(self) -> bool:
        """Let the copy follow if the server can be reached; return False if others are doing it."""
        try:
            return self._follow(Control(), wait=False)
        except LibraryError as error:
            self._note_away(error)
            return True

    def _follow(self, control: Control, wait: bool) -> bool:
        """Let the copy show what the server holds; return whether it does.

        :param wait: for another thread or process that is doing it.
        :raises LibraryError: the server cannot be asked, or is of another schema.
        """
        if not self._lock.acquire(blocking=wait):
            return False
        try:
            server = self._reached()
            with self._replica.following(wait) as may:
                if may:
                    # Also for who is inside a transaction, in which paths are this computer's.
                    with self.sentences(), mapped_by(None), server.reading() as source:
                        self._put_in_place(source, control)
            return may
        finally:
            self._lock.release()

    def _put_in_place(self, source: Connection, control: Control) -> None:
        now = moment(source)
        if now.revision != REVISION:
            raise LibraryError(other_schema(self.name, now.revision))
        # Since we looked last: another process may have let the copy follow meanwhile.
        others = self._seen is not None and self._others_between(source, self._seen, now)
        self._replica.follow(source, now, control)
        self._seen = now
        self._note_reached()
        if others:
            self._changed.set()  # not before it is there to be read

    def _others_between(self, source: Connection, then: Moment, now: Moment) -> bool:
        """Return whether somebody else has written between two moments."""
        if not can_follow(source, then, now):
            return True
        transactions = changes_since(source, then).transactions
        others = bool(transactions - self._own)
        self._own -= transactions
        return others

    def _note_reached(self) -> None:
        if self._trouble is not None:
            _log.info("the server of a library is there again")
        self._trouble, self._pause_s = None, 0.0
        self._looked_s = time.monotonic()
        self._away_until_s = float("-inf")
        if self._looked_s >= self._noted_s + _NOTED_S:
            self._noted_s = self._looked_s
            self._replica.note_time()

    def _note_away(self, error: LibraryError) -> None:
        if time.monotonic() < self._away_until_s:
            return  # refused without a try
        if self._trouble is None:
            _log.info("the server of a library is away")
        self._trouble = error
        self._pause_s = min(_MOST_PAUSE_S, max(_LEAST_PAUSE_S, 2 * self._pause_s))
        self._away_until_s = time.monotonic() + self._pause_s


class _Listener(threading.Thread):
    """Lets the copy follow whenever the server tells of a change, and from time to time."""

    def __init__(self, library: Following) -> None:
        super().__init__(name="following", daemon=True)
        self._library, self._ended = library, threading.Event()
        self.is_listening = False
        self.start()

    def run(self) -> None:
        """Listen until the library is closed."""
        news: News | None = None
        look_s = 0.0
        while not self._ended.is_set():
            try:
                news = news or News(self._library, CHANNEL)
                told = news.wait(_SLICE_S if look_s else _SHORTLY_S)
                self.is_listening = True
            except LibraryError:  # the server is away
                told = False
                self._ended.wait(_SLICE_S)
            if told or time.monotonic() >= look_s:
                has_looked = self._library.look()
                look_s = time.monotonic() + _LOOK_S if has_looked else 0.0
        if news is not None:
            news.close()

    def end(self) -> None:
        """Listen no longer."""
        self._ended.set()
        self.join(_MOST_WAIT_S)  # it may be waiting for a server that does not answer
