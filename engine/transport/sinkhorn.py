"""Entropic optimal transport, stabilised.

Cuturi, NeurIPS 2013; Schmitzer, SIAM J. Sci. Comput. 2019.

The plain algorithm scales the kernel exp(−C/ε), which underflows in float32 at ε = 0.01;
working with potentials and ``logsumexp`` does not, but costs a matrix of exponentials each
iteration.  Here steps in the log domain alternate with rounds of plain scaling on the kernel
exp((f + g − C)/ε), which is of order one near the solution; as soon as the scalings leave a
safe range, they are absorbed into the potentials.  Where that closes in too slowly, Newton's method
finishes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.transport.newton import solve_by_newton

_BLOCK = 5  # scaling steps between two looks at the result
_SAFE = 15.0  # |log u| at which scalings are absorbed into the potentials
_OVERFLOW = 40.0  # |log u| beyond which a step is taken back
_TRIED = 20  # scaling steps before their pace is judged
_PATIENCE = 150  # scaling steps that Newton's method is at least as fast as
_PRECISE = 1 << 25  # entries of a plan up to which Newton's method works in float64


@dataclass(frozen=True)
class Sinkhorn:
    """What the solver found.

    ``f`` (..., n) and ``g`` (..., m) are the potentials.  Rows of the plan sum to ``a`` by
    construction; ``iterations`` counts steps of scaling and of Newton's method alike, and
    ``marginal_error`` is the largest Σ_j |Σ_i π_ij − b_j| over the batch.
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
    newton: bool = True,
) -> Sinkhorn:
    """Solve min ⟨π, C⟩ + ε KL(π ‖ a⊗b) over plans with marginals ``a`` and ``b``.

    :param cost: (..., n, m).
    :param epsilon: regularisation, in units of the cost.
    :param a: (..., n) row marginal, default uniform; entries may be 0.
    :param b: (..., m) column marginal, default uniform; entries may be 0.
    :param tolerance: stop when the column marginals are met to this (ℓ1).
    :param max_iterations: scaling steps at most.
    :param warm_start: (..., m) a first guess of ``g``.
    :param newton: whether problems on which scaling is slow are finished by Newton's method
        (:mod:`engine.transport.newton`).
    :return: potentials, plan and how the iteration ended; it never raises for want of
        convergence, ``converged`` says it.
    """
    log_a = log_marginal(cost, a, cost.shape[-2])
    log_b = log_marginal(cost, b, cost.shape[-1])
    scaled = cost / -epsilon
    g = torch.zeros_like(log_b) if warm_start is None else warm_start / epsilon
    patience = _PATIENCE if newton else None
    g, error, iterations = _alternate(scaled, log_a, log_b, g, tolerance, max_iterations, patience)
    if newton and error > tolerance and 0 < iterations < max_iterations:
        g, steps = _finish(scaled, log_a, log_b, g, tolerance)
        scaled, log_a, log_b = (x.to(g) for x in (scaled, log_a, log_b))
        g, error, more = _alternate(
            scaled, log_a, log_b, g, tolerance, max_iterations - iterations, None
        )
        iterations += steps + more - 1
    log_plan = scaled + (g + log_b)[..., None, :]
    f = -torch.logsumexp(log_plan, -1)
    log_plan += (f + log_a)[..., :, None]
    f, g, log_plan = ((x.to(cost.dtype)) for x in (f * epsilon, g * epsilon, log_plan))
    return Sinkhorn(f, g, log_plan, iterations, error, error <= tolerance)


def _alternate(
    scaled: Tensor,
    log_a: Tensor,
    log_b: Tensor,
    g: Tensor,
    tolerance: float,
    most: int,
    patience: int | None,
) -> tuple[Tensor, float, int]:
    """Alternate steps in the log domain with rounds of scaling; return g, error, steps.

    :param patience: give up when at the pace of the last steps more than so many are wanted.
    """
    rows, columns = scaled + log_b[..., None, :], scaled + log_a[..., :, None]
    f = -torch.logsumexp(rows + g[..., None, :], -1)
    error, iterations = float("inf"), 0
    while iterations < most:
        next_g = -torch.logsumexp(columns + f[..., :, None], -2)
        error = _column_error(torch.exp(g - next_g), log_b)
        iterations += 1
        if error <= tolerance:
            break
        g = next_g
        f = -torch.logsumexp(rows + g[..., None, :], -1)
        kernel = torch.exp(scaled + f[..., :, None] + g[..., None, :])
        log_u, log_v, steps, error, slow = _scale(
            kernel, log_a, log_b, tolerance, most - iterations, patience
        )
        g, iterations = g + log_v, iterations + steps
        f = f + log_u
        if error <= tolerance or (slow and iterations > _TRIED):
            break
    return g, error, iterations


def _finish(
    scaled: Tensor, log_a: Tensor, log_b: Tensor, g: Tensor, tolerance: float
) -> tuple[Tensor, int]:
    """Finish every problem of a batch by Newton's method; return g and the steps of the longest.

    In float64, where the plan is not too large for it: rounding of −C/ε in float32 alone
    can keep the error above the tolerance.
    """
    shape = g.shape
    size = scaled.shape[-2:]
    if size[0] * size[1] <= _PRECISE:
        scaled, log_a, log_b, g = (x.double() for x in (scaled, log_a, log_b, g))
    problems = zip(
        scaled.reshape(-1, *size),
        log_a.reshape(-1, size[0]),
        log_b.reshape(-1, size[1]),
        g.reshape(-1, size[1]),
        strict=True,
    )
    ends = [solve_by_newton(*problem, tolerance) for problem in problems]
    return torch.stack([end.x for end in ends]).reshape(shape), max(end.steps for end in ends)


def _scale(
    kernel: Tensor, log_a: Tensor, log_b: Tensor, tolerance: float, most: int, patience: int | None
) -> tuple[Tensor, Tensor, int, float, bool]:
    """Scale a kernel of order one; return log u, log v, the steps taken, the error, and slowness.

    It ends when the marginals are met, after ``most`` steps, when at this pace more than
    ``patience`` steps are wanted, or when the scalings leave the safe range; steps that left it by
    an overflow are taken back.
    """
    a, b = log_a.exp()[..., None], log_b.exp()[..., None]
    transposed = kernel.transpose(-1, -2)
    u, v = torch.ones_like(a), torch.ones_like(b)
    error, steps, slow = float("inf"), 0, False
    while steps < most:
        next_u, next_v, before = u, v, v
        block = min(_BLOCK, most - steps)
        for _ in range(block):
            before, next_v = next_v, 1.0 / torch.matmul(transposed, next_u * a)
            next_u = 1.0 / torch.matmul(kernel, next_v * b)
        largest = max(_spread(next_u), _spread(next_v))
        if not largest < _OVERFLOW:
            break
        last, error = error, _column_error((before / next_v)[..., 0], log_b)
        u, v, steps = next_u, next_v, steps + block
        slow = patience is not None and steps_left(last, error, tolerance, block) > patience
        if error <= tolerance or largest > _SAFE or (slow and steps > _TRIED):
            break
    return u.log()[..., 0], v.log()[..., 0], steps, error, slow


def steps_left(last: float, error: float, tolerance: float, block: int) -> float:
    """Return how many steps more the tolerance wants at the pace of the last ``block``."""
    if not 0.0 < error < last < float("inf"):
        return float("inf") if error >= last else 0.0
    return block * math.log(max(error / tolerance, 1.0)) / math.log(last / error)


def _spread(scaling: Tensor) -> float:
    """Return the largest |log| of a scaling: infinite or NaN after an overflow."""
    return float(scaling.log().abs().max())


def _column_error(ratio: Tensor, log_b: Tensor) -> float:
    """Return the ℓ1 error of column marginals that are ``ratio`` times what they should be."""
    return float((log_b.exp() * (ratio - 1.0).abs()).sum(-1).max())


def log_marginal(cost: Tensor, marginal: Tensor | None, size: int) -> Tensor:
    """Return log weights of shape (..., size); zero weights become a very small number."""
    batch = cost.shape[:-2]
    if marginal is None:
        return cost.new_full((*batch, size), 1.0 / size).log()
    marginal = marginal.to(cost).expand(*batch, size)
    return marginal.clamp(min=torch.finfo(cost.dtype).tiny).log()
