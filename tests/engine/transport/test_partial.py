import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.transport import partial_sinkhorn, sinkhorn


def problem(rows: int, columns: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    cost = torch.rand(rows, columns, dtype=torch.float64, generator=generator)
    a = torch.rand(rows, dtype=torch.float64, generator=generator) + 0.1
    b = torch.rand(columns, dtype=torch.float64, generator=generator) + 0.1
    return cost, a / a.sum(), b / b.sum()


@given(
    rows=st.integers(2, 10),
    columns=st.integers(2, 10),
    mass=st.floats(0.05, 0.95),
    epsilon=st.floats(0.03, 1.0),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40)
def test_rows_and_columns_stay_below_their_marginals_and_the_mass_is_met(
    rows, columns, mass, epsilon, seed
):
    cost, a, b = problem(rows, columns, seed)
    solved = partial_sinkhorn(cost, epsilon, mass, a, b, tolerance=1e-10, max_iterations=100_000)
    plan = solved.plan
    assert solved.converged
    assert plan.sum().item() == pytest.approx(mass, rel=1e-9)
    assert (plan.sum(1) <= a + 1e-9).all()
    assert (plan.sum(0) <= b + 1e-9).all()


@pytest.mark.parametrize("mass", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("epsilon", [0.02, 0.1])
def test_it_agrees_with_pot(mass, epsilon):
    cost, a, b = problem(25, 20, 3)
    ours = partial_sinkhorn(cost, epsilon, mass, a, b, tolerance=1e-13, max_iterations=200_000)
    theirs = ot.partial.entropic_partial_wasserstein(
        a.numpy(), b.numpy(), cost.numpy(), epsilon, mass, stopThr=1e-16, numItermax=200_000
    )
    assert np.abs(ours.plan.numpy() - theirs).max() <= 1e-6


def test_all_of_the_mass_is_the_balanced_problem():
    cost, a, b = problem(7, 9, 5)
    partial = partial_sinkhorn(cost, 0.1, 1.0, a, b, tolerance=1e-9, max_iterations=500_000)
    balanced = sinkhorn(cost, 0.1, a, b, tolerance=1e-12, max_iterations=50_000)
    assert torch.allclose(partial.plan, balanced.plan, atol=1e-5)


def test_float32_survives_a_small_epsilon():
    cost, a, b = problem(64, 64, 7)
    exact = partial_sinkhorn(cost, 0.01, 0.6, a, b, tolerance=1e-10, max_iterations=50_000)
    single = partial_sinkhorn(
        cost.float(), 0.01, 0.6, a.float(), b.float(), tolerance=1e-4, max_iterations=50_000
    )
    assert single.converged
    assert (single.plan.double() - exact.plan).abs().sum() < 2e-3


def test_a_batch_is_solved_as_its_members_are():
    costs = torch.stack([problem(6, 6, seed)[0] for seed in range(3)])
    together = partial_sinkhorn(costs, 0.1, 0.5, tolerance=1e-12, max_iterations=20_000)
    for cost, plan in zip(costs, together.plan, strict=True):
        alone = partial_sinkhorn(cost, 0.1, 0.5, tolerance=1e-12, max_iterations=20_000)
        assert torch.allclose(plan, alone.plan, atol=1e-9)


@pytest.mark.parametrize("mass", [0.0, -0.1, 1.5])
def test_an_impossible_mass_is_refused(mass):
    cost, a, b = problem(4, 4, 1)
    with pytest.raises(ValueError, match="mass must lie in"):
        partial_sinkhorn(cost, 0.1, mass, a, b)
