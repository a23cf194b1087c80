import pytest
import torch

from trainer.evaluation.metrics import modality_gap, recall_and_map, standard_error


def test_recall_and_map_of_a_ranking_known_by_hand():
    scores = torch.tensor([[0.9, 0.8, 0.7, 0.6], [0.1, 0.9, 0.8, 0.7]])
    relevant = torch.tensor([[True, False, True, False], [True, False, False, False]])
    figures = recall_and_map(scores, relevant, None)
    assert figures["r1"] == 0.5
    assert figures["r5"] == 1.0
    assert figures["map"] == pytest.approx(((1 + 2 / 3) / 2 + 1 / 4) / 2)


def test_ties_count_against_the_relevant_item():
    scores = torch.zeros(1, 3)
    for place in range(3):
        relevant = torch.zeros(1, 3, dtype=torch.bool)
        relevant[0, place] = True
        figures = recall_and_map(scores, relevant, None)
        assert figures["r1"] == 0.0
        assert figures["map"] == pytest.approx(1 / 3)


def test_map_at_a_depth_ignores_later_hits():
    scores = torch.tensor([[3.0, 2.0, 1.0]])
    relevant = torch.tensor([[False, False, True]])
    assert recall_and_map(scores, relevant, 2)["map"] == 0.0
    assert recall_and_map(scores, relevant, 3)["map"] == pytest.approx(1 / 3)


def test_the_modality_gap_is_the_distance_of_the_means():
    audio = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    text = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    assert modality_gap(audio, text) == pytest.approx(0.5**0.5)


def test_the_standard_error_of_a_recall_is_binomial():
    hits = torch.tensor([1.0] * 30 + [0.0] * 70)
    assert standard_error(hits) == pytest.approx((0.3 * 0.7 / 100) ** 0.5)


def test_queries_that_say_the_same_count_once_in_the_standard_error():
    hits = torch.tensor([1.0, 0.0, 0.0, 1.0])
    twice = hits.repeat_interleave(2)
    clusters = ["a", "a", "b", "b", "c", "c", "d", "d"]
    assert standard_error(twice, clusters) == pytest.approx(standard_error(hits))
    assert standard_error(twice) < standard_error(hits)
