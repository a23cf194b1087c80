import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.transport import mahalanobis_cost, newton, sinkhorn


def matched_pairs(size: int, noise: float, seed: int = 0) -> torch.Tensor:
    """Return costs as a trained model gives them: small between a pair, about even elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 24, dtype=torch.float64, generator=generator)
    y = x + noise * torch.randn(size, 24, dtype=torch.float64, generator=generator)
    normalise = torch.nn.functional.normalize
    return mahalanobis_cost(normalise(x, dim=1), normalise(y, dim=1))


@pytest.mark.parametrize("epsilon", [0.05, 0.01, 0.002])
def test_what_takes_scaling_thousands_of_steps_takes_newton_tens(epsilon):
    cost = matched_pairs(96, 1.0)
    plain = sinkhorn(cost, epsilon, tolerance=1e-10, max_iterations=3000, newton=False)
    solved = sinkhorn(cost, epsilon, tolerance=1e-10, max_iterations=3000)
    assert solved.converged
    assert solved.iterations < 100
    assert plain.iterations > 10 * solved.iterations


@pytest.mark.parametrize("epsilon", [0.1, 0.05])
def test_newton_and_scaling_end_in_the_same_plan(epsilon):
    cost = matched_pairs(32, 2.0)
    slow = sinkhorn(cost, epsilon, tolerance=1e-11, max_iterations=30_000, newton=False)
    fast = sinkhorn(cost, epsilon, tolerance=1e-11)
    assert slow.converged
    assert fast.converged
    assert torch.allclose(slow.plan, fast.plan, atol=1e-9)


def test_parts_that_hardly_exchange_mass_are_balanced_all_the_same():
    cost = torch.full((12, 12), 1.6, dtype=torch.float64)
    cost[:6, :6] = matched_pairs(6, 0.6, 1)
    cost[6:, 6:] = matched_pairs(6, 0.6, 2)
    a = torch.full((12,), 1 / 12, dtype=torch.float64)
    b = a.clone()
    b[0], b[11] = b[0] + 1e-3, b[11] - 1e-3  # mass has to cross where exp(−C/ε) is 1e-70
    solved = sinkhorn(cost, 0.01, a, b, tolerance=1e-9)
    assert solved.converged
    assert torch.allclose(solved.plan.sum(0), b, atol=1e-9)
    assert torch.allclose(solved.plan.sum(1), a, atol=1e-12)
    assert solved.plan[6:, :6].sum().item() == pytest.approx(1e-3, rel=1e-3)


def test_conjugate_gradients_give_what_the_factorisation_gives(monkeypatch):
    cost = matched_pairs(64, 0.4)
    factorised = sinkhorn(cost, 0.02, tolerance=1e-10)
    monkeypatch.setattr(newton, "_DIRECT", 0)
    conjugate = sinkhorn(cost, 0.02, tolerance=1e-10)
    assert conjugate.converged
    assert torch.allclose(conjugate.plan, factorised.plan, atol=1e-9)


def test_weights_of_zero_are_no_obstacle():
    cost = matched_pairs(20, 0.4)
    a = torch.full((20,), 1 / 19, dtype=torch.float64)
    b = a.clone()
    a[3], b[7] = 0.0, 0.0
    solved = sinkhorn(cost, 0.01, a, b, tolerance=1e-9)
    assert solved.converged
    assert solved.plan[3].sum() < 1e-12
    assert solved.plan[:, 7].sum() < 1e-12


def test_every_problem_of_a_batch_is_finished():
    costs = torch.stack([matched_pairs(24, 0.1 + 0.3 * n, n) for n in range(3)])
    together = sinkhorn(costs, 0.01, tolerance=1e-10)
    assert together.converged
    for cost, plan in zip(costs, together.plan, strict=True):
        alone = sinkhorn(cost, 0.01, tolerance=1e-10)
        assert torch.allclose(alone.plan, plan, atol=1e-9)


def test_float32_costs_are_solved_to_a_millionth():
    cost = matched_pairs(128, 0.5).float()
    solved = sinkhorn(cost, 0.01, tolerance=1e-6)
    assert solved.plan.dtype == torch.float32
    assert solved.converged
    exact = sinkhorn(cost.double(), 0.01, tolerance=1e-10)
    assert torch.allclose(solved.plan.double(), exact.plan, atol=2e-6)


@given(st.integers(2, 12), st.integers(2, 12), st.floats(0.003, 0.5), st.integers(0, 999))
@settings(max_examples=40)
def test_it_never_ends_worse_than_it_began(rows, columns, epsilon, seed):
    generator = torch.Generator().manual_seed(seed)
    cost = torch.rand(rows, columns, dtype=torch.float64, generator=generator)
    log_a = torch.full((rows,), 1 / rows, dtype=torch.float64).log()
    log_b = torch.full((columns,), 1 / columns, dtype=torch.float64).log()
    begin = torch.randn(columns, dtype=torch.float64, generator=generator)
    first = newton.newton_ascent(cost / -epsilon, log_a, log_b, begin, 1e-10, max_steps=0)
    last = newton.newton_ascent(cost / -epsilon, log_a, log_b, begin, 1e-10)
    assert last.error <= max(first.error, 1e-10)
    assert last.error <= 1e-10


@pytest.mark.parametrize("epsilon", [0.05, 0.01, 0.002])
def test_single_precision_that_cannot_meet_a_tolerance_says_so(epsilon):
    cost = matched_pairs(24, 2.0).float()[:, :20]
    a = torch.linspace(1, 2, 24) / torch.linspace(1, 2, 24).sum()  # sums to 1 but for rounding
    solved = sinkhorn(cost, epsilon, a, tolerance=1e-13, max_iterations=300)
    assert not solved.converged
    assert solved.plan.dtype == solved.f.dtype == torch.float32
    assert solved.marginal_error < 1e-6
    assert (solved.plan.sum(1) - a).abs().sum() < 1e-5
