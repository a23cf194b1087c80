"""What the regions of a map sound like, in names of UCS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from engine.arrays import Booleans, Floats, Integers
from engine.metadata.ucs_names import categories, plain_name
from engine.progress import Control, Progress
from engine.search.library_map.kept import MapRegion

_LEVELS = (10, 40, 160, 640)  # regions at most, from coarse to fine
_FAMILIES = 2  # levels that are called by whole families of UCS
_LEAST_SOUNDS = 30  # of a region that gets a name
FEWEST = _LEVELS[0] * _LEAST_SOUNDS  # sounds of a map that has names
_LISTENED_TO = 20_000  # sounds whose texts the names come from
_AT_ONCE = 1000
_NEXT_BEST = 0.5  # share of the best name's worth that another must have
_LONGEST_WORDS = 4
_SEED = 1


class Texts(Protocol):
    """Names by which sounds are described (:class:`engine.search.sound_names.SoundNames`)."""

    @property
    def names(self) -> Sequence[str]:
        """Return the names."""

    def shares(self, heard: Floats) -> Floats:
        """Return the share (n, names) of each name in windows (n, rank)."""


def name_regions(
    places: Floats, rows: Integers, heard: Floats, texts: Texts, control: Control
) -> tuple[MapRegion, ...]:
    """Return the regions of a map of ``places`` (n, 2), coarse ones first.

    A name is the text whose share in a region is highest and beyond what it is in all: the
    greatest p log(p / p₀).  Coarse regions are called by families of UCS where the texts have them.

    :param rows: of the sounds (m,) that are listened to, ``heard`` (m, rank) a window of each.
    :raises Cancelled: the user asked to stop.
    """
    short = np.array([_is_name(name) for name in texts.names], bool)
    levels = [k for k in _LEVELS if len(rows) >= k * _LEAST_SOUNDS]
    if not levels or not short.any():
        return ()
    assigned = [_clusters(places[rows], k) for k in levels]
    sums = [np.zeros((k, len(short)), np.float64) for k in levels]
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        shares = texts.shares(heard[part])
        for region, total in zip(assigned, sums, strict=True):
            np.add.at(total, region[part], shares)
        control.report(Progress("naming", min(len(rows), start + _AT_ONCE), len(rows)))
    each = len(places) / len(rows)
    found: list[MapRegion] = []
    for level, (region, total) in enumerate(zip(assigned, sums, strict=True)):
        names, worth = _worth(total, texts.names, short, level < _FAMILIES)
        found += _named(level, places[rows], region, names, worth, each)
    return tuple(found)


def listened_to(count: int) -> Integers:
    """Return the rows of the sounds that names come from, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, _LISTENED_TO)).astype(np.int64))


def _is_name(text: str) -> bool:
    """Return whether a text is short enough to stand on a map, and says something."""
    words = text.split()
    return len(words) <= _LONGEST_WORDS and "." not in text and words[-1:] != ["misc"]


def _clusters(places: Floats, k: int) -> Integers:
    """Return which of ``k`` compact parts of the plane each place (n,) is in (Lloyd's k-means)."""
    import faiss

    fewest = 1  # faiss would warn
    means = faiss.Kmeans(2, k, niter=20, seed=_SEED, min_points_per_centroid=fewest)
    means.train(np.ascontiguousarray(places, np.float32))
    found: Integers = means.index.search(np.ascontiguousarray(places, np.float32), 1)[1][:, 0]
    return found


def _worth(
    total: np.ndarray[Any, Any],
    texts: Sequence[str],
    short: Booleans,
    by_family: bool,
) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return names, and what each is worth to each region (k, names)."""
    names = [text for text, is_short in zip(texts, short, strict=True) if is_short]
    shares = total[:, short]
    if by_family:
        families = _families(names)
        known = sorted(set(filter(None, families)))
        if known:
            member = np.array([[f == name for name in known] for f in families], float)
            names, shares = known, shares @ member
    shares = shares / np.maximum(shares.sum(1, keepdims=True), 1e-12)
    usual = np.maximum(shares.mean(0), 1e-9)
    return names, shares * np.log(np.maximum(shares, 1e-12) / usual)


def _families(names: Sequence[str]) -> list[str]:
    """Return the UCS category of each text that is one's name; empty for others."""
    family = {
        plain_name(c): c.category.lower().replace(" & ", " and ") for c in categories().values()
    }
    return [family.get(name, "") for name in names]


def _named(
    level: int,
    places: Floats,
    region: Integers,
    names: Sequence[str],
    worth: np.ndarray[Any, Any],
    each: float,
) -> list[MapRegion]:
    """Return regions with a name, the largest first; no name stands twice on a level."""
    found: list[MapRegion] = []
    taken: set[int] = set()
    for number, count in Counter(region.tolist()).most_common():
        if count < _LEAST_SOUNDS // 3:
            break
        order = np.argsort(-worth[number])
        best = worth[number][order[0]]
        free = next((i for i in order[:5] if int(i) not in taken), None)
        if free is None or best <= 0 or worth[number][free] < _NEXT_BEST * best:
            continue
        taken.add(int(free))
        own = places[region == number]
        middle = np.median(own, axis=0)
        at = own[((own - middle) ** 2).sum(1).argmin()]
        name = re.sub(r"\s+", " ", names[int(free)]).strip()
        called = name[:1].upper() + name[1:]
        found.append(MapRegion(called, float(at[0]), float(at[1]), level, round(count * each)))
    return found
