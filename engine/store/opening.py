"""Open what a library is kept in, by where it is."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from engine.errors import LibraryError
from engine.paths import is_server, refuse_other_scheme
from engine.progress import Control
from engine.store.database import Database, File
from engine.store.tables import FOLLOWING, settings


def database_at(place: Path | str, make: bool = True, following: Control | None = None) -> Database:
    """Open a database, creating or migrating it as needed.

    :param make: create the library if there is none.
    :param following: read a server's library from a copy near its user, which follows it; this is
        told how far the first copying is.
    :raises InputError: it is the address of something else than a library.
    :raises LibraryError: it cannot be opened, is no library, or another Soundsift made it.
    :raises Cancelled: the user asked to stop.
    """
    if is_server(place):
        if following is not None:
            from engine.store.following import Following

            return Following(str(place), make, following)
        from engine.store.server import Server

        return Server(str(place), make)
    refuse_other_scheme(str(place))
    file = File(Path(place), make)
    try:
        _refuse_copy(file)
    except BaseException:
        file.close()
        raise
    return file


def is_library(place: Path | str) -> bool:
    """Return whether there is a library.

    :raises InputError: it is the address of something else.
    :raises LibraryError: its server cannot be asked.
    """
    if is_server(place):
        from engine.store.server import has_library

        return has_library(str(place))
    refuse_other_scheme(str(place))
    return Path(place).is_file()


def _refuse_copy(file: File) -> None:
    """Refuse a file that follows a server's library: what was written to it would be lost."""
    mark = select(settings.c.name).where(settings.c.name == FOLLOWING)
    with file.sentences(), file.reading() as connection:
        if connection.scalar(mark) is not None:
            raise LibraryError(
                f"{file.name} is this computer's copy of a library on a server: name the server's "
                "address"
            )
