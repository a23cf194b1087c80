"""Which part of the map is in view, and where its places are on the screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.gui.library.map.cloud import Part
from engine.arrays import Floats

DEEPEST = 2000.0  # times as large as the whole map in view
_WIDEST = 0.8


@dataclass(frozen=True)
class MapView:
    """The middle of what is in view, and how many pixels the unit square takes."""

    x: float = 0.5
    y: float = 0.5
    scale: float = 1.0
    width: int = 1
    height: int = 1

    @property
    def whole(self) -> float:
        """Return the scale at which all of the map is in view."""
        return float(max(1, min(self.width, self.height)))

    @property
    def depth(self) -> float:
        """Return how many times larger the map is than when all of it is in view."""
        return self.scale / self.whole

    @property
    def part(self) -> Part:
        """Return what is in view."""
        x, y = self.width / 2 / self.scale, self.height / 2 / self.scale
        return Part(self.x - x, self.y - y, self.x + x, self.y + y)

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place is, in pixels."""
        return (
            (x - self.x) * self.scale + self.width / 2,
            (y - self.y) * self.scale + self.height / 2,
        )

    def places(self, xy: Floats) -> tuple[Any, Any]:
        """Return where places (n, 2) are, in pixels: two arrays (n,) of float64."""
        wide = xy.astype(np.float64)
        return (
            (wide[:, 0] - self.x) * self.scale + self.width / 2,
            (wide[:, 1] - self.y) * self.scale + self.height / 2,
        )

    def to_map(self, x: float, y: float) -> tuple[float, float]:
        """Return which place is at a pixel."""
        return (
            (x - self.width / 2) / self.scale + self.x,
            (y - self.height / 2) / self.scale + self.y,
        )

    def zoomed(self, factor: float, x: float, y: float) -> MapView:
        """Return what is in view when it is enlarged around a pixel."""
        bound = self.whole
        scale = min(max(self.scale * factor, _WIDEST * bound), DEEPEST * bound)
        at = self.to_map(x, y)
        moved_x = at[0] - (x - self.width / 2) / scale
        moved_y = at[1] - (y - self.height / 2) / scale
        return replace(self, x=moved_x, y=moved_y, scale=scale)._bounded()

    def moved(self, dx: float, dy: float) -> MapView:
        """Return what is in view when the map is pushed by so many pixels."""
        return replace(self, x=self.x - dx / self.scale, y=self.y - dy / self.scale)._bounded()

    def resized(self, width: int, height: int) -> MapView:
        """Return what is in view in a window of another size: as deep, around the same place."""
        depth = self.depth
        sized = replace(self, width=max(1, width), height=max(1, height))
        return replace(sized, scale=depth * sized.whole)

    def fitted(self) -> MapView:
        """Return all of the map."""
        return replace(self, x=0.5, y=0.5, scale=self.whole)

    def around(self, x: float, y: float) -> MapView:
        """Return the same with a place in view, in the middle if it was not."""
        part = self.part.grown(-0.05)
        if part.left <= x <= part.right and part.top <= y <= part.bottom:
            return self
        return replace(self, x=x, y=y)

    def _bounded(self) -> MapView:
        return replace(self, x=min(1.0, max(0.0, self.x)), y=min(1.0, max(0.0, self.y)))
