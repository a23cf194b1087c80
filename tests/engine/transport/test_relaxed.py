"""Transport with a relaxed column marginal: between none and a balanced one."""

import numpy as np
import ot
import pytest
import torch

from engine.transport import relaxed_potentials, sinkhorn


def costs(n: int = 40, m: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plan_of(cost: torch.Tensor, g: torch.Tensor, epsilon: float) -> torch.Tensor:
    return torch.softmax((g - cost) / epsilon, 1) / len(cost)


@pytest.mark.parametrize("relaxation", [0.02, 0.2, 2.0])
def test_the_plan_is_that_of_pot(relaxation):
    cost, epsilon = costs(), 0.1
    g = relaxed_potentials(cost, epsilon, relaxation, tolerance=1e-10, max_iterations=20_000)
    n, m = cost.shape
    a, b = np.full(n, 1 / n), np.full(m, 1 / m)
    wanted = ot.unbalanced.sinkhorn_unbalanced(
        a,
        b,
        cost.numpy(),
        epsilon,
        (np.inf, relaxation),
        reg_type="kl",
        c=np.outer(a, b),
        stopThr=1e-12,
        numItermax=20_000,
    )
    assert np.allclose(plan_of(cost, g, epsilon).numpy(), wanted, atol=1e-8)


def test_without_a_penalty_every_row_is_on_its_own():
    assert (relaxed_potentials(costs(), 0.1, 0.0) == 0).all()


def test_with_a_huge_penalty_the_plan_is_balanced():
    cost = costs()
    g = relaxed_potentials(cost, 0.1, 1e6, tolerance=1e-10, max_iterations=20_000)
    balanced = sinkhorn(cost, 0.1, tolerance=1e-10).plan
    assert torch.allclose(plan_of(cost, g, 0.1), balanced, atol=1e-7)


def test_a_hub_loses_more_the_more_the_marginal_counts():
    cost = costs()
    cost[:, 0] -= 0.5  # near to everything
    shares = [
        float(plan_of(cost, relaxed_potentials(cost, 0.1, rho), 0.1)[:, 0].sum())
        for rho in (0.0, 0.01, 0.05, 0.5, 5.0)
    ]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.6 and shares[-1] < 0.25


def test_rows_count_by_their_mass():
    cost = costs()
    twice = torch.cat([cost, cost[:1]])
    mass = torch.full((len(cost),), 1 / len(twice), dtype=torch.float64)
    mass[0] *= 2
    weighted = relaxed_potentials(cost, 0.1, 0.1, mass, tolerance=1e-12, max_iterations=5000)
    repeated = relaxed_potentials(twice, 0.1, 0.1, tolerance=1e-12, max_iterations=5000)
    assert torch.allclose(weighted, repeated, atol=1e-9)
