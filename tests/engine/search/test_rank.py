import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.models.spec import Ranking
from engine.search.rank import WORDS_WEIGHT, rank, words_bonus
from engine.transport import scores, strength


@given(
    sound_ids=st.lists(st.integers(1, 15), min_size=1, max_size=40),
    blend=st.floats(0, 1),
    limit=st.integers(1, 20),
    seed=st.integers(0, 100),
)
@settings(deadline=None)
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
    p = strength(c, f, 0.05, -0.3).numpy()
    assert np.allclose(ranked.strengths, p[ranked.places], atol=1e-3)
    assert len(set(ids[ranked.places])) == len(ranked.places)


def test_calibrated_strength_falls_with_the_score():
    random = np.random.default_rng(0)
    cost, f = random.uniform(0.5, 1.5, 50), random.normal(0, 0.3, 50)
    cost, f = cost.astype(np.float32), f.astype(np.float32)
    ranking = Ranking(blend=0.25, familiar=0.5)
    ranked = rank(cost, f, np.arange(50), ranking, 0.9, 50)
    assert np.array_equal(np.argsort(-ranked.scores), np.arange(50))
    assert (np.diff(ranked.strengths) <= 0).all()
    expected = strength(torch.from_numpy(cost), 0.25 * torch.from_numpy(f), 0.05, 0.9).numpy()
    assert np.allclose(ranked.strengths, expected[ranked.places], atol=1e-3)


def test_a_rare_right_word_outweighs_a_vague_likeness_and_a_common_one_does_not():
    rare, common = 8.0, 0.5  # of one sound in 3,000, and of most
    bonus = words_bonus(np.array([rare, common, 0.0], np.float32))
    assert np.allclose(bonus, [WORDS_WEIGHT * rare, WORDS_WEIGHT * common, 0.0])
    cost, nothing = np.array([1.3, 1.3, 1.1], np.float32), np.zeros(3, np.float32)
    ranked = rank(cost, nothing, np.array([1, 2, 3]), Ranking(), 0.0, 3, bonus)
    assert ranked.places.tolist() == [0, 2, 1]


def test_an_empty_library_gives_nothing():
    nothing = np.zeros(0, np.float32)
    ranked = rank(nothing, nothing, np.zeros(0, np.int64), Ranking(), 0.0, 5)
    assert len(ranked.places) == 0
