from dataclasses import replace

import pytest
import torch

from engine.models.familiar import Familiar
from engine.models.match_model import MatchModel, load_model
from engine.transport import library_potential, mahalanobis_cost


@pytest.fixture
def model(model_folder) -> MatchModel:
    loaded = load_model(model_folder)
    loaded.exemplars = torch.randn(30, 384)
    ranking = replace(loaded.spec.ranking, blend=0.25, familiar=0.5)
    loaded.spec = replace(loaded.spec, exemplars=30, ranking=ranking)
    return loaded


def test_it_is_a_share_of_the_mean_of_the_five_best_scores(model):
    queries = torch.nn.functional.normalize(torch.randn(3, 32), dim=1)
    u = model.map_features(model.exemplars)
    ranking = model.spec.ranking
    to_bank = mahalanobis_cost(u, model.bank_vectors) / ranking.cost_scale
    f = library_potential(to_bank, model.bank_potentials, ranking.epsilon)
    score = 0.25 * f - mahalanobis_cost(queries, u) / ranking.cost_scale
    expected = 0.5 * score.sort(dim=1, descending=True).values[:, :5].mean(1)
    assert torch.allclose(Familiar.of(model)(queries), expected, atol=1e-5)


def test_what_lies_amid_the_exemplars_is_more_familiar(model):
    u = model.map_features(model.exemplars)
    amid, away = u.mean(0, keepdim=True), -3 * u.mean(0, keepdim=True)
    familiar = Familiar.of(model)
    assert familiar(amid) > familiar(away)


def test_a_model_without_exemplars_knows_nothing_familiar(model_folder):
    assert Familiar.of(load_model(model_folder))(torch.randn(2, 32)).tolist() == [0.0, 0.0]
