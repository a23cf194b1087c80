"""Places for sounds that came later, among those that have theirs."""

from __future__ import annotations

import numpy as np

from engine.arrays import Booleans, Floats, Integers
from engine.progress import Control
from engine.search.library_map.neighbours import nearest

_CONSIDERED = 10  # nearest sounds that have a place
_APART = 3.0  # median distances from their middle, above which one of these does not count
_BESIDE = 0.15  # of their median distance that a sound is put beside their middle


def place_among(
    vectors: Floats, known: Floats, places: Floats, control: Control, stage: str = "placing"
) -> Floats:
    """Return places (n, 2) for ``vectors`` (n, d): in the middle of the nearest ``known`` ones.

    Of the nearest, those that lie far from most others do not count, so that nothing ends up in
    the no man's land between two regions.

    :param known: (m, d), at ``places`` (m, 2).
    :raises Cancelled: the user asked to stop.
    """
    count = min(_CONSIDERED, len(known))
    near, squares = nearest(known, vectors, count, control, stage)
    around = places[near]
    middle = np.median(around, axis=1, keepdims=True)
    apart = np.hypot(*np.moveaxis(around - middle, 2, 0))
    typical = np.median(apart, axis=1, keepdims=True)
    weights = 1.0 / (squares + 0.1 * squares.mean(1, keepdims=True) + 1e-6)
    weights *= apart <= _APART * typical + 1e-6
    found = (weights[..., None] * around).sum(1) / weights.sum(1)[:, None]
    random = np.random.default_rng(0)  # twins should not hide one another
    beside = random.standard_normal(found.shape) * (_BESIDE * typical + 1e-3)
    placed: Floats = (found + beside).astype(np.float32)
    return placed


def aligned(places: Floats, to: Floats, which: Booleans) -> Floats:
    """Return places (n, 2) turned, mirrored and moved so that ``which`` (n,) lie as ``to`` (m, 2).

    Distances stay: it is the orthogonal Procrustes problem (Schönemann, Psychometrika 1966).
    """
    if which.sum() < 2:
        return places
    own = places[which].astype(np.float64)
    u, _, v = np.linalg.svd((own - own.mean(0)).T @ (to - to.mean(0)))
    turned = (places - own.mean(0)) @ (u @ v) + to.mean(0)
    result: Floats = turned.astype(np.float32)
    return result


def landmarks(count: int, most: int) -> Integers:
    """Return ``most`` of ``count`` sounds at random, ascending; all if there are fewer."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(count).choice(count, most, replace=False))
