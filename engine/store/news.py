"""Wait until a library on a server tells that something has happened, by LISTEN and NOTIFY."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from engine.errors import LibraryError
from engine.store.database import Database


class News:
    """A connection of its own that listens on a channel, and is made again when it was lost."""

    def __init__(self, database: Database, channel: str) -> None:
        self._database, self._channel = database, channel
        self._connection: Any = None
        self._error: type[Exception] = database.engine.dialect.loaded_dbapi.Error

    def wait(self, seconds: float) -> bool:
        """Wait until something is told, at most so long; return whether it was, or may have been.

        What was told before there was a connection nobody knows.  Without one the time passes.
        """
        until = time.monotonic() + seconds
        try:
            if self._connection is None:
                self._listen()
                return True
            for _ in self._connection.driver_connection.notifies(timeout=seconds, stop_after=1):
                return True
        except (self._error, LibraryError):
            self.close()
            time.sleep(max(0.0, until - time.monotonic()))
        return False

    def close(self) -> None:
        """Listen no longer."""
        if self._connection is not None:
            with suppress(self._error):
                self._connection.invalidate()  # nobody else shall be told
                self._connection.close()
            self._connection = None

    def _listen(self) -> None:
        with self._database.sentences():
            self._connection = self._database.engine.raw_connection()
        driver = self._connection.driver_connection
        driver.autocommit = True
        driver.execute(f"LISTEN {self._channel}")
