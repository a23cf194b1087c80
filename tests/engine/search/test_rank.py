import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.models.spec import Ranking
from engine.search.rank import (
    UNHEARD,
    WORDS_WEIGHT,
    least_evidence,
    least_strength,
    rank,
    strengths_of,
    words_bonus,
)
from engine.transport import scores, strength


@given(
    sound_ids=st.lists(st.integers(1, 15), min_size=1, max_size=40),
    blend=st.floats(0, 1),
    limit=st.integers(1, 20),
    seed=st.integers(0, 100),
)
def test_it_is_the_formula_of_the_transport_package(sound_ids, blend, limit, seed):
    random = np.random.default_rng(seed)
    ids = np.array(sound_ids, np.int64)
    cost = random.uniform(0.5, 1.5, len(ids)).astype(np.float32)
    potentials = random.normal(0, 0.1, len(ids)).astype(np.float32)
    ranking = Ranking(epsilon=0.05, blend=blend)
    ranked = rank(cost, potentials, ids, ranking, -0.3, limit)
    c, f = torch.from_numpy(cost), torch.from_numpy(potentials)
    expected = scores(c, f, 0.05, blend).numpy()
    best = {}
    for window, sound in enumerate(ids):
        if sound not in best or expected[window] > expected[best[sound]]:
            best[sound] = window
    order = sorted(best.values(), key=lambda window: -expected[window])[:limit]
    assert np.allclose(ranked.scores, expected[order], atol=1e-3)
    p = strength(c, f, 0.05, -0.3).numpy()  # of an uncalibrated model: that of the best holds
    assert np.allclose(ranked.strengths[0], p[ranked.places[0]], atol=1e-3)
    assert (np.diff(ranked.strengths) <= 0).all()
    assert len(set(ids[ranked.places])) == len(ranked.places)


def test_calibrated_strength_falls_with_the_score():
    random = np.random.default_rng(0)
    cost, f = random.uniform(0.5, 1.5, 50), random.normal(0, 0.3, 50)
    cost, f = cost.astype(np.float32), f.astype(np.float32)
    ranking = Ranking(blend=0.25, familiar=0.5)
    ranked = rank(cost, f, np.arange(50), ranking, 0.9, 50)
    assert np.array_equal(np.argsort(-ranked.scores), np.arange(50))
    assert (np.diff(ranked.strengths) <= 0).all()
    evidence = (0.9 + 0.25 * f - cost) / 0.05
    assert np.allclose(ranked.strengths, strengths_of(evidence, ranking)[ranked.places], atol=1e-3)


def test_the_divider_stands_where_evidence_speaks_neither_for_nor_against():
    evidence = np.array([-0.1, 0.0, 0.1], np.float32)
    for familiar in (0.0, 0.25):
        ranking = Ranking(familiar=familiar)
        strong = strengths_of(evidence, ranking) >= least_strength(ranking)
        assert least_evidence(ranking) == 0 and strong.tolist() == [False, True, True]
    stricter = Ranking(familiar=0.25, divider=0.9)
    assert strengths_of(np.log([8.9, 9.1]), stricter)[0] < least_strength(stricter)
    assert strengths_of(np.log([8.9, 9.1]), stricter)[1] > least_strength(stricter)


@pytest.mark.parametrize("divider", [0.0, 1.0])
def test_a_divider_at_either_end_leaves_all_or_none_strong(divider):
    ranking = Ranking(familiar=0.25, divider=divider)
    strong = strengths_of(np.array([-13.0, 13.0], np.float32), ranking) >= least_strength(ranking)
    assert strong.tolist() == [divider == 0.0] * 2


def test_a_common_word_alone_makes_no_full_strength():
    calibrated, common = Ranking(familiar=0.25), 4.6  # a word of one sound in a hundred
    alone = words_bonus(np.array([common], np.float32), common)
    of_five = words_bonus(np.array([common], np.float32), 5 * common)
    unlike, vague = np.float32(UNHEARD), np.float32(0.0)
    assert strengths_of(unlike + of_five, calibrated) < least_strength(calibrated)
    assert strengths_of(unlike + alone, calibrated) < 0.5
    assert strengths_of(vague + alone, calibrated) < 0.8


def test_what_a_model_without_calibration_shows_is_its_share():
    evidence = np.array([-2.0, 0.0, 3.0], np.float32)
    shown = strengths_of(evidence, Ranking(familiar=0.0))
    assert np.allclose(shown, 1 / (1 + np.exp(-evidence)))


def test_a_rare_right_word_outweighs_a_vague_likeness_and_a_common_one_does_not():
    rare, common = 8.0, 0.5  # of one sound in 3,000, and of most
    bonus = words_bonus(np.array([rare, common, 0.0], np.float32), rare + common)
    cost, nothing = np.array([1.3, 1.3, 1.1], np.float32), np.zeros(3, np.float32)
    ranked = rank(cost, nothing, np.array([1, 2, 3]), Ranking(), 0.0, 3, bonus)
    assert ranked.places.tolist() == [0, 2, 1]


def test_a_part_of_what_was_asked_is_worth_less_than_its_share():
    alone, half, none = words_bonus(np.array([6.0, 3.0, 0.0], np.float32), 6.0)
    assert alone == pytest.approx(WORDS_WEIGHT * 6.0) and none == 0
    assert half == pytest.approx(alone / 2 * 0.5**0.5)
    word = np.array([6.0], np.float32)
    worth = [float(words_bonus(word, whole)[0]) for whole in (6.0, 12.0, 30.0)]
    assert worth[0] > worth[1] > worth[2] > 0  # the same word of longer and longer queries
    assert words_bonus(np.zeros(2, np.float32), 0.0).tolist() == [0.0, 0.0]  # no word at all


@given(
    blend=st.floats(0, 1),
    familiar=st.sampled_from([0.0, 0.25]),
    weights=st.lists(st.floats(0, 12), min_size=2, max_size=30),
    seed=st.integers(0, 100),
)
def test_strength_falls_down_the_list_whatever_words_are_held(blend, familiar, weights, seed):
    random, n = np.random.default_rng(seed), len(weights)
    cost = random.uniform(0.5, 1.5, n).astype(np.float32)
    potentials = random.normal(0, 0.3, n).astype(np.float32)
    ranking = Ranking(blend=blend, familiar=familiar)
    bonus = words_bonus(np.array(weights, np.float32), max(weights))
    ranked = rank(cost, potentials, np.arange(n), ranking, 0.9, n, bonus)
    assert (np.diff(ranked.scores) <= 0).all() and (np.diff(ranked.strengths) <= 0).all()
    assert np.allclose(
        ranked.strengths, strengths_of(ranked.scores + np.float32(ranked.zero), ranking)
    )


def test_the_words_share_is_theirs_of_all_that_speaks_for_a_sound():
    cost, nothing = np.array([0.6, 0.6, 2.0, 1.05], np.float32), np.zeros(4, np.float32)
    bonus = np.array([0.0, 6.0, 6.0, 6.0], np.float32)
    ranked = rank(cost, nothing, np.arange(4), Ranking(familiar=0.25), 1.0, 4, bonus)
    shares = dict(zip(ranked.places.tolist(), ranked.words_shares.tolist(), strict=True))
    assert shares[0] == 0.0 and shares[2] == 1.0
    assert shares[1] == pytest.approx(6 / (6 + 8 - UNHEARD))
    assert shares[3] == pytest.approx(6 / (6 - 1 - UNHEARD), rel=1e-4)


def test_an_empty_library_gives_nothing():
    nothing = np.zeros(0, np.float32)
    ranked = rank(nothing, nothing, np.zeros(0, np.int64), Ranking(), 0.0, 5)
    assert len(ranked.places) == 0
