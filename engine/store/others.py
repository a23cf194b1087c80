"""Whether another process has written to a library, without reading any of it.

SQLite counts what other connections commit (PRAGMA data_version).  Our own write transactions are
told to the watch while they hold the lock for writing, when nobody else can commit.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_S = 0.1


class OthersWatch:
    """Tells, from its making on, of writers that are not ours; any thread may ask."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        there = f"{path.absolute().as_uri()}?mode=rw"  # never made anew
        self._connection: sqlite3.Connection | None = sqlite3.connect(
            there, _PATIENCE_S, uri=True, isolation_level=None, check_same_thread=False
        )
        self._changed = False
        self._seen = 0
        self._seen = self._version()

    def have_written(self) -> bool:
        """Return whether somebody else has written since this was asked last."""
        with self._lock:
            self._look()
            changed, self._changed = self._changed, False
            return changed

    @contextmanager
    def own_commit(self) -> Iterator[None]:
        """Let what is committed meanwhile be ours: enter with the lock for writing, then commit."""
        with self._lock:
            self._look()
            try:
                yield
            finally:
                self._seen = self._version()

    def close(self) -> None:
        """See nothing any more."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _look(self) -> None:
        now = self._version()
        self._changed |= now != self._seen
        self._seen = now

    def _version(self) -> int:
        """Return SQLite's number, the last one while the library cannot be read."""
        if self._connection is None:
            return self._seen
        try:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return self._seen
