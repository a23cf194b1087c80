"""Figures of retrieval: recall, mean average precision, modality gap."""

from __future__ import annotations

import torch
from torch import Tensor


def recall_and_map(scores: Tensor, relevant: Tensor, depth: int | None = 10) -> dict[str, float]:
    """Return R@1, R@5, R@10 and mAP of rankings.

    :param scores: (queries, items), higher is better; ties count against the relevant item.
    :param relevant: (queries, items) boolean; every query has at least one.
    :param depth: mAP counts hits among the first ``depth`` items (mAP@depth), or all if None.
    :return: ``r1``, ``r5``, ``r10`` and ``map`` as shares in [0, 1].
    """
    items = scores.shape[1]
    # Irrelevant items first among equals: stable sort of (score, irrelevance).
    order = torch.argsort(relevant.int(), dim=1, stable=True)
    order = order.gather(1, torch.argsort(-scores.gather(1, order), dim=1, stable=True))
    hits = relevant.gather(1, order).double()
    found = hits.cumsum(1)
    result = {f"r{k}": float((found[:, min(k, items) - 1] > 0).double().mean()) for k in (1, 5, 10)}
    shown = items if depth is None else min(depth, items)
    precision = found / torch.arange(1, items + 1, dtype=torch.float64)
    possible = relevant.sum(1).clamp(max=shown).double()
    average = (precision * hits)[:, :shown].sum(1) / possible
    return {**result, "map": float(average.mean())}


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
    """Return ‖mean of audio embeddings − mean of text embeddings‖ (paper section 5.1)."""
    return float((audio.mean(0) - text.mean(0)).norm())
