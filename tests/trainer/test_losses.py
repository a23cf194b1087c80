import math

import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.transport import mahalanobis_cost
from trainer.losses import mltm_loss, target_plan

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
@settings(deadline=None, max_examples=15)
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
