import pytest
import torch

from engine.transport import (
    bank_potentials,
    library_potential,
    mahalanobis_cost,
    map_vectors,
    scores,
    sinkhorn,
    strength,
)

EPSILON = 0.05


def unit(rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(rows, 16, dtype=torch.float64, generator=generator)
    return torch.nn.functional.normalize(z, dim=1)


def test_the_cost_is_the_mahalanobis_distance():
    factor = torch.randn(5, 16, dtype=torch.float64)
    x, y = unit(6, 1), unit(4, 2)
    metric = factor.T @ factor
    cost = mahalanobis_cost(map_vectors(x, factor), map_vectors(y, factor))
    for i in range(6):
        for j in range(4):
            difference = x[i] - y[j]
            expected = torch.sqrt(difference @ metric @ difference)
            assert cost[i, j].item() == pytest.approx(expected.item(), abs=1e-9)


def test_the_cost_of_equal_vectors_has_a_finite_gradient():
    u = unit(3, 1).requires_grad_()
    mahalanobis_cost(u, u.detach()).sum().backward()
    assert torch.isfinite(u.grad).all()


def test_a_sampled_clips_closed_form_potential_is_the_solvers():
    cost = mahalanobis_cost(unit(80, 1), unit(30, 2))
    solved = bank_potentials(cost, EPSILON, tolerance=1e-9, max_iterations=10_000)
    assert torch.allclose(library_potential(cost, solved.g, EPSILON), solved.f, atol=1e-12)


def test_a_held_out_clips_potential_approaches_the_joint_solves_as_the_sample_grows():
    bank, held_out = unit(30, 2), unit(20, 3)
    everything = unit(2000, 1)
    errors = []
    for size in (25, 200, 1600):
        sample = everything[:size]
        g = bank_potentials(mahalanobis_cost(sample, bank), EPSILON, tolerance=1e-9).g
        outside = library_potential(mahalanobis_cost(held_out, bank), g, EPSILON)
        joint_cost = mahalanobis_cost(torch.cat([sample, held_out]), bank)
        joint = sinkhorn(joint_cost, EPSILON, tolerance=1e-9).f[size:]
        gauge = (joint - outside).mean()  # potentials are fixed up to a constant
        errors.append((joint - outside - gauge).abs().max().item())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.1 * EPSILON


def test_scores_blend_distance_and_the_plans_column():
    library, bank, query = unit(50, 1), unit(30, 2), unit(1, 3)
    to_bank, cost = mahalanobis_cost(library, bank), mahalanobis_cost(query, library)
    g = bank_potentials(to_bank, EPSILON).g
    f = library_potential(to_bank, g, EPSILON)
    assert torch.equal(scores(cost, f, EPSILON, 0.0).argsort(), (-cost).argsort())
    column = torch.exp((f + 0.3 - cost) / EPSILON)
    assert torch.equal(scores(cost, f, EPSILON, 1.0).argsort(), column.argsort())


def test_strength_is_the_querys_share_of_the_bank_and_the_query():
    library, bank, query = unit(40, 1), unit(30, 2), unit(1, 3)
    to_bank, cost = mahalanobis_cost(library, bank), mahalanobis_cost(query, library)[0]
    g = bank_potentials(to_bank, EPSILON).g
    own = torch.exp((-0.2 - cost) / EPSILON)
    others = torch.exp((g - to_bank) / EPSILON).mean(1)
    found = strength(cost, library_potential(to_bank, g, EPSILON), EPSILON, -0.2)
    assert torch.allclose(found, own / (own + others), atol=1e-9)
    assert ((found >= 0) & (found <= 1)).all()
