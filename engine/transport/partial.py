"""Partial entropic transport: move only a share of the mass (paper eq. 12 and 13)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.transport.partial_newton import projected_newton
from engine.transport.sinkhorn import log_marginal, steps_left

_TRIED = 20  # rounds before their pace is judged
_PATIENCE = 300  # rounds that Newton's method is at least as fast as
_LARGEST = 2048  # rows and columns together up to which its system is factorised
_BLOCK = 10  # rounds between two looks at the result
_PLAIN = 50.0  # spread of −C/ε up to which exp(−C/ε) and its products are safe in float32


_Factors = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class PartialPlan:
    """A plan whose rows sum to at most ``a``, columns to at most ``b``, in all to the mass.

    ``log_u`` (..., n) and ``log_v`` (..., m) are the row and column factors' logarithms:
    negative where a row or column is full, else 0.  ``violation`` is the largest excess over
    a marginal, or gap below one that is said to be full, relative to the mass.
    """

    log_plan: Tensor
    log_u: Tensor
    log_v: Tensor
    iterations: int
    violation: float
    converged: bool

    @property
    def plan(self) -> Tensor:
        """The transport plan π, shape (..., n, m)."""
        return self.log_plan.exp()


@torch.no_grad()
def partial_sinkhorn(
    cost: Tensor,
    epsilon: float,
    mass: float,
    a: Tensor | None = None,
    b: Tensor | None = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    newton: bool = True,
) -> PartialPlan:
    """Solve partial entropic transport by Bregman projections.

    Dykstra's corrections for the three sets (rows ≤ a, columns ≤ b, total = mass) stay
    rank one, so the plan is exp(−C/ε) times a row factor ≤ 1, a column factor ≤ 1 and a
    number: the state is n + m + 1 numbers a problem (Benamou et al., *Iterative Bregman
    projections for regularized transportation problems*, SIAM J. Sci. Comput. 2015,
    section 5).

    :param cost: (..., n, m).
    :param mass: total mass, 0 < mass ≤ min(Σa, Σb).
    :param max_iterations: rounds of projections at most.
    :param newton: whether problems on which that is slow are finished by Newton's method
        (:mod:`engine.transport.partial_newton`).
    :raises ValueError: ``mass`` is outside that range.
    """
    log_a = log_marginal(cost, a, cost.shape[-2])
    log_b = log_marginal(cost, b, cost.shape[-1])
    most = float(torch.minimum(log_a.exp().sum(-1), log_b.exp().sum(-1)).min())
    if not 0.0 < mass <= most * (1 + 1e-6):
        raise ValueError(f"mass must lie in (0, {most:.6g}], not {mass}")
    scaled = cost / -epsilon
    log_mass = torch.log(cost.new_tensor(mass))
    spread = float((scaled.amax((-2, -1)) - scaled.amin((-2, -1))).max())
    iterate = _scaling if spread < _PLAIN else _log_domain
    u, v, w = torch.zeros_like(log_a), torch.zeros_like(log_b), cost.new_zeros(cost.shape[:-2])
    violation, iterations = float("inf"), 0
    newton = newton and sum(cost.shape[-2:]) <= _LARGEST
    while iterations < max_iterations and violation > tolerance:
        block = min(_BLOCK, max_iterations - iterations)
        u, v, w = iterate(scaled, log_a, log_b, log_mass, (u, v), block)
        iterations, last = iterations + block, violation
        log_plan, violation = _plan(scaled, log_a, log_b, mass, (u, v, w))
        slow = steps_left(last, violation, tolerance, block) > _PATIENCE
        if newton and violation > tolerance and slow and iterations > _TRIED:
            newton = False
            u, v, w, steps = _finish(scaled, log_a, log_b, mass, (u, v), tolerance)
            scaled, log_a, log_b, log_mass = (x.to(u) for x in (scaled, log_a, log_b, log_mass))
            iterations += steps
            log_plan, violation = _plan(scaled, log_a, log_b, mass, (u, v, w))
    u, v, log_plan = (x.to(cost.dtype) for x in (u, v, log_plan))
    return PartialPlan(log_plan, u, v, iterations, violation, violation <= tolerance)


def _plan(
    scaled: Tensor, log_a: Tensor, log_b: Tensor, mass: float, factors: _Factors
) -> tuple[Tensor, float]:
    """Return the logarithm of the plan and its violation, relative to the mass."""
    u, v, w = factors
    log_plan = scaled + u[..., :, None] + v[..., None, :] + w[..., None, None]
    error_a = _violation(torch.logsumexp(log_plan, -1), log_a, u)
    error_b = _violation(torch.logsumexp(log_plan, -2), log_b, v)
    return log_plan, float(torch.maximum(error_a, error_b).max()) / mass


def _finish(
    scaled: Tensor,
    log_a: Tensor,
    log_b: Tensor,
    mass: float,
    start: tuple[Tensor, Tensor],
    tolerance: float,
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Finish every problem of a batch by Newton's method, in float64; return u, v, w and steps."""
    n, m = scaled.shape[-2:]
    scaled = scaled.double()
    marginals = torch.cat([log_a, log_b], -1).double().exp()
    factors = torch.cat(start, -1).double()
    problems = zip(
        scaled.reshape(-1, n, m),
        marginals.reshape(-1, n + m),
        factors.reshape(-1, n + m),
        strict=True,
    )
    ends = [
        projected_newton(costs, sums, mass, begin, tolerance) for costs, sums, begin in problems
    ]
    found = torch.stack([end.x for end in ends]).reshape(factors.shape)
    u, v = found[..., :n], found[..., n:]
    return u, v, math.log(mass) - _log_total(scaled, u, v), max(end.steps for end in ends)


def _log_domain(
    scaled: Tensor,
    log_a: Tensor,
    log_b: Tensor,
    log_mass: Tensor,
    start: tuple[Tensor, Tensor],
    steps: int,
) -> _Factors:
    """Take ``steps`` rounds of projections; return log u, log v and log w."""
    u, v = start
    w = log_mass - _log_total(scaled, u, v)
    for _ in range(steps):
        rows = torch.logsumexp(scaled + v[..., None, :], -1) + w[..., None]
        u = torch.clamp(log_a - rows, max=0.0)
        columns = torch.logsumexp(scaled + u[..., :, None], -2) + w[..., None]
        v = torch.clamp(log_b - columns, max=0.0)
        w = log_mass - _log_total(scaled, u, v)
    return u, v, w


def _scaling(
    scaled: Tensor,
    log_a: Tensor,
    log_b: Tensor,
    log_mass: Tensor,
    start: tuple[Tensor, Tensor],
    steps: int,
) -> _Factors:
    """Do as :func:`_log_domain` by products with the kernel, which must not underflow."""
    shift = scaled.amax((-2, -1))
    kernel = torch.exp(scaled - shift[..., None, None])
    transposed = kernel.transpose(-1, -2)
    a, b, mass = log_a.exp()[..., None], log_b.exp()[..., None], log_mass.exp()
    u, v = (x.exp()[..., None] for x in start)
    column = torch.matmul(kernel, v)
    w = mass / (u * column).sum((-2, -1), keepdim=True)
    for _ in range(steps):
        u = torch.clamp(a / (column * w), max=1.0)
        v = torch.clamp(b / (torch.matmul(transposed, u) * w), max=1.0)
        column = torch.matmul(kernel, v)
        w = mass / (u * column).sum((-2, -1), keepdim=True)
    return u.log()[..., 0], v.log()[..., 0], w.log()[..., 0, 0] - shift


def _log_total(scaled: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return torch.logsumexp(torch.logsumexp(scaled + u[..., :, None], -2) + v, -1)


def _violation(log_sums: Tensor, log_marginal: Tensor, factor: Tensor) -> Tensor:
    """Return the ℓ1 distance of sums from their marginals, where above or said to be full."""
    difference = log_sums.exp() - log_marginal.exp()
    return torch.where(factor < 0, difference.abs(), difference.clamp(min=0.0)).sum(-1)
