"""The points of a map as a picture: numpy in, an image out, so that it can be made in a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtGui import QImage

from app.gui.kit.style.colour_map import Rgb
from app.gui.library.map.cloud import Cloud, Part
from engine.arrays import Booleans, Integers

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]
_MARGIN = 0.3  # of the view that is painted around it, so that it can be pushed
_DOTS_UP_TO = 40_000  # points that are painted as dots; more are a density
_LONE, _CROWDED = 0.8, 0.2  # how much a point covers among few, and among many in one pixel
_FADED = 0.25  # how much is left of points beside those that stand out


@dataclass(frozen=True, eq=False)
class Look:
    """How points look: a colour of ``colours`` (k, 3) each by ``kinds`` (n,) (None: the first).

    ``chosen`` (n,) stand out in ``accent``; ``faded``: all others stand back.
    """

    background: tuple[int, int, int]
    accent: tuple[int, int, int]
    colours: Rgb
    kinds: Bytes | None = None
    chosen: Booleans | None = None
    faded: bool = False


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be painted: a part of the map, so many device pixels to the unit square."""

    part: Part
    scale: float
    look: Look


@dataclass(frozen=True, eq=False)
class Frame:
    """A painted part of the map."""

    image: QImage
    order: Order


def order_of(view: Part, scale: float, look: Look) -> Order:
    """Return the order of what is in view, with some of what is around it."""
    return Order(view.grown(_MARGIN), scale, look)


def paint(cloud: Cloud, order: Order) -> Frame:
    """Return a picture; of many points their density, of few each as a dot."""
    part, scale, look = order.part, order.scale, order.look
    width = max(1, round((part.right - part.left) * scale))
    height = max(1, round((part.bottom - part.top) * scale))
    ground = np.array([*look.background[::-1], 255], np.uint8).view(np.uint32)
    canvas = np.full((height, width, 1), ground, np.uint32).view(np.uint8)  # a word a pixel
    rows = cloud.rows_in(part)
    xy = cloud.xy[rows]
    x = ((xy[:, 0] - part.left) * scale).astype(np.int64)
    y = ((xy[:, 1] - part.top) * scale).astype(np.int64)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if not inside.all():
        rows, x, y = rows[inside], x[inside], y[inside]
    radius = radius_of(len(rows))
    kinds = None if look.kinds is None else look.kinds[rows]
    _add(canvas, x, y, kinds, look.colours, radius, _FADED if look.faded else 1.0)
    if look.chosen is not None:
        marked = look.chosen[rows]
        accent = np.array([look.accent], np.uint8)
        few = radius_of(int(marked.sum()))
        _add(canvas, x[marked], y[marked], None, accent, max(radius, few * 0.8), 1.0)
    image = QImage(canvas.data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()
    return Frame(image, order)


def radius_of(count: int) -> float:
    """Return the radius of a point in pixels, so many being in view: half a pixel among many."""
    if count > _DOTS_UP_TO:
        return 0.5
    return float(np.clip(220 / np.sqrt(count + 1), 1.2, 4.5))


def _add(
    canvas: Bytes,
    x: Integers,
    y: Integers,
    kinds: Bytes | None,
    colours: Rgb,
    radius: float,
    strength: float,
) -> None:
    """Blend points into a picture (height, width, 4) of BGRA."""
    if not len(x):
        return
    height, width = canvas.shape[:2]
    offsets, cover = _dot(radius)
    if len(offsets) == 1:  # all of many points are inside: nothing is to be cut off, nor weighed
        place, amount, own = y * width + x, None, kinds
    else:
        at_x, at_y = x[:, None] + offsets[:, 0], y[:, None] + offsets[:, 1]
        inside = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
        place = (at_y * width + at_x)[inside]
        amount = np.broadcast_to(cover, at_x.shape)[inside]
        own = None if kinds is None else np.broadcast_to(kinds[:, None], at_x.shape)[inside]
    ink = np.bincount(place, amount, height * width)
    touched = np.flatnonzero(ink)
    ink = ink[touched]
    lone = _LONE if amount is not None else _alone(float(ink.mean()))
    opacity = 1 - (1 - lone * strength) ** ink
    flat = canvas.reshape(height * width, 4)
    for channel in range(3):
        if own is None:
            new: Numbers | float = float(colours[0, channel])
        else:
            values = colours[own, channel].astype(np.float64)
            weighed = values if amount is None else values * amount
            new = np.bincount(place, weighed, height * width)[touched] / ink
        old = flat[touched, 2 - channel].astype(np.float64)
        flat[touched, 2 - channel] = np.rint(old + (new - old) * opacity)


def _dot(radius: float) -> tuple[Integers, Numbers]:
    """Return the pixels (k, 2) of a dot around its middle, and how much of each it covers (k,)."""
    if radius <= 0.5:
        return np.zeros((1, 2), np.int64), np.ones(1)
    reach = int(np.ceil(radius))
    span = np.arange(-reach, reach + 1)
    grid = np.stack(np.meshgrid(span, span), axis=-1).reshape(-1, 2)
    cover = np.clip(radius + 0.5 - np.hypot(grid[:, 0], grid[:, 1]), 0, 1)
    return grid[cover > 0], cover[cover > 0]


def _alone(mean: float) -> float:
    """Return how much one point covers where so many fall on a pixel."""
    return float(np.clip(_LONE / mean**0.8, _CROWDED, _LONE))
