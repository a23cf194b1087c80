"""The points of a map, in an order in which parts of it are found at once; arrays only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.arrays import Booleans, Floats, Integers
from engine.search.library_map.kept import LibraryMap, MapRegion

_CELLS = 256  # of a grid, each way
_MARGIN = 0.02  # of the square that is left free around the points


@dataclass(frozen=True)
class Part:
    """A rectangle of the map."""

    left: float
    top: float
    right: float
    bottom: float

    def grown(self, by: float) -> Part:
        """Return it with a share of its size added on each side."""
        x, y = by * (self.right - self.left), by * (self.bottom - self.top)
        return Part(self.left - x, self.top - y, self.right + x, self.bottom + y)

    def holds(self, other: Part) -> bool:
        """Return whether another lies within it."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


@dataclass(frozen=True)
class Cloud:
    """Sounds (n,) at ``xy`` (n, 2) in the unit square, ordered by the cells of a grid.

    ``first`` (cells + 1,) is where each cell begins, ``by_id`` (n,) are the rows by ascending id;
    ``regions`` lie in the square, too.
    """

    ids: Integers
    xy: Floats
    first: Integers
    by_id: Integers
    regions: tuple[MapRegion, ...] = ()

    @classmethod
    def empty(cls) -> Cloud:
        """Return no points."""
        none = np.zeros(0, np.int64)
        first = np.zeros(_CELLS**2 + 1, np.int64)
        return cls(none, np.zeros((0, 2), np.float32), first, none)

    @classmethod
    def of(cls, made: LibraryMap, which: Booleans) -> Cloud:
        """Return the chosen sounds (n,) of a map, which fills the square."""
        places = made.places[which]
        if not len(places):
            return cls.empty()
        low, high = places.min(0), places.max(0)
        extent = max(float((high - low).max()), 1e-6)
        scale = (1 - 2 * _MARGIN) / extent
        shift = 0.5 - scale * (low + high) / 2
        xy = (places * scale + shift).astype(np.float32)
        cell = _cells_of(xy)
        order = np.argsort(cell, kind="stable")
        first = np.searchsorted(cell[order], np.arange(_CELLS**2 + 1))
        regions = tuple(
            MapRegion(
                r.name, float(r.x * scale + shift[0]), float(r.y * scale + shift[1]), *_rest(r)
            )
            for r in made.regions
        )
        by_id = np.empty_like(order)
        by_id[order] = np.arange(len(order))  # of a map, whose ids ascend
        xy = np.ascontiguousarray(xy[order])
        return cls(made.ids[which][order], xy, first, by_id, regions)

    def rows_in(self, part: Part) -> Integers:
        """Return the rows in a rectangle, and some around it."""
        columns = _span(part.left, part.right)
        lines = _span(part.top, part.bottom)
        if columns == (0, _CELLS - 1) and lines == (0, _CELLS - 1):
            return np.arange(len(self.ids))
        starts = np.arange(lines[0], lines[1] + 1) * _CELLS
        begin, end = self.first[starts + columns[0]], self.first[starts + columns[1] + 1]
        counts = end - begin
        shift = np.repeat(begin - np.cumsum(counts) + counts, counts)
        rows: Integers = shift + np.arange(counts.sum())
        return rows

    def nearest(self, x: float, y: float, within: float) -> int | None:
        """Return the row nearest to a place, None if none is within a distance."""
        rows = self.rows_in(Part(x - within, y - within, x + within, y + within))
        if not len(rows):
            return None
        apart = np.hypot(self.xy[rows, 0] - x, self.xy[rows, 1] - y)
        best = int(apart.argmin())
        return int(rows[best]) if apart[best] <= within else None

    def beside(self, row: int, dx: int, dy: int, reach: float) -> int | None:
        """Return the nearest row in a direction (±1, 0 or 0, ±1), None if there is none."""
        x, y = (float(value) for value in self.xy[row])
        while True:
            rows = self.rows_in(Part(x - reach, y - reach, x + reach, y + reach))
            aside = self.xy[rows] - self.xy[row]
            ahead = aside[:, 0] * dx + aside[:, 1] * dy
            across = np.abs(aside[:, 0] * dy + aside[:, 1] * dx)
            fits = (ahead > 0) & (across <= ahead)
            if fits.any():
                found = rows[fits]
                return int(found[(ahead + 2 * across)[fits].argmin()])
            if reach >= 1.0:
                return None
            reach *= 4

    def rows_of(self, sound_ids: Integers) -> Integers:
        """Return the rows of those sounds that are on the map."""
        if not len(self.ids) or not len(sound_ids):
            return np.zeros(0, np.int64)
        ids = self.ids[self.by_id]
        places = np.searchsorted(ids, sound_ids).clip(0, len(ids) - 1)
        found: Integers = self.by_id[places[ids[places] == sound_ids]]
        return found


def _rest(region: MapRegion) -> tuple[int, int]:
    return region.level, region.sounds


def _cells_of(xy: Floats) -> Integers:
    cells = np.clip((xy * _CELLS).astype(np.int64), 0, _CELLS - 1)
    found: Integers = cells[:, 1] * _CELLS + cells[:, 0]
    return found


def _span(low: float, high: float) -> tuple[int, int]:
    """Return the first and last cell between two places."""
    first = min(_CELLS - 1, max(0, int(np.floor(low * _CELLS))))
    return first, min(_CELLS - 1, max(first, int(np.floor(high * _CELLS))))
