"""What every command is asked: on which library, and how to answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.terminal import as_json
from engine.paths import default_library

if TYPE_CHECKING:
    from engine.session import Session


@dataclass(frozen=True)
class Invocation:
    """On which library (None: the user's), and whether to answer with one JSON document."""

    library: Path | None = None
    as_json: bool = False
    verbose: bool = False

    @property
    def place(self) -> Path:
        """Return where the library is."""
        return self.library or default_library()

    def session(self) -> Session:
        """Open the library.

        :raises LibraryError: there is none.
        """
        from engine.session import open_library

        return open_library(self.place, make=False)

    def session_to_search(self) -> Session:
        """Open the library, with the sounds of drives that are away offline."""
        from engine.index.drives import note_drives

        session = self.session()
        note_drives(session.library)
        return session

    def answer(self, document: dict[str, Any], text: str) -> None:
        """Print what was found: the document, or the text for people."""
        print(as_json(document) if self.as_json else text, flush=True)
