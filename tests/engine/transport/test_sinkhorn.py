import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.transport import sinkhorn


def random_cost(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, columns, dtype=torch.float64, generator=generator)


def random_marginal(size: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(size, dtype=torch.float64, generator=generator) + 0.1
    return weights / weights.sum()


@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    epsilon=st.floats(0.02, 1.0),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40)
def test_the_plan_has_the_marginals_that_were_asked_for(rows, columns, epsilon, seed):
    a, b = random_marginal(rows, seed), random_marginal(columns, seed + 1)
    solved = sinkhorn(
        random_cost(rows, columns, seed), epsilon, a, b, tolerance=1e-9, max_iterations=100_000
    )
    assert solved.converged
    assert torch.allclose(solved.plan.sum(1), a, atol=1e-12)
    assert torch.allclose(solved.plan.sum(0), b, atol=2e-9)


def test_it_agrees_with_pot():
    cost, a, b = random_cost(40, 30), random_marginal(40, 1), random_marginal(30, 2)
    for epsilon in (0.01, 0.05, 0.5):
        ours = sinkhorn(cost, epsilon, a, b, tolerance=1e-12, max_iterations=200_000)
        theirs = ot.sinkhorn(
            a.numpy(),
            b.numpy(),
            cost.numpy(),
            epsilon,
            method="sinkhorn_log",
            stopThr=1e-13,
            numItermax=200_000,
        )
        assert np.abs(ours.plan.numpy() - theirs).max() <= 1e-6


def test_transposing_the_problem_transposes_the_plan():
    cost, a, b = random_cost(9, 7), random_marginal(9, 1), random_marginal(7, 2)
    forward = sinkhorn(cost, 0.1, a, b, tolerance=1e-13, max_iterations=10_000)
    backward = sinkhorn(cost.T, 0.1, b, a, tolerance=1e-13, max_iterations=10_000)
    assert torch.allclose(forward.plan.T, backward.plan, atol=1e-10)


def test_the_plan_is_made_of_its_potentials():
    cost, a, b = random_cost(6, 5), random_marginal(6, 1), random_marginal(5, 2)
    solved = sinkhorn(cost, 0.07, a, b)
    plan = torch.outer(a, b) * torch.exp((solved.f[:, None] + solved.g[None, :] - cost) / 0.07)
    assert torch.allclose(plan, solved.plan, atol=1e-12)


def test_a_batch_is_solved_as_its_members_are():
    costs = torch.stack([random_cost(8, 8, seed) for seed in range(3)])
    together = sinkhorn(costs, 0.05, tolerance=1e-12, max_iterations=20_000)
    for cost, plan in zip(costs, together.plan, strict=True):
        alone = sinkhorn(cost, 0.05, tolerance=1e-12, max_iterations=20_000)
        assert torch.allclose(plan, alone.plan, atol=1e-10)


def test_float32_survives_a_small_epsilon():
    cost = 2 * random_cost(256, 256)
    exact = sinkhorn(cost, 0.01, tolerance=1e-8, max_iterations=20_000)
    single = sinkhorn(cost.float(), 0.01, tolerance=1e-4, max_iterations=20_000)
    assert single.converged
    assert torch.isfinite(single.log_plan).all()
    assert (single.plan.double() - exact.plan).abs().sum() < 2e-3


def test_want_of_convergence_is_said():
    solved = sinkhorn(random_cost(50, 50), 0.001, max_iterations=3)
    assert not solved.converged
    assert solved.iterations == 3
    assert solved.marginal_error > 1e-6


def test_a_weight_of_zero_takes_a_row_out():
    cost = random_cost(4, 3)
    a = torch.tensor([0.5, 0.0, 0.25, 0.25], dtype=torch.float64)
    solved = sinkhorn(cost, 0.1, a, tolerance=1e-12)
    kept = [0, 2, 3]
    alone = sinkhorn(cost[kept], 0.1, a[kept], tolerance=1e-12)
    assert solved.plan[1].sum() < 1e-12
    assert torch.allclose(solved.plan[kept], alone.plan, atol=1e-10)


def test_a_warm_start_ends_in_the_same_plan_sooner():
    cost = random_cost(30, 30)
    cold = sinkhorn(cost, 0.02, tolerance=1e-9, max_iterations=50_000)
    warm = sinkhorn(cost, 0.02, tolerance=1e-9, max_iterations=50_000, warm_start=cold.g)
    assert warm.iterations < cold.iterations
    assert torch.allclose(warm.plan, cold.plan, atol=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_what_the_cpu_gives():
    cost = random_cost(64, 64)
    here = sinkhorn(cost, 0.05, tolerance=1e-10)
    there = sinkhorn(cost.cuda(), 0.05, tolerance=1e-10)
    assert torch.allclose(here.plan, there.plan.cpu(), atol=1e-9)
