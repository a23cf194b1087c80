"""What commands share: the library they work on, and the JSON document they print."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.terminal import as_json
from engine.errors import LibraryError
from engine.paths import default_library
from engine.store import Library


def library_path(options: argparse.Namespace) -> Path:
    """Return where the library is that was named, or the user's."""
    path: Path = options.library or default_library()
    return path


def existing_library(options: argparse.Namespace) -> Library:
    """Open the library.

    :raises LibraryError: there is none.
    """
    path = library_path(options)
    if not path.is_file():
        raise LibraryError(f"there is no library at {path} yet: run `soundsift index FOLDER` first")
    return Library(path)


def library_to_search(options: argparse.Namespace) -> Library:
    """Return the library, with the sounds of drives that are away offline."""
    from engine.index.drives import note_drives

    library = existing_library(options)
    note_drives(library)
    return library


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document on standard output."""
    print(as_json(document))
