"""Means of groups of rows: of a clip's windows, say."""

from __future__ import annotations

import torch
from torch import Tensor


def group_means(values: Tensor, group: Tensor, count: int) -> Tensor:
    """Return every group's mean (count, width) of values (n, width); ``group`` (n,) says whose."""
    total = values.new_zeros(count, values.shape[1]).index_add_(0, group, values)
    return total / torch.bincount(group, minlength=count)[:, None]
