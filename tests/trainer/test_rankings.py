"""Joint rankings of a test set, and the ranking with the library's own words."""

import pytest
import torch

from engine.transport import sinkhorn
from trainer.evaluation.rankings import joint_plan, joint_plan_of_code, library_scores, owners


def random_cost(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_the_joint_plan_meets_both_marginals():
    plan = joint_plan(random_cost(6, 9), 0.05).exp()
    assert torch.allclose(plan.sum(0), torch.full((9,), 1 / 9), atol=1e-4)
    assert torch.allclose(plan.sum(1), torch.full((6,), 1 / 6), atol=1e-4)


def test_the_codes_plan_is_ten_rounds_of_the_papers_algorithm():
    cost = 7.0 * random_cost(6, 9)
    kernel = torch.exp(-(cost / cost.max()).double() / 0.03)
    v = torch.full((9,), 1 / 9, dtype=torch.float64)
    for _ in range(10):
        u = (1 / 6) / (kernel @ v)
        v = (1 / 9) / (kernel.T @ u)
    expected = u[:, None] * kernel * v
    assert torch.allclose(joint_plan_of_code(cost).exp().double(), expected, rtol=1e-3)


def test_the_codes_plan_is_another_than_the_converged_one():
    places = torch.linspace(0, 1, 40)
    cost = (places[:, None] - places.square()[None, :]).abs()  # mass moves slowly along a line
    coded, solved = joint_plan_of_code(cost).exp(), joint_plan(cost, 0.03).exp()
    assert (coded.sum(1) - 1 / 40).abs().sum() > 1e-3  # clips' marginal
    assert (solved.sum(1) - 1 / 40).abs().sum() < 1e-4


def test_without_blend_the_library_ranks_by_distance():
    cost = random_cost(5, 8)
    assert torch.allclose(library_scores(cost, torch.arange(5), 0.05, 0.0), -cost / 0.05)


def test_no_text_of_the_querys_own_fold_is_in_its_bank():
    cost = random_cost(6, 8)
    owner = torch.tensor([0, 0, 1, 2, 3, 4])
    found = library_scores(cost, owner, 0.05, 1.0, folds=5)
    bank = cost[2:]  # every fold has one owner: nothing of the query's own
    potentials = sinkhorn(bank.T.contiguous(), 0.05, tolerance=1e-6).f
    assert torch.allclose(found[:2], (potentials - cost[:2]) / 0.05, atol=0.05)
    other = cost.clone()
    other[1] = 0.0  # what the query's twin costs changes nothing for the query
    assert torch.equal(library_scores(other, owner, 0.05, 1.0, folds=5)[0], found[0])


def test_a_sound_near_every_text_loses_its_lead_to_the_librarys_words():
    cost = 1.0 - 0.5 * torch.eye(10)
    cost = torch.cat([cost, torch.full((10, 1), 0.45)], 1)  # the hub
    plain = library_scores(cost, torch.arange(10), 0.05, 0.0).argmax(1)
    freed = library_scores(cost, torch.arange(10), 0.05, 1.0).argmax(1)
    assert (plain == 10).all()
    assert torch.equal(freed, torch.arange(10))


@pytest.mark.parametrize("texts", [1, 2])
def test_a_set_of_one_meaning_has_no_bank_and_ranks_by_distance(texts):
    cost = random_cost(texts, 4)
    found = library_scores(cost, torch.zeros(texts, dtype=torch.long), 0.05, 1.0)
    assert torch.allclose(found, -cost / 0.05)


def test_texts_are_of_one_owner_where_sounds_join_them():
    relevant = torch.zeros(4, 6, dtype=torch.bool)
    relevant[0, [0, 3]] = relevant[1, [3, 4]] = relevant[2, 1] = relevant[3, [2, 5]] = True
    number = owners(relevant)
    assert number[0] == number[3] == number[4]
    assert number[2] == number[5]
    assert len(number.unique()) == 3
