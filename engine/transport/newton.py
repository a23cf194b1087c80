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

import torch
from torch import Tensor

from engine.transport.ascent import Ascent, Dual, Step, climb

_DIRECT = 1024  # columns up to which the system is factorised; above, conjugate gradients
_PRECISION = 0.1  # relative residual of conjugate gradients
_LADDER = 7  # halvings of ε on the way down
_INNER = 300  # conjugate gradients of one step


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
        g, steps = rung.x * 2, steps + rung.steps  # in units of an ε that is halved
    return Ascent(rung.x, rung.error, steps) if rung.error < best.error else best


@torch.no_grad()
def newton_ascent(
    scaled: Tensor, log_a: Tensor, log_b: Tensor, g: Tensor, tolerance: float, max_steps: int = 100
) -> Ascent:
    """Climb the semi-dual from ``g`` until the columns' marginals are met to ``tolerance``.

    :param scaled: (n, m) −C/ε; its precision is that of the plan.
    :param log_a: (n,) logarithms of the row marginal; ``log_b`` (m,) of the column marginal.
    :return: g (m,) in units of ε, and the columns' ℓ1 error.
    """
    a, b = log_a.exp(), log_b.exp()

    def step(g: Tensor, plan: Tensor) -> Step:
        columns = plan.sum(0)
        gradient = b - columns

        def damped(damping: float) -> tuple[Tensor, float]:
            delta = _step(plan, a, columns, gradient, damping)
            return g + delta, float((gradient * delta).sum())

        return damped

    def settle(g: Tensor, plan: Tensor) -> Tensor:
        smallest = torch.finfo(plan.dtype).tiny
        return g + log_b - plan.sum(0).clamp(min=smallest).log()

    dual = Dual(
        value=lambda g: _dual(scaled, log_a, log_b, g),
        error=lambda g, plan: float((plan.sum(0) - b).abs().sum()),
        step=step,
        settle=settle,
    )
    return climb(dual, g, tolerance, max_steps)


def _dual(scaled: Tensor, log_a: Tensor, log_b: Tensor, g: Tensor) -> tuple[float, Tensor]:
    """Return φ(g) and the plan (n, m) whose rows sum to a."""
    log_plan = scaled + (g + log_b)
    f = -torch.logsumexp(log_plan, 1)
    value = (log_b.exp() * g).sum() + (log_a.exp() * f).sum()
    return float(value), log_plan.add_((f + log_a)[:, None]).exp_()


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
