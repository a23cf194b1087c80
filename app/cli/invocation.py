"""What every command is asked: on which library, and how to answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.terminal import as_json, tell
from engine.errors import InputError
from engine.paths import default_library

if TYPE_CHECKING:
    from engine.session import Session


@dataclass(frozen=True)
class Invocation:
    """On which library (None: the user's), and whether to answer with one JSON document."""

    library: Path | str | None = None
    as_json: bool = False
    verbose: bool = False

    @property
    def place(self) -> Path | str:
        """Return where the library is: a file, or the address of a database on a server."""
        return self.library or default_library()

    def file(self, why: str) -> Path:
        """Return where the library is, for what needs a file.

        :raises InputError: it is on a server, ``why`` it cannot be done there.
        """
        if isinstance(self.place, str):
            raise InputError(f"a library on a server is no file: {why}")
        return self.place

    def session(self, at_server: bool = False) -> Session:
        """Open the library; what is on a server is read from a copy here, which follows it.

        Where it cannot follow now, that is said on standard error.

        :param at_server: read it there: to look after it, or to listen for it.
        :raises LibraryError: there is none.
        """
        from app.cli.progress_bar import progress_bar
        from engine.session import open_library

        if at_server or isinstance(self.place, Path):
            return open_library(self.place, make=False)
        with progress_bar() as control:
            session = open_library(self.place, make=False, following=control)
        behind = session.library.database.behind()
        if behind is not None:
            tell(behind)
        return session

    def session_to_search(self) -> Session:
        """Open the library, with the sounds of drives that are away offline."""
        from engine.index.drives import note_drives

        session = self.session()
        note_drives(session.library)
        return session

    def answer(self, document: dict[str, Any], text: str) -> None:
        """Print what was found: the document, or the text for people."""
        print(as_json(document) if self.as_json else text, flush=True)


def as_of(session: Session) -> dict[str, Any]:
    """Return what a document says of a library that cannot be followed now; else nothing."""
    behind = session.library.database.behind()
    return {} if behind is None else {"behind": behind.to_dict()}


def ids_of(session: Session, paths: tuple[Path, ...]) -> list[int]:
    """Return the ids of the library's sounds at or below paths.

    :raises InputError: there are none at one of them.
    """
    from engine.paths import spelled_out
    from engine.store.places import ids_under

    found: dict[int, None] = {}
    for path in paths:
        ids = ids_under(session.library, spelled_out(path))
        if not ids:
            raise InputError(f"there is no sound of the library at {path}: index it first")
        found.update(dict.fromkeys(ids))
    return list(found)
