"""Newton's method for the semi-dual of entropic transport.

Sinkhorn's scaling closes in on the solution by a constant factor a step, and that factor nears
one where ε is small beside the costs: hundreds of steps become tens of thousands.  With the rows'
potentials eliminated, f_i = −log Σ_j b_j exp(g_j − C_ij/ε), what is left is a smooth concave
function of the columns' potentials g (here in units of ε),

    φ(g) = Σ_j b_j g_j + Σ_i a_i f_i,   ∇φ = b − πᵀ1,   −∇²φ = diag(πᵀ1) − πᵀ diag(1/a) π,

on which a Newton step, near the solution, squares the error (Cuturi and Peyré, *A smoothed dual
approach for variational Wasserstein problems*, SIAM J. Imaging Sci. 2016; Brauer et al., *A
Sinkhorn-Newton method for entropic optimal transport*, 2017).  Far from it, and where a plan
all but falls into parts that hardly exchange mass, the Hessian is nearly singular; then the step is
damped as by Levenberg and Marquardt, and a step of Sinkhorn's after each puts every column right
whose own potential is enough for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_DIRECT = 1024  # columns up to which the system is factorised; above, conjugate gradients
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-6, 1e-12, 1e3
_SUFFICIENT = 1e-4  # share of the promised ascent that a step must bring (Armijo)
_PRECISION = 0.1  # relative residual of conjugate gradients
_STALLED = 4  # steps in a row that may ascend by no more than rounding
_LADDER = 7  # halvings of ε on the way down
_INNER = 300  # conjugate gradients of one step


@dataclass(frozen=True)
class Ascent:
    """Where Newton's method ended: g (m,) in units of ε, the columns' ℓ1 error, the steps."""

    g: Tensor
    error: float
    steps: int


def solve_by_newton(
    scaled: Tensor, log_a: Tensor, log_b: Tensor, g: Tensor, tolerance: float
) -> Ascent:
    """Solve from ``g``; if that fails, from above: at a large ε first, halved down to the asked.

    Inputs are those of :func:`newton_ascent`.
    """
    best = newton_ascent(scaled, log_a, log_b, g, tolerance)
    if best.error <= tolerance:
        return best
    g, steps = torch.zeros_like(g), best.steps
    for power in range(_LADDER, -1, -1):
        rung = newton_ascent(scaled / 2**power, log_a, log_b, g, tolerance)
        g, steps = rung.g * 2, steps + rung.steps  # in units of an ε that is halved
    return Ascent(rung.g, rung.error, steps) if rung.error < best.error else best


@torch.no_grad()
def newton_ascent(
    scaled: Tensor, log_a: Tensor, log_b: Tensor, g: Tensor, tolerance: float, max_steps: int = 100
) -> Ascent:
    """Climb the semi-dual from ``g`` until the columns' marginals are met to ``tolerance``.

    :param scaled: (n, m) −C/ε; its precision is that of the plan.
    :param log_a: (n,) logarithms of the row marginal; ``log_b`` (m,) of the column marginal.
    :return: the best that was found; it ends early where precision does not allow more.
    """
    a, b = log_a.exp(), log_b.exp()
    dual, plan = _dual(scaled, log_a, log_b, g)
    best = Ascent(g, _error(plan, b), 0)
    damping, stalled = _FIRST_DAMPING, 0
    for steps in range(1, max_steps + 1):
        if best.error <= tolerance or stalled > _STALLED:
            break
        before, rounding = dual, 16.0 * torch.finfo(plan.dtype).eps * max(1.0, abs(dual))
        columns = plan.sum(0)
        gradient = b - columns
        while True:
            step = _step(plan, a, columns, gradient, damping)
            higher, next_plan = _dual(scaled, log_a, log_b, g + step)
            promised = _SUFFICIENT * float((gradient * step).sum())
            if higher >= dual + promised - rounding:
                break
            damping *= 10.0
            if damping > _MOST_DAMPING:
                return best
        damping = max(damping / 10.0, _LEAST_DAMPING)
        smallest = torch.finfo(plan.dtype).tiny
        g = g + step + log_b - next_plan.sum(0).clamp(min=smallest).log()
        dual, plan = _dual(scaled, log_a, log_b, g)
        error = _error(plan, b)
        stalled = 0 if dual > before + rounding else stalled + 1
        if error < best.error:
            best = Ascent(g, error, steps)
    return best


def _dual(scaled: Tensor, log_a: Tensor, log_b: Tensor, g: Tensor) -> tuple[float, Tensor]:
    """Return φ(g) and the plan (n, m) whose rows sum to a."""
    log_plan = scaled + (g + log_b)
    f = -torch.logsumexp(log_plan, 1)
    value = (log_b.exp() * g).sum() + (log_a.exp() * f).sum()
    return float(value), log_plan.add_((f + log_a)[:, None]).exp_()


def _error(plan: Tensor, b: Tensor) -> float:
    return float((plan.sum(0) - b).abs().sum())


def _step(plan: Tensor, a: Tensor, columns: Tensor, gradient: Tensor, damping: float) -> Tensor:
    """Return δ (m,) with ((1 + μ) diag(c) − πᵀ diag(1/a) π) δ = ∇φ, up to a constant."""
    # A column without weight shall not make the system singular: nothing moves it anyway.
    least = 8.0 * torch.finfo(plan.dtype).eps * columns.mean()
    diagonal = (1.0 + damping) * columns.clamp(min=least)
    if len(columns) > _DIRECT:
        return _by_conjugate_gradients(plan, a, diagonal, gradient)
    root = plan / a.sqrt()[:, None]
    system = torch.diag(diagonal) - root.T @ root
    # Potentials are free up to a constant: without this the undamped system has no inverse.
    system += columns.mean() / len(columns)
    factor, failed = torch.linalg.cholesky_ex(system)
    if int(failed):
        return torch.full_like(gradient, torch.nan)  # more damping is wanted
    return torch.cholesky_solve(gradient[:, None], factor)[:, 0]


def _by_conjugate_gradients(plan: Tensor, a: Tensor, diagonal: Tensor, gradient: Tensor) -> Tensor:
    """Solve by conjugate gradients, preconditioned by the diagonal."""
    solution, residual = torch.zeros_like(gradient), gradient
    direction = residual / diagonal
    product = float((residual * direction).sum())
    goal = _PRECISION**2 * product
    for _ in range(_INNER):
        applied = diagonal * direction - plan.T @ ((plan @ direction) / a)
        curvature = float((direction * applied).sum())
        if curvature <= 0.0:
            break
        solution = solution + product / curvature * direction
        residual = residual - product / curvature * applied
        scaled = residual / diagonal
        before, product = product, float((residual * scaled).sum())
        if product <= goal:
            break
        direction = scaled + product / before * direction
    return solution
