"""What a library is kept in: a file of SQLite's, or a database of a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine

from engine.errors import LibraryError
from engine.paths import is_server
from engine.store.connection import (
    busy,
    no_library,
    open_database,
    reading,
    sentences_for_errors,
    writing,
)
from engine.store.others import OthersWatch
from engine.store.roles import OWNER, Membership


class Database(Protocol):
    """An open database.

    ``name`` is what people know it by, ``path`` where this computer keeps what belongs to it (for a
    file, the file), ``file`` the file, None on a server.  ``offline`` is since when its server does
    not answer, None while it does; a file is never offline.
    """

    engine: Engine
    name: str
    path: Path
    file: Path | None

    @property
    def offline(self) -> datetime | None:
        """Return since when the server does not answer, None while it does."""

    def membership(self) -> Membership:
        """Return as whom one works, and what one may.

        :raises LibraryError: the server cannot be asked.
        """

    def sentences(self) -> AbstractContextManager[None]:
        """Turn the database's errors into sentences."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection in one consistent read transaction."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection in a write transaction, while nobody else has one."""

    def others_wrote(self) -> bool:
        """Return whether another process has written since this was asked last, at first False."""

    def close(self) -> None:
        """Close every connection."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep other index runs away, until this one ends or its process is killed.

        :raises BusyError: there is one.
        """


def database_at(place: Path | str, make: bool = True) -> Database:
    """Open a database, creating or migrating it as needed.

    :param make: create the library if there is none.
    :raises LibraryError: it cannot be opened, is no library, or another Soundsift made it.
    """
    if is_server(place):
        from engine.store.server import Server

        return Server(str(place), make)
    return File(Path(place), make)


def is_library(place: Path | str) -> bool:
    """Return whether there is a library.

    :raises LibraryError: its server cannot be asked.
    """
    if is_server(place):
        from engine.store.server import has_library

        return has_library(str(place))
    return Path(place).is_file()


class File:
    """A file of SQLite's."""

    offline: datetime | None = None

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

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a write transaction, while nobody else has one."""
        with ExitStack() as committed, writing(self.engine) as connection:
            if self._others is not None:
                committed.enter_context(self._others.own_commit())  # is left when it is
            yield connection

    def others_wrote(self) -> bool:
        """Return whether another process has written since this was asked last, at first False."""
        if self._others is None:
            self._others = OthersWatch(self.path)
        return self._others.have_written()

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
