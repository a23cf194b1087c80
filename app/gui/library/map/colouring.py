"""By what the points of a map are coloured: kinds, and what each colour means."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.gui.kit.style.colour_map import Rgb, kinds, level_scale
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import duration, tr
from app.gui.library.map.picture import Bytes, Look
from engine.arrays import Floats, Integers
from engine.metadata.ucs_names import categories
from engine.store import Library
from engine.store.kinds import Fact, fact_of_all

_MOST_KINDS = 8  # that have a colour of their own
_STEPS = 24  # of a scale
_DIMMEST = 0.3  # of the scale that numbers are shown by: the rest is too near to the background
_ENDS = (2.0, 98.0)  # percentiles at which a scale ends


@dataclass(frozen=True)
class Meaning:
    """A colour (its number) and what it stands for."""

    text: str
    colour: int


@dataclass(frozen=True, eq=False)
class Colouring:
    """Which colour (n,) each sound of ``ids`` (n,) has; sounds that are not there have the last.

    ``is_scale``: the colours are steps of a scale, of which ``meanings`` tell the ends.
    """

    ids: Integers
    numbers: Bytes
    meanings: tuple[Meaning, ...] = ()
    is_scale: bool = False

    def of(self, sound_ids: Integers) -> Bytes:
        """Return the colours (m,) of some sounds."""
        last = _STEPS if self.is_scale else _MOST_KINDS
        found = np.full(len(sound_ids), last, np.uint8)
        if len(self.ids):
            rows = np.searchsorted(self.ids, sound_ids).clip(0, len(self.ids) - 1)
            known = self.ids[rows] == sound_ids
            found[known] = self.numbers[rows[known]]
        return found


@dataclass(frozen=True)
class ColouredBy:
    """What sounds can be coloured by: how it is called, and how it is found."""

    title: Callable[[], str]
    fact: Fact | None
    make: Callable[[Integers, list[Any]], Colouring] | None = None


@dataclass(frozen=True, eq=False)
class Coloured:
    """Which colours points (n,) have, and what these mean; None: all are alike."""

    colouring: Colouring | None = None
    kinds: Bytes | None = None

    def look(self, colours: Colours) -> Look:
        """Return how they look in a theme."""
        background, accent = _rgb(colours.panel), _rgb(colours.accent)
        if self.colouring is None:
            return Look(background, accent, np.array([_rgb(colours.wave)], np.uint8))
        return Look(background, accent, palette_of(self.colouring, colours), self.kinds)


def palette_of(colouring: Colouring, colours: Colours) -> Rgb:
    """Return the colours of a colouring, that of sounds of no kind the last."""
    rest = np.array([_rgb(colours.wave)], np.uint8)
    if colouring.is_scale:
        scale = level_scale(colours)
        steps = np.linspace(_DIMMEST * (len(scale) - 1), len(scale) - 1, _STEPS).round().astype(int)
        return np.concatenate([scale[steps], rest])
    return np.concatenate([kinds(_MOST_KINDS, colours), rest])


def colour_by(library: Library, name: str, sound_ids: Integers) -> Coloured:
    """Return how some of a library's sounds are coloured by one of :data:`COLOURINGS`."""
    by = COLOURINGS[name]
    if by.fact is None or by.make is None:
        return Coloured()
    colouring = by.make(*fact_of_all(library, by.fact))
    return Coloured(colouring, colouring.of(sound_ids))


def _by_category(ids: Integers, values: list[Any]) -> Colouring:
    known = categories()
    families = []
    for value in values:
        category = known.get((value or "").lower())
        families.append(category.category.capitalize() if category is not None else "")
    return _of_names(ids, families, tr("no category"))


def _by_folder(ids: Integers, paths: list[Any]) -> Colouring:
    """Colour by the folders in which paths part first."""
    folders = [path.rpartition(os.sep)[0] for path in paths]
    parts = {folder: Path(folder).parts for folder in set(folders)}
    if not parts:
        return _of_names(ids, [], "")
    ends = zip(min(parts.values()), max(parts.values()), strict=False)
    shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], ends))
    names = {folder: (own[shared : shared + 1] or ("",))[0] for folder, own in parts.items()}
    return _of_names(ids, [names[folder] for folder in folders], tr("other folders"))


def _of_names(ids: Integers, names: Sequence[str], rest: str) -> Colouring:
    """Colour the most frequent names, and all others alike."""
    counts = Counter(name for name in names if name)
    chosen = [name for name, _ in counts.most_common(_MOST_KINDS)]
    number = {name: place for place, name in enumerate(chosen)}
    numbers = np.array([number.get(name, _MOST_KINDS) for name in names], np.uint8)
    meanings = [Meaning(name, place) for place, name in enumerate(chosen)]
    if (numbers == _MOST_KINDS).any():
        meanings.append(Meaning(tr("others") if counts else rest, _MOST_KINDS))
    return Colouring(ids, numbers, tuple(meanings))


def _by_length(ids: Integers, values: list[Any]) -> Colouring:
    seconds = np.maximum(np.array(values, np.float32), 0.01)
    low, high = _ends(np.log(seconds))
    return _of_numbers(
        ids,
        np.log(seconds),
        (low, high),
        tuple(f"{duration(float(np.exp(end)))} s" for end in (low, high)),
    )


def _by_loudness(ids: Integers, values: list[Any]) -> Colouring:
    lufs = np.array([np.nan if value is None else value for value in values], np.float32)
    low, high = _ends(lufs)
    return _of_numbers(ids, lufs, (low, high), tuple(f"{end:.0f} LUFS" for end in (low, high)))


def _ends(numbers: Floats) -> tuple[float, float]:
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return 0.0, 1.0
    low, high = np.percentile(known, _ENDS)
    return float(low), max(float(high), float(low) + 1e-6)


def _of_numbers(
    ids: Integers, numbers: Floats, ends: tuple[float, float], texts: tuple[str, ...]
) -> Colouring:
    share = (numbers - ends[0]) / (ends[1] - ends[0])
    steps = np.clip(np.nan_to_num(share) * (_STEPS - 1), 0, _STEPS - 1).round().astype(np.uint8)
    steps[~np.isfinite(numbers)] = _STEPS
    meanings: tuple[Meaning, ...] = (Meaning(tr("not measured yet"), _STEPS),)
    if np.isfinite(numbers).any():
        meanings = (Meaning(texts[0], 0), Meaning(texts[1], _STEPS - 1))
    return Colouring(ids, steps, meanings, is_scale=True)


COLOURINGS: Mapping[str, ColouredBy] = {  # by what settings remember
    "none": ColouredBy(lambda: tr("One colour"), None),
    "category": ColouredBy(lambda: tr("Category"), "category", _by_category),
    "folder": ColouredBy(lambda: tr("Folder"), "path", _by_folder),
    "loudness": ColouredBy(lambda: tr("Loudness"), "lufs", _by_loudness),
    "length": ColouredBy(lambda: tr("Length"), "duration_s", _by_length),
}


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
