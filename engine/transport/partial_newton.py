"""Projected Newton's method for the dual of partial entropic transport.

With the number w for the mass eliminated, the dual of eq. 13 (in units of ε) is to maximise

    ψ(u, v) = Σ_i a_i u_i + Σ_j b_j v_j − s log Σ_ij exp(u_i + v_j − C_ij/ε)   over u ≤ 0, v ≤ 0,

a smooth concave function whose gradient is (a − π1, b − πᵀ1).  Factors that lie at 0 and would rise
are held there, a damped Newton step is taken in the others and cut back to the bounds
(Bertsekas, *Projected Newton methods for optimization problems with simple constraints*, SIAM J.
Control Optim. 1982); a round of Bregman projections after each, which ascends too, lets
rows and columns that are full change quickly.
"""

from __future__ import annotations

import torch
from torch import Tensor

_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-6, 1e-12, 1e3
_SUFFICIENT = 1e-4  # share of the promised ascent that a step must bring (Armijo)
_STALLED = 4  # steps in a row that may ascend by no more than rounding
_NEAR = 1e-2  # at most so far from the bound a factor counts as lying at it


@torch.no_grad()
def projected_newton(
    scaled: Tensor,
    marginals: Tensor,
    mass: float,
    factors: Tensor,
    tolerance: float,
    max_steps: int = 100,
) -> tuple[Tensor, float, int]:
    """Climb the dual until no marginal is violated by more than ``tolerance``, relative to s.

    :param scaled: (n, m) −C/ε.
    :param marginals: (n + m,) a and b, one behind the other.
    :param factors: (n + m,) u and v to begin with, none above 0.
    :return: the best factors that were found, their violation, and the steps taken.
    """
    x = factors
    value, plan = _dual(scaled, marginals, mass, x)
    best, error, steps = x, _violation(plan, marginals, x, mass), 0
    damping, stalled = _FIRST_DAMPING, 0
    while error > tolerance and steps < max_steps and stalled <= _STALLED:
        before, rounding = value, 16.0 * torch.finfo(plan.dtype).eps * max(1.0, abs(value))
        sums = _sums(plan)
        gradient = marginals - sums
        reach = (x + gradient / sums).clamp(max=0.0) - x  # of a projected gradient step
        near = min(_NEAR, float(reach.abs().max()))
        free = ~((x >= -near) & (gradient >= 0))
        while True:
            step = _step(plan, sums, gradient, free, mass, damping)
            moved = torch.where(free, (x + step).clamp(max=0.0), x + reach)
            higher, next_plan = _dual(scaled, marginals, mass, moved)
            promised = _SUFFICIENT * float((gradient * (moved - x)).sum())
            if higher >= value + promised - rounding:
                break
            damping *= 10.0
            if damping > _MOST_DAMPING:
                return best, error, steps
        damping = max(damping / 10.0, _LEAST_DAMPING)
        x = _projected(moved, next_plan, marginals, mass)
        value, plan = _dual(scaled, marginals, mass, x)
        found = _violation(plan, marginals, x, mass)
        steps, stalled = steps + 1, 0 if value > before + rounding else stalled + 1
        if found < error:
            best, error = x, found
    return best, error, steps


def _dual(scaled: Tensor, marginals: Tensor, mass: float, x: Tensor) -> tuple[float, Tensor]:
    """Return ψ and the plan (n, m), whose mass is s."""
    n = len(scaled)
    log_plan = scaled + x[:n, None] + x[None, n:]
    total = torch.logsumexp(log_plan.flatten(), 0)
    value = (marginals * x).sum() - mass * total
    return float(value), (log_plan - total).exp_() * mass


def _sums(plan: Tensor) -> Tensor:
    return torch.cat([plan.sum(1), plan.sum(0)])


def _violation(plan: Tensor, marginals: Tensor, x: Tensor, mass: float) -> float:
    """Return the larger ℓ1 excess of rows or columns, or gap where they are said to be full."""
    difference = _sums(plan) - marginals
    wrong = torch.where(x < 0, difference.abs(), difference.clamp(min=0.0))
    n = len(plan)
    return float(torch.maximum(wrong[:n].sum(), wrong[n:].sum())) / mass


def _projected(x: Tensor, plan: Tensor, marginals: Tensor, mass: float) -> Tensor:
    """Return the factors after one projection onto the rows, the columns and the mass."""
    n, least = len(plan), torch.finfo(plan.dtype).tiny
    rows = plan.sum(1).clamp(min=least)
    u = (x[:n] + (marginals[:n] / rows).clamp(min=least).log()).clamp(max=0.0)
    scaled = plan * (u - x[:n]).exp()[:, None]
    columns = (scaled.sum(0) * mass / scaled.sum()).clamp(min=least)
    v = (x[n:] + (marginals[n:] / columns).clamp(min=least).log()).clamp(max=0.0)
    return torch.cat([u, v])


def _step(
    plan: Tensor, sums: Tensor, gradient: Tensor, free: Tensor, mass: float, damping: float
) -> Tensor:
    """Return the damped Newton step in the free factors, 0 in the others."""
    n = len(plan)
    system = torch.diag(sums)
    system[:n, n:] = plan
    system[n:, :n] = plan.T
    system -= sums[:, None] * sums[None, :] / mass
    least = 8.0 * torch.finfo(plan.dtype).eps * sums.mean()
    system.diagonal().add_(damping * sums.clamp(min=least) + least)
    inner = system[free][:, free]
    factor, failed = torch.linalg.cholesky_ex(inner)
    step = torch.zeros_like(gradient)
    if int(failed):
        return torch.full_like(gradient, torch.nan)  # more damping is wanted
    step[free] = torch.cholesky_solve(gradient[free][:, None], factor)[:, 0]
    return step
