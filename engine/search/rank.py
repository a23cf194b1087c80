"""Rank sounds by their best windows, and say how strong a match is: arrays in, arrays out.

The formulas are those of :mod:`engine.transport.potentials`, in numpy, because a search
must not wait for anything heavier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Integers
from engine.models.spec import Ranking

_FLOOR = 1e-6  # smallest squared distance, as in mahalanobis_cost
WORDS_WEIGHT = 1.6  # of a word's inverse document frequency, in units of ε (docs/decisions/0009)
# Strength in log-odds of evidence: how often results of it are right, fitted by
# `python -m benchmarks.intentions.reliability` (docs/decisions/0006)
STRENGTH_SLOPE, STRENGTH_ZERO = 0.4, -1.8
UNHEARD = -5.0  # evidence of sounds in general: what is answered as often as they are
_MOST_LOG_ODDS = np.float32(15)
_LEAST_SHARE = 1e-6  # a divider of 0 leaves nothing weak


@dataclass(frozen=True)
class Ranked:
    """The best sounds: each one's best window (a place in what was ranked), score, strength.

    ``zero`` makes evidence of scores; ``words_shares`` (of what speaks for a sound) are in [0, 1].
    """

    places: Integers
    scores: Floats
    strengths: Floats
    words_shares: Floats
    zero: float


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

    Strength is a function of the score alone, the same for all sounds.

    :param cost: (n,) of the query to windows of the sounds ``sound_ids`` (n,) with
        ``potentials`` (n,).
    :param query_potential: g_q of the strength, in units of the cost.
    :param bonus: (n,) what the words of a window's sound add; see :func:`words_bonus`.
    """
    heard = sound_scores(cost, potentials, ranking)
    zero = zero_of(heard, potentials, ranking, query_potential)
    told = np.zeros_like(heard) if bonus is None else bonus
    score = heard + told
    order = np.argsort(-score, kind="stable")
    _, first = np.unique(sound_ids[order], return_index=True)
    places = order[np.sort(first)[:limit]]
    chosen = score[places].astype(np.float32)
    likeness = np.maximum(heard[places] + zero - UNHEARD, 0.0)
    shares = told[places] / np.maximum(told[places] + likeness, 1e-9)
    return Ranked(places, chosen, strengths_of(chosen + np.float32(zero), ranking), shares, zero)


def sound_scores(cost: Floats, potentials: Floats, ranking: Ranking) -> Floats:
    """Return (λ f − C)/ε of windows (n,): what their sound is worth."""
    score: Floats = (ranking.blend * potentials - cost) / ranking.epsilon
    return score


def zero_of(heard: Floats, potentials: Floats, ranking: Ranking, query_potential: float) -> float:
    """Return what is added to a query's scores to make evidence of them, 0 at the divider.

    It is g_q/ε.  A model whose strength is not calibrated counts all of the potential there, and
    λ of it in the score; its zero is such that the best window by sound has its share against the
    bank, so that strength falls with the score, too.
    """
    more = ranking.strength_blend - ranking.blend
    best = float(potentials[heard.argmax()]) if more and len(heard) else 0.0
    return (query_potential + more * best) / ranking.epsilon


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


def strengths_of(evidence: Floats, ranking: Ranking) -> Floats:
    """Return match strengths in (0, 1): how often results of this evidence are right.

    A model whose strength is not calibrated has the share against the bank instead, σ(evidence).
    """
    calibrated = np.float32(STRENGTH_SLOPE) * evidence + np.float32(STRENGTH_ZERO)
    log_odds = calibrated if ranking.familiar else evidence
    bounded = np.clip(log_odds, -_MOST_LOG_ODDS, _MOST_LOG_ODDS)
    strengths: Floats = (1.0 / (1.0 + np.exp(-bounded))).astype(np.float32)
    return strengths


def least_evidence(ranking: Ranking) -> float:
    """Return the evidence from which on a result stands above the divider."""
    share = min(max(ranking.divider, _LEAST_SHARE), 1 - _LEAST_SHARE)
    return math.log(share / (1 - share))


def least_strength(ranking: Ranking) -> float:
    """Return the strength from which on a result stands above the divider."""
    evidence = np.array([least_evidence(ranking)], np.float32)
    return float(strengths_of(evidence, ranking)[0])


def evidence_of(
    cost: Floats, potentials: Floats, ranking: Ranking, query_potential: float
) -> Floats:
    """Return how much speaks for windows by sound alone, within ±15; 0 at the divider."""
    score = np.float32(ranking.strength_blend) * potentials - cost
    worth = (np.float32(query_potential) + score) / np.float32(ranking.epsilon)
    evidence: Floats = np.clip(worth, -_MOST_LOG_ODDS, _MOST_LOG_ODDS)
    return evidence


def words_bonus(weights: Floats, whole: float) -> Floats:
    """Return what the words that sounds hold add to their scores: 1.6 w √(w / whole).

    One word of five tells less than the only one: what was asked for is named in part, and the
    ears know the rest.

    :param weights: (n,) of the words that each sound holds, ``KeywordHits.weights``.
    :param whole: the weight of all words of the query, ``KeywordHits.whole``.
    """
    share = weights / np.float32(max(whole, 1e-9))
    bonus: Floats = np.float32(WORDS_WEIGHT) * weights * np.sqrt(share)
    return bonus
