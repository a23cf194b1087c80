import math

import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.transport import mahalanobis_cost
from trainer.objectives.losses import (
    OBJECTIVES,
    ObjectiveConfig,
    _partial,
    contrastive_loss,
    incomplete_mltm_loss,
    incomplete_plan,
    make_objective,
    mltm_loss,
    partial_mltm_loss,
    target_plan,
    triplet_loss,
)

CONVERGED = {"tolerance": 1e-13, "max_iterations": 100_000}


def cost_of(size: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(size, size, dtype=torch.float64, generator=generator)


def test_it_is_the_papers_loss():
    cost = cost_of(12)
    plan = torch.from_numpy(
        ot.sinkhorn(
            [], [], cost.numpy(), 0.05, method="sinkhorn_log", stopThr=1e-13, numItermax=100_000
        )
    )
    expected = -plan.diagonal().log().mean() - math.log(12)
    loss = mltm_loss(cost, target_plan(range(12)).double(), 0.05, **CONVERGED)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


@given(size=st.integers(2, 6), epsilon=st.floats(0.05, 0.5), seed=st.integers(0, 100))
@settings(max_examples=15)
def test_its_gradient_is_that_of_finite_differences(size, epsilon, seed):
    target = target_plan([i % max(2, size - 1) for i in range(size)]).double()
    cost = cost_of(size, seed).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda c: mltm_loss(c, target, epsilon, **CONVERGED), (cost,), eps=1e-6, atol=1e-5
    )


def test_its_gradient_is_that_of_the_unrolled_solver():
    embeddings = torch.nn.functional.normalize(torch.randn(2, 32, 8, dtype=torch.float64), dim=-1)
    x, y = (e.clone().requires_grad_() for e in embeddings)
    mltm_loss(mahalanobis_cost(x, y), target_plan(range(32)).double(), 0.05, **CONVERGED).backward()
    exact = x.grad.clone()
    x.grad = None
    weights = torch.full((32,), 1 / 32, dtype=torch.float64)
    plan = ot.bregman.sinkhorn_log(
        weights, weights, mahalanobis_cost(x, y), 0.05, numItermax=3000, stopThr=1e-12
    )
    (-plan.diagonal().log().mean()).backward()
    assert torch.allclose(exact, x.grad, atol=1e-6)


def test_a_scalar_in_front_scales_the_gradient():
    target = target_plan(range(5)).double()
    one, two = cost_of(5).requires_grad_(), cost_of(5).requires_grad_()
    mltm_loss(one, target).backward()
    (3 * mltm_loss(two, target)).backward()
    assert torch.allclose(3 * one.grad, two.grad)


def test_repeated_captions_share_their_mass():
    target = target_plan(["dog", "cat", "dog"])
    assert torch.allclose(target.sum(1), torch.full((3,), 1 / 3))
    assert target[0].tolist() == pytest.approx([1 / 6, 0, 1 / 6])
    assert target[1].tolist() == pytest.approx([0, 1 / 3, 0])


def test_repeated_captions_are_not_pushed_apart():
    cost = torch.full((3, 3), 0.5, dtype=torch.float64).requires_grad_()
    mltm_loss(cost, target_plan(["dog", "dog", "cat"]).double(), 0.1, **CONVERGED).backward()
    assert cost.grad[0, 1].item() == pytest.approx(cost.grad[0, 0].item())
    assert cost.grad[0, 1] > 0  # pulled together, like its own pair
    assert cost.grad[0, 2] < 0


def test_a_perfect_batch_has_almost_no_loss():
    cost = 1 - torch.eye(16, dtype=torch.float64)
    assert 0 <= mltm_loss(cost, target_plan(range(16)).double(), 0.05).item() < 1e-6


@given(
    size=st.integers(2, 4),
    epsilon=st.floats(0.1, 0.5),
    mass=st.floats(0.2, 0.97),
    repeats=st.booleans(),
    seed=st.integers(0, 100),
)
@settings(max_examples=12)
def test_the_partial_losss_gradient_is_that_of_finite_differences(
    size, epsilon, mass, repeats, seed
):
    target = target_plan([i % max(2, size - 1) if repeats else i for i in range(size)]).double()
    cost = cost_of(size, seed)

    def loss(c: torch.Tensor) -> torch.Tensor:
        return partial_mltm_loss(c, target, epsilon, mass, tolerance=1e-12, max_iterations=3000)

    exact = cost.clone().requires_grad_()
    loss(exact).backward()
    step = 1e-6
    for i in range(size):
        for j in range(size):
            change = torch.zeros_like(cost)
            change[i, j] = step
            sides = [(loss(cost + sign * change) - loss(cost)) / (sign * step) for sign in (1, -1)]
            if abs(sides[0] - sides[1]) > 1e-2:
                continue  # a constraint becomes active just here: the loss has a kink
            numeric = (sides[0] + sides[1]) / 2
            assert exact.grad[i, j].item() == pytest.approx(numeric.item(), abs=2e-4)


def test_with_all_of_the_mass_the_partial_loss_is_the_balanced_one():
    target = target_plan(range(5)).double()
    balanced, partial = cost_of(5).requires_grad_(), cost_of(5).requires_grad_()
    one = mltm_loss(balanced, target, 0.5, **CONVERGED)
    other = partial_mltm_loss(partial, target, 0.5, 1.0, tolerance=1e-9, max_iterations=20_000)
    one.backward()
    other.backward()
    assert one.item() == pytest.approx(other.item(), abs=1e-4)
    assert torch.allclose(balanced.grad, partial.grad, atol=1e-4)


def pairs(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    u, v = torch.randn(2, size, 5, dtype=torch.float64, generator=generator)
    return u.requires_grad_(), v.requires_grad_()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_falls_when_pairs_come_together(name):
    objective = make_objective(ObjectiveConfig(name, max_iterations=2000))
    u, v = pairs(8)
    target = target_plan(range(8)).double()
    apart = objective(mahalanobis_cost(u, v), target)
    near = objective(mahalanobis_cost(u, u + 0.1 * v), target)
    assert near < apart
    apart.backward()
    assert torch.isfinite(u.grad).all()


@pytest.mark.parametrize("name", ["triplet", "contrastive", "entropic"])
def test_the_baselines_gradients_are_those_of_finite_differences(name):
    target = target_plan(["a", "b", "a", "c", "d"]).double()
    objective = make_objective(ObjectiveConfig(name))
    assert torch.autograd.gradcheck(
        lambda u, v: objective(mahalanobis_cost(u, v), target), pairs(5), atol=1e-5
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_repeated_caption_is_no_negative_in_any_loss(name):
    """Moving a clip towards its caption's twin is never punished, towards another's is."""
    u = torch.eye(4, 4, dtype=torch.float64).requires_grad_()
    # Costs of 0 and √2 decide everything at the paper's ε; a larger one leaves some doubt.
    v = torch.eye(4, 4, dtype=torch.float64)
    target = target_plan(["dog", "dog", "cat", "cow"]).double()
    config = ObjectiveConfig(name, 0.5, 0.85, 1.2, 0.5, 5000)
    make_objective(config)(mahalanobis_cost(u, v), target).backward()
    assert u.grad[0, 1] <= 1e-9
    assert u.grad[0, 2] + u.grad[0, 3] > 1e-9


def test_contrastive_is_cross_entropy_both_ways():
    normalise = torch.nn.functional.normalize
    u, v = (normalise(x, dim=1) for x in pairs(6))
    logits = u @ v.T / 0.07
    labels = torch.arange(6)
    cross_entropy = torch.nn.functional.cross_entropy
    expected = cross_entropy(logits, labels) + cross_entropy(logits.T, labels)
    loss = contrastive_loss(mahalanobis_cost(u, v), target_plan(range(6)).double())
    assert loss.item() == pytest.approx(expected.item())


def test_triplets_are_satisfied_beyond_the_margin():
    u = torch.eye(3, dtype=torch.float64)
    target = target_plan(range(3)).double()
    assert triplet_loss(mahalanobis_cost(u, u), target).item() == 0.0
    swapped = triplet_loss(mahalanobis_cost(u, u[[1, 0, 2]]), target)
    assert swapped.item() == pytest.approx(2 * (1.2 + 1.2 + 0.0) / 3)


def test_selection_leaves_wrong_pairs_alone_where_the_partial_loss_pulls_them():
    cost = cost_of(8) * 0.2 + 1.0
    cost -= torch.diag(torch.full((8,), 0.8, dtype=torch.float64))
    cost[2, 2] = cost[5, 5] = 2.0  # two pairs that do not belong together
    target = target_plan(range(8)).double()
    incomplete, partial = cost.clone().requires_grad_(), cost.clone().requires_grad_()
    incomplete_mltm_loss(incomplete, target, 0.1, 0.75).backward()
    partial_mltm_loss(partial, target, 0.1, 0.75).backward()
    for row in (2, 5):
        assert abs(incomplete.grad[row, row]) < 0.02 / 8 / 0.1
        assert partial.grad[row, row] > 0.5 / 8 / 0.1
    assert incomplete.grad[0, 0] > 0


def test_with_all_of_the_mass_it_is_the_balanced_loss():
    target = target_plan(range(5)).double()
    one, other = cost_of(5).requires_grad_(), cost_of(5).requires_grad_()
    mltm_loss(one, target, 0.2, **CONVERGED).backward()
    loss = incomplete_mltm_loss(other, target, 0.2, 1.0, **CONVERGED)
    loss.backward()
    assert torch.allclose(one.grad, other.grad, atol=1e-3)


def test_the_gradient_under_a_target_of_less_mass_is_that_of_finite_differences():
    target = target_plan(range(5)).double()
    wanted, _ = incomplete_plan(cost_of(5, 1), target, 0.4, 0.6)
    assert wanted.sum().item() == pytest.approx(0.6, abs=1e-6)
    assert (wanted <= target + 1e-3).all()

    def loss(cost: torch.Tensor) -> torch.Tensor:
        return _partial(cost, wanted, target, 0.2, 0.6, 1e-13, 100_000)

    assert torch.autograd.gradcheck(loss, cost_of(5, 1).requires_grad_(), atol=1e-5, rtol=1e-4)


def test_pairs_of_a_caption_share_what_the_target_leaves_them():
    target = target_plan(["a", "a", "b"]).double()
    cost = torch.tensor([[0.1, 0.3, 1.0], [0.3, 0.1, 1.0], [1.0, 1.0, 2.0]], dtype=torch.float64)
    wanted, _ = incomplete_plan(cost, target, 0.05, 0.6)
    assert wanted[2].sum() < 0.01
    assert wanted[0, 0] > wanted[0, 1] > 0
    assert wanted[:2, 2].sum() == wanted[2, :2].sum() == 0
