"""The ground cost: Mahalanobis distance through a factor of the metric (paper eq. 9).

With M = LᵀL the distance sqrt((x − y)ᵀ M (x − y)) is the Euclidean distance between Lx and
Ly.  So vectors are mapped once, and a cost matrix is one matrix product: never an n×m×d
tensor.
"""

from __future__ import annotations

import torch
from torch import Tensor


def map_vectors(z: Tensor, factor: Tensor) -> Tensor:
    """Return u = L z for vectors ``z`` (..., d) and ``factor`` L (r, d): shape (..., r)."""
    return z @ factor.T


def mahalanobis_cost(u: Tensor, v: Tensor, floor: float = 1e-6) -> Tensor:
    """Return Euclidean distances between mapped vectors: the Mahalanobis cost (eq. 9).

    :param u: (..., n, r) mapped vectors.
    :param v: (..., m, r) mapped vectors.
    :param floor: smallest squared distance; the root's gradient is infinite at 0, and
        rounding can bring the expanded square below it.
    :return: (..., n, m).
    """
    square = (
        u.square().sum(-1)[..., :, None]
        + v.square().sum(-1)[..., None, :]
        - 2.0 * torch.matmul(u, v.transpose(-1, -2))
    )
    return square.clamp(min=floor).sqrt()
