"""What scripts give the engine: paths as texts or objects, one or several; places of libraries."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.paths import Place, default_library, is_server, refuse_other_scheme

Paths = str | Path | Iterable[str | Path]  # in texts ~ is the user's home
Sounds = str | Path | Iterable[str | Path | int]  # paths, or ids of sounds in the library


def path_of(given: str | Path) -> Path:
    """Return a path; only in a text does ``~`` stand for the user's home."""
    return given if isinstance(given, Path) else Path(os.path.expanduser(given))  # noqa: PTH111


def paths_of(given: Paths) -> list[Path]:
    """Return one path or several as a list."""
    return [path_of(path) for path in several(given)]


def given_place(given: str | Path | None) -> Place:
    """Return where a library is, by default this user's: a file, or a server's address.

    :raises InputError: it is the address of something else.
    """
    if given is None or is_server(given):
        return given or default_library()
    if isinstance(given, str):
        refuse_other_scheme(given)
    return path_of(given)


def several(given: Any, *single: type) -> list[Any]:
    """Return one thing, or several, as a list; a text, a path or a ``single`` is one thing."""
    return [given] if isinstance(given, (str, Path, *single)) else list(given)
