"""What is known of one sound and of a whole library: for scripts, command line and server."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engine.errors import InputError
from engine.paths import spelled_out
from engine.progress import Control
from engine.search.description import Description, describe
from engine.search.library_map.kept import LibraryMap, MapRegion, read_map
from engine.store import Library, SoundRow
from engine.store.places import sound_at

if TYPE_CHECKING:
    from engine.search.searcher import Searcher

_EXAMPLES = 3
MOST_LEVEL = 3  # of regions, which are 640 then


class Open(Protocol):
    """A session, as far as it is needed here."""

    library: Library

    def searching(self, control: Control | None = None) -> AbstractContextManager[Searcher]:
        """Lock the searcher."""


@dataclass(frozen=True)
class Region:
    """A part of the map: what it sounds like, and the sounds that lie in the middle of it."""

    region: MapRegion
    examples: tuple[SoundRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        one = self.region
        return {
            "name": one.name,
            "level": one.level,
            "sounds": one.sounds,
            "x": one.x,
            "y": one.y,
            "examples": [{"id": sound.id, "path": sound.path} for sound in self.examples],
        }


@dataclass(frozen=True)
class Outline:
    """What a library sounds like: its regions, coarse and large ones first, of so many sounds."""

    sounds: int
    regions: tuple[Region, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"sounds": self.sounds, "regions": [region.to_dict() for region in self.regions]}


def describe_sound(
    opened: Open, sound: SoundRow | int | str | Path, control: Control | None = None
) -> Description:
    """Return what is known of a sound, which is named by its id or path.

    :raises InputError: the library has no such sound.
    :raises Cancelled: the user asked to stop.
    """
    row = sound if isinstance(sound, SoundRow) else _row(opened.library, sound)
    read_names(opened, control)
    with opened.searching() as searcher:
        return describe(opened.library, row, searcher)


def read_names(opened: Open, control: Control | None = None) -> None:
    """Read the names that describe sounds, which takes seconds for the first time.

    Searches go on meanwhile.

    :raises Cancelled: the user asked to stop.
    """
    with opened.searching() as searcher:
        read = searcher.sound_names
    read(control)


def outline(opened: Open, level: int = 1) -> Outline:
    """Return the regions of the map as it was last made, down to a level of detail, 0 to 3.

    :raises InputError: there is no map yet, or no such level.
    """
    if not 0 <= level <= MOST_LEVEL:
        raise InputError(f"the map has levels 0 to {MOST_LEVEL}, not {level}")
    library = opened.library
    kept = read_map(library)
    if kept is None:
        raise InputError(
            "there is no map of this library yet: run `soundsift map`, or open it in the window"
        )
    regions = [region for region in kept.regions if region.level <= level]
    middles = [_middle(kept, region) for region in regions]
    sounds = library.sounds([i for ids in middles for i in ids])
    told = (
        Region(region, tuple(sounds[i] for i in ids if i in sounds))
        for region, ids in zip(regions, middles, strict=True)
    )
    return Outline(len(kept.ids), tuple(told))


def _row(library: Library, sound: int | str | Path) -> SoundRow:
    found = sound if isinstance(sound, int) else sound_at(library, spelled_out(Path(sound)))
    row = library.sounds([found]).get(found) if found is not None else None
    if row is None:
        raise InputError(f"the library has no sound {sound}: index it first")
    return row


def _middle(kept: LibraryMap, region: MapRegion) -> list[int]:
    """Return the ids of the sounds that are nearest to where a region's name stands."""
    squares = np.square(kept.places - (region.x, region.y)).sum(axis=1)
    nearest = np.argsort(squares, kind="stable")[: min(_EXAMPLES, region.sounds)]
    return [int(i) for i in kept.ids[nearest]]
