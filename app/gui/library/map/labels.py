"""Names of regions on the map: which are shown how deep, and where, without overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.search.library_map.kept import MapRegion

_FROM_DEPTH = (0.0, 1.5, 3.5, 9.0)  # from which on the names of a level are shown
_UNTIL_DEPTH = (9.0, 30.0, 1e9, 1e9)
_GAP = 8.0  # pixels between two names
_CELL_PX = 128
SIZES_PX = (17, 13, 12, 11)

Box = tuple[float, float, float, float]  # left, top, right, bottom
Cell = tuple[int, int]


@dataclass(frozen=True)
class Label:
    """A name at a place of the map, so many pixels wide and high."""

    region: MapRegion
    width: float
    height: float


def chosen_labels(
    regions: Sequence[MapRegion],
    depth: float,
    scale: float,
    size_of: Callable[[MapRegion], tuple[float, float]],
) -> list[Label]:
    """Return the names to show at a depth, the coarse and large ones first.

    It depends on the scale alone, so that no name comes and goes while the map is pushed.

    :param size_of: returns width and height of a region's name in pixels.
    """
    levels = range(len(_FROM_DEPTH))
    shown = [n for n in levels if _FROM_DEPTH[n] <= depth < _UNTIL_DEPTH[n]]
    wanted = [r for r in regions if r.level in shown]
    wanted.sort(key=lambda region: (region.level, -region.sounds))
    taken: dict[Cell, list[Box]] = {}
    names: dict[str, list[tuple[float, float]]] = {}
    found: list[Label] = []
    for region in wanted:
        width, height = size_of(region)
        x, y = region.x * scale, region.y * scale
        half_x, half_y = width / 2 + _GAP / 2, height / 2 + _GAP / 4
        own = (x - half_x, y - half_y, x + half_x, y + half_y)
        cells = _cells_of(own)
        twice = any(
            abs(x - a) < 4 * width and abs(y - b) < 12 * height
            for a, b in names.get(region.name, ())
        )
        if twice or any(_overlap(own, box) for cell in cells for box in taken.get(cell, ())):
            continue
        for cell in cells:
            taken.setdefault(cell, []).append(own)
        names.setdefault(region.name, []).append((x, y))
        found.append(Label(region, width, height))
    return found


def _cells_of(box: Box) -> list[Cell]:
    """Return the cells of a grid that a box touches: only names in these can be in its way."""
    left, top, right, bottom = (int(side // _CELL_PX) for side in box)
    return [(column, row) for column in range(left, right + 1) for row in range(top, bottom + 1)]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
