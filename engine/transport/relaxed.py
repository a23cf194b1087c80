"""Entropic transport whose column marginal is a wish, not a law.

Balanced transport of clips to labels would tell a folder of doors that its labels are uniformly
spread; transport without a column marginal lets a hub, a label near to everything, swallow all.
Between the two the marginal is penalised by its divergence (Chizat et al., *Scaling algorithms
for unbalanced optimal transport problems*, Math. Comp. 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def relaxed_potentials(
    cost: Tensor,
    epsilon: float,
    relaxation: float,
    a: Tensor | None = None,
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 500,
) -> Tensor:
    """Return the column potentials of min ⟨π, C⟩ + ε KL(π ‖ a⊗b) + ρ KL(πᵀ1 ‖ b).

    Rows keep their marginal a exactly, and b = 1/m is what columns are drawn to.  With
    ρ = 0 the potentials vanish and every row is on its own; with ρ → ∞ the plan is balanced.

    :param cost: (n, m).
    :param epsilon: ε, in units of the cost.
    :param relaxation: ρ, in units of the cost.
    :param a: (n,) row marginal, default uniform.
    :param tolerance: stop when no potential moves by more than this share of ε.
    :return: g (m,), so that π_ij ∝ exp((g_j − C_ij)/ε) in every row.
    """
    n, m = cost.shape
    g = cost.new_zeros(m)
    if relaxation <= 0 or not n:
        return g
    scaled = cost / -epsilon
    log_a = torch.log(cost.new_full((n,), 1 / n) if a is None else a.to(cost))[:, None]
    log_b = -torch.log(cost.new_tensor(m))
    damping = relaxation / (relaxation + epsilon)
    for _ in range(max_iterations):
        f = -torch.logsumexp(scaled + (g + log_b), 1, keepdim=True)
        moved = -damping * torch.logsumexp(scaled + (f + log_a), 0)
        change = float((moved - g).abs().max())
        g = moved
        if change <= tolerance:
            break
    return g * epsilon
