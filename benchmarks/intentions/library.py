"""The library of the queries, indexed once and kept."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.intentions.sounds import Sound, lay_out
from engine.errors import InputError
from engine.index.build import index_folders
from engine.progress import Control
from engine.store import Library


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a model and the work folder."""
    parser.add_argument("--model", default="default", help="name or folder of a model")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "soundsift-intentions",
        help="where the indexed library is kept",
    )


@contextmanager
def indexed(
    model: Path, work: Path, sounds: Sequence[Sound]
) -> Iterator[tuple[Library, dict[int, str]]]:
    """Open the library that a model makes of the sounds, with each one's path by id.

    :raises InputError: the work folder holds others.
    """
    lay_out(sounds, work / "sounds")
    with Library(work / f"{model.name}.db") as library:
        index_folders(library, model, [work / "sounds"], Control())
        yield library, paths_of(library, sounds, work / "sounds")


def paths_of(library: Library, sounds: Sequence[Sound], root: Path) -> dict[int, str]:
    """Return where each indexed sound stands below ``root``, by id.

    :raises InputError: the work folder holds others.
    """
    indexed = library.sounds().items()
    found = {i: Path(sound.path).relative_to(root).as_posix() for i, sound in indexed}
    if sorted(found.values()) != sorted(sound.path for sound in sounds):
        raise InputError(
            f"{root.parent} holds other sounds than the manifest: name an empty --work"
        )
    return found
