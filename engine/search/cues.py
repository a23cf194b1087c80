"""Cue sheets: which clip for which cue, all at once, as a transport problem with capacities.

Each cue takes at most ``alternates`` moments, each moment goes to one cue at most, and a
recording gives at most ``per_sound`` moments.  A place may stay empty, which gains nothing: only
as much mass moves as is worth it (partial transport, docs/retrieval.md).  The constraints are
those of a flow, so the linear programme has a solution in whole clips; HiGHS finds it exactly,
on a growing set of pairs, until no other pair could improve it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.arrays import Booleans, Floats, Integers
from engine.errors import InputError

_AT_FIRST = 16  # pairs a cue in the first programme, and how many more in each round
_SLACK = 1e-6


@dataclass(frozen=True)
class CueRules:
    """Capacities: moments per cue, and moments from any one recording in all."""

    alternates: int = 1
    per_sound: int = 1


@dataclass(frozen=True)
class Pairs:
    """What may be chosen: arrays (pairs,) of cues, windows, the windows' sounds, and gains.

    A gain is how much better than leaving the cue's place empty a window is.
    """

    cues: Integers
    windows: Integers
    sounds: Integers
    gains: Floats

    def where(self, keep: Booleans) -> Pairs:
        """Return some of the pairs."""
        return Pairs(self.cues[keep], self.windows[keep], self.sounds[keep], self.gains[keep])


def assign(
    cues: int,
    pairs: Pairs,
    rules: CueRules,
    locked: Mapping[int, Sequence[tuple[int, int]]] | None = None,
) -> list[list[int]]:
    """Return for each of ``cues`` its windows, best first, with the highest total gain.

    :param locked: (window, sound) that cues keep whatever they gain; they get no others.
    :raises InputError: locked cues use a window twice, or a recording too often.
    """
    locked = locked or {}
    taken = [clip for clips in locked.values() for clip in clips]
    left = _capacities(taken, rules)
    free = ~np.isin(pairs.windows, [window for window, _ in taken])
    free &= ~np.isin(pairs.cues, list(locked)) & (pairs.gains > 0)
    pairs = pairs.where(free)
    chosen = _optimal(cues, pairs, rules, left)
    found: list[list[int]] = [[window for window, _ in locked.get(cue, ())] for cue in range(cues)]
    order = np.flatnonzero(chosen)
    for pair in order[np.argsort(-pairs.gains[order], kind="stable")]:
        found[int(pairs.cues[pair])].append(int(pairs.windows[pair]))
    return found


def _capacities(taken: Sequence[tuple[int, int]], rules: CueRules) -> dict[int, int]:
    """Return what the sounds of locked clips may still give."""
    if len({window for window, _ in taken}) < len(taken):
        raise InputError("two locked cues hold the same clip: unlock one of them")
    left: dict[int, int] = {}
    for _, sound in taken:
        left[sound] = left.get(sound, rules.per_sound) - 1
    if min(left.values(), default=0) < 0:
        raise InputError(
            f"locked cues take more than {rules.per_sound} clips from one recording: unlock "
            "one of them, or allow more per recording"
        )
    return left


def _optimal(cues: int, pairs: Pairs, rules: CueRules, left: Mapping[int, int]) -> Booleans:
    """Return which pairs are chosen, by column generation.

    A pair that is not in the programme could improve it only if its gain exceeded the prices of
    its cue, its window and its sound, the programme's dual solution; windows and sounds that are
    not in it cost nothing.
    """
    names, sound_of = np.unique(pairs.sounds, return_inverse=True)
    windows, window_of = np.unique(pairs.windows, return_inverse=True)
    limits = np.concatenate(
        [
            np.full(cues, rules.alternates),
            np.ones(len(windows)),
            [left.get(int(name), rules.per_sound) for name in names],
        ]
    )
    rows = np.stack([pairs.cues, cues + window_of, cues + len(windows) + sound_of])
    inside = _best_of_each(pairs.cues, pairs.gains)
    chosen: Booleans = np.zeros(len(pairs.gains), bool)
    while inside.any():
        taken, prices = _solve(pairs.gains[inside], rows[:, inside], limits)
        reduced = pairs.gains - prices[rows].sum(0)
        better = _best_of_each(pairs.cues, np.where(inside, 0.0, reduced))
        if not better.any():
            chosen[np.flatnonzero(inside)[taken]] = True
            break
        inside |= better
    return chosen


def _best_of_each(cues: Integers, gains: Floats) -> Booleans:
    """Return each cue's pairs of highest gain, those that gain anything."""
    order = np.lexsort((-gains, cues))
    first = np.searchsorted(cues[order], cues[order])
    best: Booleans = np.zeros(len(gains), bool)
    best[order[np.arange(len(order)) - first < _AT_FIRST]] = True
    return best & (gains > _SLACK)


def _solve(gains: Floats, rows: Integers, limits: Floats) -> tuple[Booleans, Floats]:
    """Solve one programme; return which pairs it takes, and the price of every limit."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    used, row_of = np.unique(rows, return_inverse=True)
    each = np.tile(np.arange(len(gains)), 3)
    matrix = csr_array((np.ones(3 * len(gains)), (row_of.ravel(), each)))
    solved: Any = linprog(
        -gains.astype(np.float64), A_ub=matrix, b_ub=limits[used], bounds=(0, 1), method="highs-ds"
    )
    prices: Floats = np.zeros(len(limits), np.float32)
    prices[used] = -solved.ineqlin.marginals
    return solved.x > 0.5, prices
