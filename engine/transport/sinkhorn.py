"""Entropic optimal transport, stabilised.

Cuturi, NeurIPS 2013; Schmitzer, SIAM J. Sci. Comput. 2019.

The plain algorithm scales the kernel exp(−C/ε), which underflows in float32 at ε = 0.01;
working with potentials and ``logsumexp`` does not, but costs a matrix of exponentials each
iteration.  Here steps in the log domain alternate with rounds of plain scaling on the kernel
exp((f + g − C)/ε), which is of order one near the solution; as soon as the scalings leave a
safe range, they are absorbed into the potentials.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_BLOCK = 5  # scaling steps between two looks at the result
_SAFE = 15.0  # |log u| at which scalings are absorbed into the potentials
_OVERFLOW = 40.0  # |log u| beyond which a step is taken back


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
    g = torch.zeros_like(log_b) if warm_start is None else warm_start / epsilon
    f = -torch.logsumexp(rows + g[..., None, :], -1)
    error, iterations = float("inf"), 0
    while iterations < max_iterations:
        next_g = -torch.logsumexp(columns + f[..., :, None], -2)
        error = _column_error(torch.exp(g - next_g), log_b)
        iterations += 1
        if error <= tolerance:
            break
        g = next_g
        f = -torch.logsumexp(rows + g[..., None, :], -1)
        kernel = torch.exp(scaled + f[..., :, None] + g[..., None, :])
        log_u, log_v, steps, error = _scale(
            kernel, log_a, log_b, tolerance, max_iterations - iterations
        )
        g, iterations = g + log_v, iterations + steps
        f = f + log_u
        if error <= tolerance:
            break
    f = -torch.logsumexp(rows + g[..., None, :], -1)
    log_plan = rows + f[..., :, None] + g[..., None, :] + log_a[..., :, None]
    return Sinkhorn(f * epsilon, g * epsilon, log_plan, iterations, error, error <= tolerance)


def _scale(
    kernel: Tensor, log_a: Tensor, log_b: Tensor, tolerance: float, most: int
) -> tuple[Tensor, Tensor, int, float]:
    """Scale a kernel of order one; return log u, log v, the steps taken and the error.

    It ends when the marginals are met, after ``most`` steps, or when the scalings leave the
    safe range; steps that left it by an overflow are taken back.
    """
    a, b = log_a.exp()[..., None], log_b.exp()[..., None]
    transposed = kernel.transpose(-1, -2)
    u, v = torch.ones_like(a), torch.ones_like(b)
    error, steps = float("inf"), 0
    while steps < most:
        next_u, next_v, before = u, v, v
        block = min(_BLOCK, most - steps)
        for _ in range(block):
            before, next_v = next_v, 1.0 / torch.matmul(transposed, next_u * a)
            next_u = 1.0 / torch.matmul(kernel, next_v * b)
        largest = max(_spread(next_u), _spread(next_v))
        if not largest < _OVERFLOW:
            break
        error = _column_error((before / next_v)[..., 0], log_b)
        u, v, steps = next_u, next_v, steps + block
        if error <= tolerance or largest > _SAFE:
            break
    return u.log()[..., 0], v.log()[..., 0], steps, error


def _spread(scaling: Tensor) -> float:
    """Return the largest |log| of a scaling: infinite or NaN after an overflow."""
    return float(scaling.log().abs().max())


def _column_error(ratio: Tensor, log_b: Tensor) -> float:
    """Return the ℓ1 error of column marginals that are ``ratio`` times what they should be."""
    return float((log_b.exp() * (ratio - 1.0).abs()).sum(-1).max())


def _log_marginal(cost: Tensor, marginal: Tensor | None, size: int) -> Tensor:
    """Return log weights of shape (..., size); zero weights become a very small number."""
    batch = cost.shape[:-2]
    if marginal is None:
        return cost.new_full((*batch, size), 1.0 / size).log()
    marginal = marginal.to(cost).expand(*batch, size)
    return marginal.clamp(min=torch.finfo(cost.dtype).tiny).log()
