"""Damped Newton ascent of a concave dual, as balanced and partial transport share it.

The damping is Levenberg's and Marquardt's: grown while a step does not bring a share of the
ascent that the gradient promises (Armijo), shrunk after each that does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-6, 1e-12, 1e3
_SUFFICIENT = 1e-4  # share of the promised ascent that a step must bring
_STALLED = 4  # steps in a row that may ascend by no more than rounding

Step = Callable[[float], tuple[Tensor, float]]  # of a damping: where it leads, what it promises


@dataclass(frozen=True)
class Dual:
    """What is climbed, as functions of its variables x and of the plan (n, m) that they make.

    ``value`` gives the dual and the plan; ``error`` how far the plan's marginals are off; ``step``
    what makes Newton steps from x; ``settle`` a last, cheap ascent after each.
    """

    value: Callable[[Tensor], tuple[float, Tensor]]
    error: Callable[[Tensor, Tensor], float]
    step: Callable[[Tensor, Tensor], Step]
    settle: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Ascent:
    """Where an ascent ended: its variables, the error of their plan, the steps taken."""

    x: Tensor
    error: float
    steps: int


def climb(dual: Dual, x: Tensor, tolerance: float, max_steps: int) -> Ascent:
    """Climb from ``x`` until the error is at most ``tolerance``.

    :return: the best that was found; it ends early where precision does not allow more.
    """
    value, plan = dual.value(x)
    best, error, steps, stalled = x, dual.error(x, plan), 0, 0
    damping = _FIRST_DAMPING
    while error > tolerance and steps < max_steps and stalled <= _STALLED:
        before, rounding = value, 16.0 * torch.finfo(plan.dtype).eps * max(1.0, abs(value))
        step = dual.step(x, plan)
        while True:
            moved, promised = step(damping)
            higher, next_plan = dual.value(moved)
            if higher >= value + _SUFFICIENT * promised - rounding:
                break
            damping *= 10.0
            if damping > _MOST_DAMPING:
                return Ascent(best, error, steps)
        damping = max(damping / 10.0, _LEAST_DAMPING)
        x = dual.settle(moved, next_plan)
        value, plan = dual.value(x)
        steps, stalled = steps + 1, 0 if value > before + rounding else stalled + 1
        found = dual.error(x, plan)
        if found < error:
            best, error = x, found
    return Ascent(best, error, steps)
