"""Rank windows for one query, and sounds by their best window: arrays in, arrays out.

The formulas are those of :mod:`engine.transport.potentials`, in numpy, because a search
must not wait for anything heavier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.models.spec import Ranking
from engine.store.vectors import Floats, Integers, WindowVectors

_FLOOR = 1e-6  # smallest squared distance, as in mahalanobis_cost


@dataclass(frozen=True)
class Ranked:
    """The best sounds: each one's best window (an index), score and strength."""

    windows: Integers
    scores: Floats
    strengths: Floats


def costs(queries: Floats, windows: WindowVectors, cost_scale: float) -> Floats:
    """Return each window's cost to the nearest of ``queries`` (m, rank): shape (n,)."""
    best = None
    for query in queries:
        square = windows.squares + float(query @ query) - 2.0 * (windows.vectors @ query)
        best = square if best is None else np.minimum(best, square)
    assert best is not None
    cost: Floats = np.sqrt(np.maximum(best, _FLOOR)) / np.float32(cost_scale)
    return cost


def rank(
    cost: Floats,
    windows: WindowVectors,
    ranking: Ranking,
    query_potential: float,
    limit: int,
) -> Ranked:
    """Return the ``limit`` best sounds by s = (λ f − C)/ε, best first.

    :param cost: (n,) of the query to every window.
    :param query_potential: g_q of the strength, in units of the cost.
    """
    score = (ranking.blend * windows.potentials - cost) / ranking.epsilon
    if not len(score):
        nothing: Any = np.zeros(0)
        return Ranked(nothing.astype(np.int64), nothing.astype(np.float32), nothing)
    first = np.flatnonzero(np.diff(windows.sound_ids, prepend=windows.sound_ids[0] - 1))
    best = np.maximum.reduceat(score, first)
    limit = min(limit, len(best))
    top = np.argpartition(-best, limit - 1)[:limit]
    top = top[np.argsort(-best[top], kind="stable")]
    ends = np.append(first[1:], len(score))
    chosen = np.array([first[i] + int(score[first[i] : ends[i]].argmax()) for i in top], np.int64)
    evidence = (query_potential + windows.potentials[chosen] - cost[chosen]) / ranking.epsilon
    return Ranked(chosen, score[chosen], 1.0 / (1.0 + np.exp(-evidence)))
