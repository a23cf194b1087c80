"""The training objectives, with one interface.

Every loss takes a batch's ground cost (b, b), sounds by captions, and the target plan π̂ (b, b)
of :func:`target_plan`, and returns a scalar; :func:`make_objective` gives them by name.  The
cost comes from :mod:`trainer.objectives.ground_metric`; the baselines turn it into a similarity,
s = 1 − c²/2, which under the Euclidean metric is the cosine of two embeddings of length 1.
Repeated captions are negatives of each other in none of them.

The two transport losses have exact gradients without a graph through the iterations, so that
memory is O(b²).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.transport import PartialPlan, partial_sinkhorn, sinkhorn

Objective = Callable[[Tensor, Tensor], Tensor]
_RIDGE = 1e-9


@dataclass(frozen=True)
class Solve:
    """How the solver of a transport loss ended; the gradient is exact only where it converged.

    ``marginal_error`` is the largest ℓ1 distance of the plan's marginals from what they are to
    be, relative to the mass.
    """

    iterations: int
    marginal_error: float
    converged: bool


Report = Callable[[Solve], None]


def _silent(solve: Solve) -> None:
    pass


@dataclass(frozen=True)
class ObjectiveConfig:
    """Which loss, and its numbers; defaults are the paper's.

    ``epsilon`` is in units of the cost, ``mass`` a share of 1, ``margin`` and ``temperature``
    in units of cosine similarity.  ``squared`` gives the transport losses c²/2 instead of the
    paper's c: then pairs that are close already are pulled less, as in the contrastive loss.
    """

    name: str = "mltm"
    epsilon: float = 0.05
    mass: float = 0.85
    margin: float = 0.2
    temperature: float = 0.07
    max_iterations: int = 2000
    squared: bool = False


def make_objective(config: ObjectiveConfig, report: Report = _silent) -> Objective:
    """Return the loss that ``config`` names.

    :param report: is told how the solver ended, at every call of a transport loss.
    :raises KeyError: there is no loss of that name; there are :data:`OBJECTIVES`.
    """
    c = config

    def transport(loss: Callable[..., Tensor], *numbers: float) -> Objective:
        limits = {"max_iterations": c.max_iterations, "report": report}
        return lambda cost, target: loss(ground(cost), target, *numbers, **limits)

    def ground(cost: Tensor) -> Tensor:
        return 0.5 * cost.square() if c.squared else cost

    return {
        "mltm": transport(mltm_loss, c.epsilon),
        "partial": transport(partial_mltm_loss, c.epsilon, c.mass),
        "incomplete": transport(incomplete_mltm_loss, c.epsilon, c.mass),
        "triplet": lambda cost, t: triplet_loss(cost, t, c.margin),
        "contrastive": lambda cost, t: contrastive_loss(cost, t, c.temperature),
        "entropic": lambda cost, t: contrastive_loss(cost, t, c.temperature, c.epsilon),
    }[config.name]


TRANSPORT = ("mltm", "partial", "incomplete")
OBJECTIVES = (*TRANSPORT, "triplet", "contrastive", "entropic")


def target_plan(captions: Sequence[Hashable], device: torch.device | str = "cpu") -> Tensor:
    """Return π̂ (b, b): each row's mass 1/b spread evenly over the pairs of its caption.

    Repeated captions are not negatives of each other; without repeats this is Eye/b.
    """
    numbers: dict[Hashable, int] = {}
    ids = torch.tensor([numbers.setdefault(c, len(numbers)) for c in captions], device=device)
    same = (ids[:, None] == ids[None, :]).float()
    return same / same.sum(1, keepdim=True) / len(captions)


def mltm_loss(
    cost: Tensor,
    target: Tensor,
    epsilon: float = 0.05,
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 2000,
    report: Report = _silent,
) -> Tensor:
    """Return the m-LTM loss KL(π̂ ‖ π) of a batch, a scalar ≥ 0 (when converged).

    Inputs: ``cost`` (b, b), audio by text, in units of ε's; ``target`` (b, b) from
    :func:`target_plan`.
    Relation: with π̂ = Eye/b this is −(1/b) Σ log π_ii − log b.  With π converged and its
    marginals those of π̂, the envelope theorem gives ∂loss/∂C = (π̂ − π)/ε.
    Reference: *Revisiting Deep Audio-Text Retrieval Through the Lens of Transportation*,
    ICLR 2024, eq. 6, 7 and 10.
    """
    solved = sinkhorn(
        cost.detach(),
        epsilon,
        target.sum(-1),
        target.sum(-2),
        tolerance=tolerance,
        max_iterations=max_iterations,
    )
    report(Solve(solved.iterations, solved.marginal_error, solved.converged))
    gradient = (target - solved.plan) / epsilon
    return _with_gradient(cost, _divergence(target, solved.log_plan), gradient)


def partial_mltm_loss(
    cost: Tensor,
    target: Tensor,
    epsilon: float = 0.05,
    mass: float = 0.85,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    report: Report = _silent,
) -> Tensor:
    """Return KL(π̂ ‖ π_s), where the plan π_s moves only the mass s and may leave pairs alone.

    Inputs: as :func:`mltm_loss`; ``mass`` s in (0, 1].
    Relation: log π = −C/ε + u_i + v_j + w, with u_i < 0 only where row i is full, v_j < 0 only
    where column j is, and w for the mass.  Those constraints stay active for a small change of
    C, so the multipliers follow from one symmetric linear system in the active ones; its
    adjoint gives ∂loss/∂C_ij = (π̂_ij − π_ij (α_i + β_j + γ))/ε.  With s = 1 the sum in
    brackets is 1 and this is :func:`mltm_loss`.
    Reference: the same paper, eq. 12 and 13; Benamou et al., SIAM J. Sci. Comput. 2015.
    """
    return _partial(cost, target, target, epsilon, mass, tolerance, max_iterations, report)


def incomplete_mltm_loss(
    cost: Tensor,
    target: Tensor,
    epsilon: float = 0.05,
    mass: float = 0.85,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    report: Report = _silent,
) -> Tensor:
    """Return KL(π̂_s ‖ π_s): partial transport whose target, too, leaves pairs alone.

    Inputs: as :func:`partial_mltm_loss`; about the share ``mass`` of the pairs is right.
    Relation: in KL(π̂ ‖ π_s) every pair, right or wrong, pulls with its full 1/b, while the
    plan that should push it apart leaves it alone.  Here the target is :func:`incomplete_plan`,
    a matching of mass s, so that both sides leave the same pairs alone; it is a constant of
    the gradient, which else is that of :func:`partial_mltm_loss`.  With s = 1 and
    no repeated caption this is :func:`mltm_loss`.
    Reference: section 3.3 of the same paper, whose aim is the incomplete matching.
    """
    own, chosen = incomplete_plan(cost, target, 2 * epsilon, mass, max_iterations=max_iterations)

    def both(solve: Solve) -> None:
        report(
            Solve(
                chosen.iterations + solve.iterations,
                max(chosen.marginal_error, solve.marginal_error),
                chosen.converged and solve.converged,
            )
        )

    return _partial(cost, own, target, epsilon, mass, tolerance, max_iterations, both)


@torch.no_grad()
def incomplete_plan(
    cost: Tensor, target: Tensor, epsilon: float, mass: float, *, max_iterations: int = 2000
) -> tuple[Tensor, Solve]:
    """Return π̂_s (b, b), the partial plan of mass s that only pairs of one caption may use.

    Cheap pairs keep their mass, dear ones lose it, the more sharply the smaller ``epsilon``.
    With it comes how its solver ended.
    """
    apart = torch.where(target > 0, cost.detach(), cost.detach().max() + 40.0 * epsilon)
    solved = partial_sinkhorn(
        apart,
        epsilon,
        mass,
        target.sum(-1),
        target.sum(-2),
        tolerance=1e-4,
        max_iterations=max_iterations,
    )
    own = solved.plan * (target > 0)
    return own * (mass / own.sum()), Solve(solved.iterations, solved.violation, solved.converged)


def triplet_loss(cost: Tensor, target: Tensor, margin: float = 0.2) -> Tensor:
    """Return the triplet loss with the hardest negative of the batch, both ways.

    Inputs: as :func:`mltm_loss`; ``margin`` in units of similarity.
    Relation: mean of max(0, margin + max_k s_ik − s_ii) and its mirror image, with the
    similarities s = 1 − c²/2.
    Reference: Faghri et al., *VSE++*, BMVC 2018; the paper's baseline.
    """
    similarity = _similarity(cost)
    own = similarity.diagonal()
    others = similarity.masked_fill(target > 0, -torch.inf)
    forward = (margin + others.max(1).values - own).clamp(min=0.0)
    backward = (margin + others.max(0).values - own).clamp(min=0.0)
    return (forward + backward).mean()


def contrastive_loss(
    cost: Tensor, target: Tensor, temperature: float = 0.07, entropic: float = 0.0
) -> Tensor:
    """Return the NT-Xent loss, both ways, with an optional entropic regularisation.

    Inputs: as :func:`mltm_loss`; ``temperature`` τ in units of similarity.
    Relation: −(1/b) Σ log R_ii, rows and columns, where R is the softmax of s/τ over the own
    pair and the true negatives; plus ``entropic`` times the mean of Σ_k R_ik log R_ik.  Eq. 14
    adds ε L_ent(R) and defines L_ent nowhere; (eq. 3, as printed, subtracts ε Σ π log π, against
    what algorithm 2 solves).  Here L_ent is the negative entropy, as in Cuturi's transport: it
    is least where R is uniform, and keeps R from becoming hard.
    Reference: the same paper, eq. 1 and 14; Chen et al., ICML 2020.
    """
    logits = _similarity(cost) / temperature
    repeated = (target > 0) & ~torch.eye(len(cost), dtype=torch.bool, device=cost.device)
    logits = logits.masked_fill(repeated, -torch.inf)
    loss = logits.new_zeros(())
    for axis in (0, 1):
        log_ranking = torch.log_softmax(logits, axis)
        loss = loss - log_ranking.diagonal().mean()
        if entropic:
            finite = log_ranking.masked_fill(repeated, 0.0)
            entropy = -(torch.softmax(logits, axis) * finite).sum(axis).mean()
            loss = loss - entropic * entropy
    return loss


def _partial(
    cost: Tensor,
    wanted: Tensor,
    target: Tensor,
    epsilon: float,
    mass: float,
    tolerance: float,
    max_iterations: int,
    report: Report = _silent,
) -> Tensor:
    """Return KL(wanted ‖ π_s), where π_s has at most the marginals of ``target``."""
    with torch.no_grad():
        solved = partial_sinkhorn(
            cost.detach(),
            epsilon,
            mass,
            target.sum(-1),
            target.sum(-2),
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        report(Solve(solved.iterations, solved.violation, solved.converged))
        multipliers = _partial_multipliers(solved, wanted)
        gradient = (wanted - solved.plan * multipliers) / epsilon
    return _with_gradient(cost, _divergence(wanted, solved.log_plan), gradient)


class _GivenGradient(torch.autograd.Function):
    """A scalar whose gradient is known."""

    @staticmethod
    def forward(ctx: Any, cost: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return grads[0] * gradient, None, None


def _with_gradient(cost: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    result: Tensor = _GivenGradient.apply(cost, value, gradient)  # type: ignore[no-untyped-call]
    return result


def _divergence(target: Tensor, log_plan: Tensor) -> Tensor:
    """Return Σ π̂ log(π̂/π)."""
    value: Tensor = (torch.special.xlogy(target, target) - target * log_plan).sum()
    return value


def _partial_multipliers(solved: PartialPlan, target: Tensor) -> Tensor:
    """Return α_i + β_j + γ (b, b) for the gradient of the partial loss with this target."""
    plan = solved.plan.double()
    a, b = target.sum(1).double(), target.sum(0).double()
    rows, columns = plan.sum(1), plan.sum(0)
    full_rows, full_columns = solved.log_u < 0, solved.log_v < 0
    n, m = len(a), len(b)
    system = torch.zeros(n + m + 1, n + m + 1, dtype=torch.float64, device=plan.device)
    system[:n, :n] = torch.diag(rows)
    system[:n, n : n + m] = plan
    system[:n, -1] = rows
    system[n : n + m, n : n + m] = torch.diag(columns)
    system[n : n + m, -1] = columns
    system[-1, -1] = plan.sum()
    system = torch.triu(system) + torch.triu(system, 1).T
    wanted = torch.cat([a, b, a.sum()[None]])
    active = torch.cat([full_rows, full_columns, full_rows.new_ones(1)])
    solution = torch.zeros_like(wanted)
    inner = system[active][:, active]
    # With all rows and columns active the system is singular, but what is wanted lies in its
    # range: a ridge far below the float32 plan's own precision picks one of the solutions.
    inner.diagonal().add_(_RIDGE * inner.diagonal().mean())
    solution[active] = torch.linalg.solve(inner, wanted[active])
    total = solution[:n, None] + solution[None, n : n + m] + solution[-1]
    return total.to(target.dtype)


def _similarity(cost: Tensor) -> Tensor:
    """Return 1 − c²/2: the cosine, where the cost is the distance of vectors of length 1."""
    return 1.0 - 0.5 * cost.square()
