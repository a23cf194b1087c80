import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.transport import partial_sinkhorn


def problem(size: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 24, dtype=torch.float64, generator=generator)
    y = x + torch.randn(size, 24, dtype=torch.float64, generator=generator)
    normalise = torch.nn.functional.normalize
    return torch.cdist(normalise(x, dim=1), normalise(y, dim=1))


@pytest.mark.parametrize("epsilon", [0.05, 0.01])
@pytest.mark.parametrize("mass", [0.5, 0.85, 1.0])
def test_what_takes_projections_thousands_of_rounds_takes_newton_tens(epsilon, mass):
    cost = problem(64)
    plain = partial_sinkhorn(cost, epsilon, mass, tolerance=1e-7, max_iterations=2000, newton=False)
    solved = partial_sinkhorn(cost, epsilon, mass, tolerance=1e-7, max_iterations=2000)
    assert solved.converged
    assert solved.iterations < 150
    assert plain.iterations > 5 * solved.iterations
    assert solved.plan.sum().item() == pytest.approx(mass, rel=1e-9)


def test_newton_and_projections_end_in_the_same_plan():
    cost = problem(24)
    slow = partial_sinkhorn(cost, 0.1, 0.7, tolerance=1e-10, max_iterations=60_000, newton=False)
    fast = partial_sinkhorn(cost, 0.1, 0.7, tolerance=1e-10)
    assert slow.converged
    assert fast.converged
    assert torch.allclose(slow.plan, fast.plan, atol=1e-9)


@given(st.integers(2, 10), st.floats(0.02, 0.3), st.floats(0.1, 0.99), st.integers(0, 999))
@settings(max_examples=25)
def test_the_solution_meets_the_conditions_of_an_optimum(size, epsilon, mass, seed):
    cost = problem(size, seed)
    solved = partial_sinkhorn(cost, epsilon, mass, tolerance=1e-7, max_iterations=20_000)
    assert solved.converged
    # Log-plan + C/ε is u_i + v_j + w: rank one, factors at most 0, and 0 where there is room.
    assert (solved.log_u <= 0).all()
    assert (solved.log_v <= 0).all()
    number = solved.log_plan + cost / epsilon - solved.log_u[:, None] - solved.log_v[None, :]
    assert torch.allclose(number, number[0, 0].expand_as(number), atol=1e-9)
    room = 1.0 / size - solved.plan.sum(1)
    assert (solved.log_u[room > 1e-5] == 0).all()
    room = 1.0 / size - solved.plan.sum(0)
    assert (solved.log_v[room > 1e-5] == 0).all()


def test_every_problem_of_a_batch_is_finished():
    costs = torch.stack([problem(16, seed) for seed in range(3)])
    together = partial_sinkhorn(costs, 0.02, 0.6, tolerance=1e-6)
    assert together.converged
    for cost, plan in zip(costs, together.plan, strict=True):
        alone = partial_sinkhorn(cost, 0.02, 0.6, tolerance=1e-6)
        assert torch.allclose(alone.plan, plan, atol=1e-6)


@pytest.mark.parametrize("epsilon", [0.05, 0.01])
def test_single_precision_that_cannot_meet_a_tolerance_says_so(epsilon):
    solved = partial_sinkhorn(
        problem(24).float(), epsilon, 0.85, tolerance=1e-15, max_iterations=300
    )
    assert not solved.converged
    assert solved.plan.dtype == solved.log_u.dtype == torch.float32
    assert solved.violation < 1e-6
    assert solved.plan.sum().item() == pytest.approx(0.85, rel=1e-5)
