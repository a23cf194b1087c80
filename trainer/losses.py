"""The m-LTM loss with its exact gradient (paper eq. 6, 7 and 10).

The loss is KL(π̂ ‖ π), where π is the entropic plan of a batch's costs and π̂ the plan that
the pairs ask for.  With π converged and its marginals those of π̂ the envelope theorem gives

    loss = (⟨π̂, C⟩ − dual value)/ε + const,      ∂loss/∂C = (π̂ − π)/ε:

no graph through the iterations, memory O(b²).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.transport import sinkhorn


def target_plan(captions: Sequence[Hashable], device: torch.device | str = "cpu") -> Tensor:
    """Return π̂ (b, b): each row's mass 1/b spread evenly over the pairs of its caption.

    Repeated captions are not negatives of each other; without repeats this is Eye/b.
    """
    numbers: dict[Hashable, int] = {}
    ids = torch.tensor([numbers.setdefault(c, len(numbers)) for c in captions], device=device)
    same = (ids[:, None] == ids[None, :]).float()
    return same / same.sum(1, keepdim=True) / len(captions)


class _PlanDivergence(torch.autograd.Function):
    """KL(π̂ ‖ π(C)) with the gradient (π̂ − π)/ε."""

    @staticmethod
    def forward(
        ctx: Any, cost: Tensor, target: Tensor, epsilon: float, tolerance: float, iterations: int
    ) -> Tensor:
        solved = sinkhorn(
            cost.detach(),
            epsilon,
            target.sum(-1),
            target.sum(-2),
            tolerance=tolerance,
            max_iterations=iterations,
        )
        ctx.save_for_backward((target - solved.plan) / epsilon)
        value: Tensor = (torch.special.xlogy(target, target) - target * solved.log_plan).sum()
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return grads[0] * gradient, None, None, None, None


def mltm_loss(
    cost: Tensor,
    target: Tensor,
    epsilon: float = 0.05,
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 1000,
) -> Tensor:
    """Return the m-LTM loss of a batch, a scalar ≥ 0 (when converged).

    Inputs: ``cost`` (b, b), audio by text, already divided by its scale (a constant: the
    gradient does not pass through the scale); ``target`` (b, b) from :func:`target_plan`.
    Relation: with π̂ = Eye/b this is −(1/b) Σ log π_ii − log b.
    Reference: *Revisiting Deep Audio-Text Retrieval Through the Lens of Transportation*,
    ICLR 2024, eq. 10; for the inverse problem, Li et al., JMLR 2019.
    """
    loss: Tensor = _PlanDivergence.apply(  # type: ignore[no-untyped-call]
        cost, target, epsilon, tolerance, max_iterations
    )
    return loss
