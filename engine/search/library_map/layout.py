"""Places in the plane for sounds, so that neighbours in the library are neighbours on the map.

t-SNE (van der Maaten and Hinton, JMLR 2008) with the repulsion interpolated on a grid and
convolved by FFT (Linderman et al., Nature Methods 2019), so that a step costs O(n); affinities are
uniform over the nearest neighbours, and stay exaggerated to the end, which draws clusters together
as UMAP does (Böhm, Berens and Kobak, JMLR 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft

from engine.arrays import Doubles, Floats, Integers
from engine.progress import Control, Progress

_NODES = 3  # of interpolation in a box, a side
_FEWEST_BOXES, _MOST_BOXES = 40, 340  # a side
_AT_ONCE = 50_000  # points whose neighbours are looked at together
_EXACT_UP_TO = 400  # points of which all pairs are looked at
_LEAST_GAIN = 0.01
_WIDTH = 1e-4  # of the plane in the beginning
_FARTHEST = 5.0  # that a point goes in a step


@dataclass(frozen=True)
class Phase:
    """Steps of the descent: how many, how much attraction is exaggerated, the momentum."""

    steps: int
    exaggeration: float
    momentum: float


FIRST = (Phase(125, 12.0, 0.5), Phase(275, 1.5, 0.8))
AGAIN = (Phase(150, 1.5, 0.8),)  # from where the points were
REFINE = (Phase(30, 1.5, 0.5),)  # of points that were placed among others


def first_places(vectors: Floats) -> Floats:
    """Return where points (n, 2) begin: at the first two principal components, close together."""
    wide = vectors[:, :2] if vectors.shape[1] > 1 else np.repeat(vectors, 2, axis=1)
    spread = float(wide[:, 0].std()) or 1.0
    random = np.random.default_rng(0)
    places = wide / spread + 1e-2 * random.standard_normal(wide.shape)
    begin: Floats = (_WIDTH * places).astype(np.float32)
    return begin


def lay_out(
    neighbours: Integers,
    places: Floats,
    phases: tuple[Phase, ...],
    control: Control,
    told: Callable[[Floats, int], None] = lambda places, step: None,
    done: int = 0,
) -> Floats:
    """Return better places (n, 2) for points with known ``neighbours`` (n, k).

    :param told: is given places and how many steps led to them, after every step.
    :param done: steps of an earlier run that led to ``places``.
    :raises Cancelled: the user asked to stop.
    """
    y: Doubles = places.astype(np.float64)
    gains, velocity = np.ones_like(y), np.zeros_like(y)
    total, step = sum(phase.steps for phase in phases), 0
    for phase in phases:
        rate = len(y) / phase.exaggeration  # neighbours alone would take a point to their mean
        for _ in range(phase.steps):
            step += 1
            if step <= done:
                continue
            slope = gradient(y, neighbours, phase.exaggeration)
            against = np.sign(slope) == np.sign(velocity)
            gains = np.maximum(np.where(against, gains * 0.8, gains + 0.2), _LEAST_GAIN)
            velocity = phase.momentum * velocity - rate * gains * slope
            length = np.hypot(velocity[:, :1], velocity[:, 1:])
            velocity *= np.minimum(1.0, _FARTHEST / np.maximum(length, 1e-12))
            y = y + velocity
            y -= y.mean(0)
            control.report(Progress("arranging", step, total))
            told(y.astype(np.float32), step)
    return y.astype(np.float32)


def gradient(y: Doubles, neighbours: Integers, exaggeration: float) -> Doubles:
    """Return a quarter of t-SNE's gradient (n, 2) at ``y`` (n, 2).

    Affinities are those of ``neighbours`` (n, k), half in either direction.
    """
    repulsion, mass = repulsions(y)
    pull = _attractions(y, neighbours)
    n, k = neighbours.shape
    slope: Doubles = exaggeration / (2 * n * k) * pull - repulsion / mass
    return slope


def _attractions(y: Doubles, neighbours: Integers) -> Doubles:
    """Return Σ_j w_ij (y_i − y_j) over the neighbours in both directions, w = 1/(1 + d²)."""
    n = len(y)
    pull = np.zeros_like(y)
    for start in range(0, n, _AT_ONCE):
        near = neighbours[start : start + _AT_ONCE]
        apart = [y[start : start + _AT_ONCE, axis, None] - y[near, axis] for axis in (0, 1)]
        weight = 1.0 / (1.0 + apart[0] ** 2 + apart[1] ** 2)
        flat = near.ravel()
        for axis in (0, 1):
            force = apart[axis] * weight
            pull[start : start + _AT_ONCE, axis] += force.sum(1)
            pull[:, axis] -= np.bincount(flat, force.ravel(), n)
    return pull


def repulsions(y: Doubles) -> tuple[Doubles, float]:
    """Return Σ_j w_ij² (y_i − y_j) (n, 2), and Σ_ij w_ij over all pairs of different points.

    Of few points all pairs are summed; many are spread to the nodes of a grid.
    """
    return _summed_pairs(y) if len(y) <= _EXACT_UP_TO else _summed_on_grid(y)


def _summed_pairs(y: Doubles) -> tuple[Doubles, float]:
    apart = y[:, None] - y
    weight = 1.0 / (1.0 + (apart**2).sum(2))
    return (weight[..., None] ** 2 * apart).sum(1), max(float(weight.sum()) - len(y), 1e-12)


def _summed_on_grid(y: Doubles) -> tuple[Doubles, float]:
    grid = _Grid.around(y)
    (one, x_sum, y_sum), mass = grid.summed((np.ones(len(y)), y[:, 0], y[:, 1]))
    force = np.stack([y[:, 0] * one - x_sum, y[:, 1] * one - y_sum], axis=1)
    return force, max(mass - len(y), 1e-12)


@dataclass(frozen=True)
class _Grid:
    """Nodes that points are interpolated from: ``side`` of them each way.

    ``corner`` (n,) is the lowest node of each point's box, ``weights`` (2, 3, n) are Lagrange's.
    """

    side: int
    spacing: float
    corner: Integers
    weights: Doubles

    @classmethod
    def around(cls, y: Doubles) -> _Grid:
        low, high = y.min(), y.max()
        extent = max(float(high - low), 1e-9) * 1.0001
        boxes = int(np.clip(np.ceil(extent), _FEWEST_BOXES, _MOST_BOXES))
        width = extent / boxes
        places = (y - low) / width
        box = np.clip(places.astype(np.int64), 0, boxes - 1)
        inside = places - box  # in [0, 1]
        nodes = (np.arange(_NODES) + 0.5) / _NODES
        weights = np.ones((2, _NODES, len(y)))
        for node in range(_NODES):
            for other in range(_NODES):
                if other != node:
                    share = (inside - nodes[other]) / (nodes[node] - nodes[other])
                    weights[:, node] *= share.T
        side = boxes * _NODES
        corner = (box[:, 0] * side + box[:, 1]) * _NODES
        return cls(side, width / _NODES, corner, weights)

    def summed(self, charges: tuple[Doubles, ...]) -> tuple[list[Doubles], float]:
        """Return Σ_j w_ij² q_j (n,) of each of some charges q (n,), and Σ_ij w_ij q_i q_j.

        The latter of the first charge.
        """
        side, size = self.side, fft.next_fast_len(2 * self.side, real=True)
        steps = np.minimum(np.arange(size), size - np.arange(size)) * self.spacing
        kernel = 1.0 / (1.0 + steps[:, None] ** 2 + steps**2)
        squared = fft.rfft2(kernel**2)
        pairs = [(a, b) for a in range(_NODES) for b in range(_NODES)]
        places = [self.corner + a * side + b for a, b in pairs]
        shares = [self.weights[0, a] * self.weights[1, b] for a, b in pairs]
        found, mass = [], 0.0
        for number, charge in enumerate(charges):
            nodes = np.zeros(side * side)
            for place, share in zip(places, shares, strict=True):
                nodes += np.bincount(place, share * charge, side * side)
            spread = fft.rfft2(nodes.reshape(side, side), (size, size))
            field = fft.irfft2(spread * squared, (size, size))[:side, :side].ravel()
            found.append(sum(share * field[p] for p, share in zip(places, shares, strict=True)))
            if not number:
                plain = fft.irfft2(spread * fft.rfft2(kernel), (size, size))[:side, :side]
                mass = float(plain.ravel() @ nodes)
        return found, mass
