"""Entropic optimal transport in the log domain (Cuturi, NeurIPS 2013).

Working with potentials and ``logsumexp`` keeps float32 sound at ε = 0.01, where the plain
algorithm's kernel exp(−C/ε) underflows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sinkhorn:
    """What the solver found.

    ``f`` (..., n) and ``g`` (..., m) are the potentials.  Rows of the plan sum to ``a`` by
    construction; ``marginal_error`` is the largest Σ_j |Σ_i π_ij − b_j| over the batch.
    """

    f: Tensor
    g: Tensor
    log_plan: Tensor
    iterations: int
    marginal_error: float
    converged: bool

    @property
    def plan(self) -> Tensor:
        """The transport plan π, shape (..., n, m)."""
        return self.log_plan.exp()


@torch.no_grad()
def sinkhorn(
    cost: Tensor,
    epsilon: float,
    a: Tensor | None = None,
    b: Tensor | None = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    warm_start: Tensor | None = None,
) -> Sinkhorn:
    """Solve min ⟨π, C⟩ + ε KL(π ‖ a⊗b) over plans with marginals ``a`` and ``b``.

    :param cost: (..., n, m).
    :param epsilon: regularisation, in units of the cost.
    :param a: (..., n) row marginal, default uniform; entries may be 0.
    :param b: (..., m) column marginal, default uniform; entries may be 0.
    :param tolerance: stop when the column marginals are met to this (ℓ1).
    :param warm_start: (..., m) a first guess of ``g``.
    :return: potentials, plan and how the iteration ended; it never raises for want of
        convergence, ``converged`` says it.
    """
    log_a = _log_marginal(cost, a, cost.shape[-2])
    log_b = _log_marginal(cost, b, cost.shape[-1])
    scaled = cost / -epsilon
    rows = scaled + log_b[..., None, :]
    columns = scaled + log_a[..., :, None]
    weight = log_b.exp()
    g = torch.zeros_like(log_b) if warm_start is None else warm_start / epsilon
    f = -torch.logsumexp(rows + g[..., None, :], -1)
    error = float("inf")
    iterations = 0
    while iterations < max_iterations:
        iterations += 1
        next_g = -torch.logsumexp(columns + f[..., :, None], -2)
        error = float((weight * torch.expm1(g - next_g).abs()).sum(-1).max())
        if error <= tolerance:
            break
        g = next_g
        f = -torch.logsumexp(rows + g[..., None, :], -1)
    log_plan = rows + f[..., :, None] + g[..., None, :] + log_a[..., :, None]
    return Sinkhorn(f * epsilon, g * epsilon, log_plan, iterations, error, error <= tolerance)


def _log_marginal(cost: Tensor, marginal: Tensor | None, size: int) -> Tensor:
    """Return log weights of shape (..., size); zero weights become a very small number."""
    batch = cost.shape[:-2]
    if marginal is None:
        return cost.new_full((*batch, size), 1.0 / size).log()
    marginal = marginal.to(cost).expand(*batch, size)
    return marginal.clamp(min=torch.finfo(cost.dtype).tiny).log()
