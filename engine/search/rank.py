"""Rank sounds by their best windows, and say how strong a match is: arrays in, arrays out.

The formulas are those of :mod:`engine.transport.potentials`, in numpy, because a search
must not wait for anything heavier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.models.spec import Ranking
from engine.store.vectors import Floats, Integers

_FLOOR = 1e-6  # smallest squared distance, as in mahalanobis_cost
WORDS_WEIGHT = 1.2  # of a word's inverse document frequency, in units of ε (docs/decisions/0009)


@dataclass(frozen=True)
class Ranked:
    """The best sounds: each one's best window (a place in what was ranked), score, strength."""

    places: Integers
    scores: Floats
    strengths: Floats


def rank(
    cost: Floats,
    potentials: Floats,
    sound_ids: Integers,
    ranking: Ranking,
    query_potential: float,
    limit: int,
    bonus: Floats | None = None,
) -> Ranked:
    """Return the ``limit`` best sounds by s = (λ f − C)/ε + bonus, best first.

    :param cost: (n,) of the query to windows of the sounds ``sound_ids`` (n,) with
        ``potentials`` (n,).
    :param query_potential: g_q of the strength, in units of the cost.
    :param bonus: (n,) what the words of a window's sound add; see :func:`words_bonus`.
    """
    score = (ranking.blend * potentials - cost) / ranking.epsilon
    if bonus is not None:
        score = score + bonus
    order = np.argsort(-score, kind="stable")
    _, first = np.unique(sound_ids[order], return_index=True)
    places = order[np.sort(first)[:limit]]
    strengths = strengths_of(cost[places], potentials[places], ranking, query_potential)
    return Ranked(places, score[places].astype(np.float32), strengths)


def costs_between(heard: Floats, texts: Floats, cost_scale: float) -> Floats:
    """Return the costs (n, m) of vectors (n, rank) to vectors (m, rank).

    It is :func:`engine.transport.mahalanobis_cost` of mapped vectors, in units of the cost.
    """
    cost: Floats = heard @ (-2.0 * texts.T)
    cost += np.einsum("ij,ij->i", heard, heard)[:, None]
    cost += np.einsum("ij,ij->i", texts, texts)
    np.sqrt(np.maximum(cost, _FLOOR, out=cost), out=cost)
    cost /= np.float32(cost_scale)
    return cost


def strengths_of(
    cost: Floats, potentials: Floats, ranking: Ranking, query_potential: float
) -> Floats:
    """Return match strengths in (0, 1): how much better the query explains than the bank."""
    log_odds = log_odds_of(cost, potentials, ranking, query_potential)
    strengths: Floats = (1.0 / (1.0 + np.exp(-log_odds))).astype(np.float32)
    return strengths


def log_odds_of(
    cost: Floats, potentials: Floats, ranking: Ranking, query_potential: float
) -> Floats:
    """Return the log-odds of match strengths, which stay within ±15."""
    score = np.float32(ranking.strength_blend) * potentials - cost
    evidence = (np.float32(query_potential) + score) / np.float32(ranking.epsilon)
    log_odds: Floats = np.clip(evidence, np.float32(-15), np.float32(15))
    return log_odds


def words_bonus(weights: Floats) -> Floats:
    """Return what the words that sounds hold add to their scores; see ``KeywordHits.weights``."""
    bonus: Floats = np.float32(WORDS_WEIGHT) * weights
    return bonus
