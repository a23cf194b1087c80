"""What a library is kept in: a file of SQLite's, or a database of a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine

from engine.errors import LibraryError
from engine.progress import Control
from engine.store.connection import (
    busy,
    no_library,
    open_database,
    reading,
    sentences_for_errors,
    writing,
)
from engine.store.others import OthersWatch
from engine.store.records import Behind
from engine.store.roles import OWNER, Membership


class Database(Protocol):
    """An open database.

    ``name`` is what people know it by, ``path`` where this computer keeps what belongs to it (for a
    file, the file), ``file`` the file, None on a server.
    """

    @property
    def engine(self) -> Engine:
        """Return what connects to it, for what only a server's library has."""

    name: str
    path: Path
    file: Path | None

    def membership(self) -> Membership:
        """Return as whom one works, and what one may.

        :raises LibraryError: the server cannot be asked.
        """

    def sentences(self) -> AbstractContextManager[None]:
        """Turn the database's errors into sentences."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection in one consistent read transaction."""

    def reading_all(self) -> AbstractContextManager[Connection]:
        """Give one to read also what a copy near its user leaves out: features of windows."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection in a write transaction, while nobody else has one."""

    def others_wrote(self) -> bool:
        """Return whether another process has written since this was asked last, at first False."""

    def behind(self) -> Behind | None:
        """Return why what is read may not be what a server holds by now, None if it is."""

    def close(self) -> None:
        """Close every connection."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep other index runs away, until this one ends or its process is killed.

        :raises BusyError: there is one.
        """

    def patiently(self, control: Control) -> AbstractContextManager[None]:
        """Within it, writing waits long for others who write, and tells that it waits."""


class File:
    """A file of SQLite's."""

    def __init__(self, path: Path, make: bool = True) -> None:
        if not make and not path.is_file():
            raise LibraryError(no_library(str(path)))
        self.file: Path | None = path
        self.path, self.name = path, str(path)
        self.engine = open_database(path)
        self._others: OthersWatch | None = None

    def membership(self) -> Membership:
        """Return that whoever has the file may do everything."""
        return OWNER

    def sentences(self) -> AbstractContextManager[None]:
        """Turn the database's errors into sentences."""
        return sentences_for_errors(self.path)

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection in one consistent read transaction."""
        return reading(self.engine)

    def reading_all(self) -> AbstractContextManager[Connection]:
        """Give the same: nothing is left out."""
        return self.reading()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a write transaction, while nobody else has one."""
        with ExitStack() as committed, writing(self.engine) as connection:
            if self._others is not None:
                committed.enter_context(self._others.own_commit())  # is left when it is
            yield connection

    def patiently(self, control: Control) -> AbstractContextManager[None]:
        """Change nothing: who writes into a file is done soon."""
        return nullcontext()

    def others_wrote(self) -> bool:
        """Return whether another process has written since this was asked last, at first False."""
        if self._others is None:
            self._others = OthersWatch(self.path)
        return self._others.have_written()

    def behind(self) -> Behind | None:
        """Return None: a file is what it is."""
        return None

    def close(self) -> None:
        """Close every connection."""
        if self._others is not None:
            self._others.close()
        self.engine.dispose()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the library's lock file; the system frees it even when this process is killed."""
        lock = FileLock(f"{self.path}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise busy(self.name) from None
        except OSError as error:
            raise LibraryError(
                f"the library {self.path} cannot be locked: {error.strerror or error}"
            ) from None
        try:
            yield
        finally:
            lock.release()
