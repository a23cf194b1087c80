"""Wait until a library on a server tells that sounds wait, by LISTEN and NOTIFY."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from engine.errors import LibraryError
from engine.store.claims import CHANNEL
from engine.store.library import Library


class News:
    """A connection of its own, which is made again when it was lost."""

    def __init__(self, library: Library) -> None:
        self._database = library.database
        self._connection: Any = None
        self._error: type[Exception] = self._database.engine.dialect.loaded_dbapi.Error

    def wait(self, seconds: float) -> bool:
        """Wait until something is told, at most so long; return whether it was.

        Without a connection the time passes.
        """
        until = time.monotonic() + seconds
        try:
            if self._connection is None:
                self._listen()
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
        driver.execute(f"LISTEN {CHANNEL}")
