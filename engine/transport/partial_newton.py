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

from engine.transport.ascent import Ascent, Dual, Step, climb

_NEAR = 1e-2  # at most so far from the bound a factor counts as lying at it


@torch.no_grad()
def projected_newton(
    scaled: Tensor,
    marginals: Tensor,
    mass: float,
    factors: Tensor,
    tolerance: float,
    max_steps: int = 100,
) -> Ascent:
    """Climb the dual until no marginal is violated by more than ``tolerance``, relative to s.

    :param scaled: (n, m) −C/ε.
    :param marginals: (n + m,) a and b, one behind the other.
    :param factors: (n + m,) u and v to begin with, none above 0.
    :return: the factors and their violation.
    """

    def step(x: Tensor, plan: Tensor) -> Step:
        sums = _sums(plan)
        gradient = marginals - sums
        reach = (x + gradient / sums).clamp(max=0.0) - x  # of a projected gradient step
        near = min(_NEAR, float(reach.abs().max()))
        free = ~((x >= -near) & (gradient >= 0))

        def damped(damping: float) -> tuple[Tensor, float]:
            delta = _step(plan, sums, gradient, free, mass, damping)
            moved = torch.where(free, (x + delta).clamp(max=0.0), x + reach)
            return moved, float((gradient * (moved - x)).sum())

        return damped

    dual = Dual(
        value=lambda x: _dual(scaled, marginals, mass, x),
        error=lambda x, plan: _violation(plan, marginals, x, mass),
        step=step,
        settle=lambda x, plan: _projected(x, plan, marginals, mass),
    )
    return climb(dual, factors, tolerance, max_steps)


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
