"""Figures of retrieval: recall, mean average precision, their errors, modality gap."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor


def recall_and_map(scores: Tensor, relevant: Tensor, depth: int | None = 10) -> dict[str, float]:
    """Return R@1, R@5, R@10 and mAP of rankings: the means of :func:`of_each_query`.

    :return: ``r1``, ``r5``, ``r10`` and ``map`` as shares in [0, 1].
    """
    found = of_each_query(scores, relevant, depth)
    return {name: float(values.mean()) for name, values in found.items()}


def of_each_query(scores: Tensor, relevant: Tensor, depth: int | None = 10) -> dict[str, Tensor]:
    """Return what each query found: R@1, R@5, R@10 (0 or 1) and its average precision.

    :param scores: (queries, items), higher is better; ties count against the relevant item.
    :param relevant: (queries, items) boolean; every query has at least one.
    :param depth: mAP counts hits among the first ``depth`` items (mAP@depth), or all if None.
    :return: ``r1``, ``r5``, ``r10`` and ``map``, each (queries,) in float64.
    """
    items = scores.shape[1]
    # Irrelevant items first among equals: stable sort of (score, irrelevance).
    order = torch.argsort(relevant.int(), dim=1, stable=True)
    order = order.gather(1, torch.argsort(-scores.gather(1, order), dim=1, stable=True))
    hits = relevant.gather(1, order).double()
    found = hits.cumsum(1)
    result = {f"r{k}": (found[:, min(k, items) - 1] > 0).double() for k in (1, 5, 10)}
    shown = items if depth is None else min(depth, items)
    precision = found / torch.arange(1, items + 1, dtype=torch.float64)
    possible = relevant.sum(1).clamp(max=shown).double()
    return {**result, "map": (precision * hits)[:, :shown].sum(1) / possible}


def standard_error(values: Tensor, clusters: Sequence[Hashable] | None = None) -> float:
    """Return the standard error of a mean over test queries.

    Queries of one cluster (clips of one recording, captions of one clip) are not independent:
    their deviations are summed before they are squared.  Without clusters this is the binomial
    standard error of a recall, and, for any figure, what a bootstrap over queries tends to.
    Reference: Liang and Zeger, *Biometrika* 1986, for a mean.

    :param values: (queries,).
    :param clusters: one key a query; each query on its own if None.
    """
    keys = range(len(values)) if clusters is None else clusters
    numbers: dict[Hashable, int] = {}
    place = torch.tensor([numbers.setdefault(key, len(numbers)) for key in keys])
    deviation = (values - values.mean()).double()
    sums = torch.zeros(len(numbers), dtype=torch.float64).index_add_(0, place, deviation)
    return float(sums.square().sum().sqrt() / len(values))


def retrieval(cost: Tensor, relevant: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Return :func:`recall_and_map` of text→audio and of audio→text.

    Each caption of each sound is a query of its own; for a sound any of its captions counts.

    :param cost: (sounds, captions), lower is better.
    :param relevant: (sounds, captions) boolean.
    """
    asked = relevant.nonzero()[:, 1]
    forward = recall_and_map(-cost.T[asked], relevant.T[asked])
    return forward, recall_and_map(-cost, relevant)


def modality_gap(audio: Tensor, text: Tensor) -> float:
    """Return ‖mean of audio embeddings − mean of text embeddings‖ (paper section 5.1).

    :param audio: (n, d) embeddings z of length 1, not mapped by the metric: else the gap would
        be in units of M, and that of one metric could not be held against another's.
    :param text: (n, d), as ``audio``.
    """
    return float((audio.mean(0) - text.mean(0)).norm())
