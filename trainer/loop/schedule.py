"""What every training run shares: how the rate goes, and an average of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def warm_up_cosine(share: float, warm_up: float, floor: float = 0.0) -> float:
    """Return the rate's factor at ``share`` of a run: up linearly, then down a half cosine.

    Loshchilov and Hutter, *SGDR*, ICLR 2017.  Only a run of no warm-up starts at 1.
    """
    if share < warm_up:
        return max(floor, share / warm_up)
    rest = (share - warm_up) / (1 - warm_up)
    return max(floor, 0.5 * (1 + math.cos(math.pi * min(1.0, rest))))


@torch.no_grad()
def update_average(
    average: Mapping[str, Tensor], values: Mapping[str, Tensor], decay: float, step: int
) -> None:
    """Move ``average`` towards ``values`` in place; early steps count more than ``decay`` says.

    Polyak averaging by an exponential window; integers (counters) are copied.
    """
    decay = min(decay, (1 + step) / (10 + step))
    for name, value in values.items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)
