"""The map as it is kept beside the vectors of a library; it may be deleted at any time."""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from engine import durable
from engine.arrays import Booleans, Floats, Integers
from engine.errors import LibraryError
from engine.paths import make_own_folder, remove_own
from engine.sealed import seal_bytes, unseal_bytes
from engine.store import Library
from engine.store.vectors import cache_folder

_MAP, _DRAFT = "map", "map-draft"
_PARTS = re.compile(r"map(-draft)?\.\d+\.part")


@dataclass(frozen=True)
class MapRegion:
    """A part of the map and what it sounds like; ``level`` 0 is the coarsest.

    ``sounds`` is about how many it holds.
    """

    name: str
    x: float
    y: float
    level: int
    sounds: int


@dataclass(frozen=True)
class LibraryMap:
    """Sounds (n,) by ascending id, their places (n, 2), and what the regions are called.

    ``marks`` (n, 2) know a sound again (:class:`.neighbours.SoundVectors`); ``placed`` were put
    among the others since the whole was arranged, by the vectors of ``model``.
    """

    ids: Integers
    places: Floats
    marks: Floats
    regions: tuple[MapRegion, ...]
    model: str
    placed: int = 0

    def rows_of(self, sound_ids: Integers) -> Integers:
        """Return the rows of those sounds that have a place."""
        if not len(self.ids):
            return np.zeros(0, np.int64)
        rows = np.searchsorted(self.ids, sound_ids).clip(0, len(self.ids) - 1)
        found: Integers = rows[self.ids[rows] == sound_ids]
        return found

    def only(self, which: Booleans) -> LibraryMap:
        """Return the map of some of its sounds."""
        ids, places, marks = self.ids[which], self.places[which], self.marks[which]
        return LibraryMap(ids, places, marks, self.regions, self.model, self.placed)


@dataclass(frozen=True)
class Draft:
    """Where an arrangement that was stopped had got: places (n, 2) after so many steps."""

    ids: Integers
    places: Floats
    step: int
    model: str


def read_map(library: Library) -> LibraryMap | None:
    """Return the map of a library, None where there is none or it is not what was written."""
    found = _read(library, _MAP)
    if found is None:
        return None
    arrays, facts = found
    regions = tuple(MapRegion(**region) for region in facts["regions"])
    return LibraryMap(
        arrays["ids"], arrays["places"], arrays["marks"], regions, facts["model"], facts["placed"]
    )


def put_map(library: Library, made: LibraryMap) -> None:
    """Keep a map, and no draft any more.

    :raises LibraryError: it cannot be written.
    """
    facts = {
        "regions": [asdict(region) for region in made.regions],
        "model": made.model,
        "placed": made.placed,
    }
    _write(library, _MAP, {"ids": made.ids, "places": made.places, "marks": made.marks}, facts)
    with suppress(OSError):
        (cache_folder(library) / _DRAFT).unlink(missing_ok=True)


def read_draft(library: Library) -> Draft | None:
    """Return where an arrangement was stopped, None where none was."""
    found = _read(library, _DRAFT)
    if found is None:
        return None
    arrays, facts = found
    return Draft(arrays["ids"], arrays["places"], facts["step"], facts["model"])


def put_draft(library: Library, draft: Draft) -> None:
    """Keep a draft; one that cannot be written costs time the next time, and no more."""
    with suppress(LibraryError):
        facts = {"step": draft.step, "model": draft.model}
        _write(library, _DRAFT, {"ids": draft.ids, "places": draft.places}, facts)


def _write(
    library: Library,
    name: str,
    arrays: dict[str, Any],
    facts: dict[str, Any],
) -> None:
    folder, content = cache_folder(library), io.BytesIO()
    told = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(content, allow_pickle=False, facts=told, **arrays)
    try:
        make_own_folder(folder)
        remove_own(folder, _PARTS)  # by processes that were killed
        durable.put_file(folder / name, seal_bytes(content.getvalue(), name))
    except OSError as error:
        raise LibraryError(
            f"the map of {library.name} cannot be saved in {folder}: {error.strerror or error}"
        ) from error


def _read(library: Library, name: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    try:
        content = unseal_bytes(_bytes_of(cache_folder(library) / name), name)
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            arrays = {key: found[key] for key in found.files if key != "facts"}
            facts = json.loads(found["facts"].tobytes())
    except (OSError, ValueError, KeyError, BadZipFile):
        return None
    return arrays, facts


def _bytes_of(path: Path) -> bytes:
    if path.is_symlink():  # whose file would be read?
        raise OSError
    return path.read_bytes()
