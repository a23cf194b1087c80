import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.models.spec import Ranking
from engine.search.rank import costs, rank
from engine.store.vectors import WindowVectors
from engine.transport import mahalanobis_cost, scores, strength


def windows_of(sound_ids: list[int], seed: int) -> WindowVectors:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(len(sound_ids), 8)).astype(np.float32)
    return WindowVectors(
        vectors=vectors,
        squares=(vectors**2).sum(1),
        potentials=random.normal(size=len(sound_ids)).astype(np.float32) * 0.1,
        sound_ids=np.sort(np.array(sound_ids, np.int64)),
        starts_s=np.arange(len(sound_ids), dtype=np.float32),
        ends_s=np.arange(len(sound_ids), dtype=np.float32) + 1,
    )


@given(
    sound_ids=st.lists(st.integers(1, 15), min_size=1, max_size=40),
    blend=st.floats(0, 1),
    limit=st.integers(1, 20),
    seed=st.integers(0, 100),
)
@settings(deadline=None)
def test_it_is_the_formula_of_the_transport_package(sound_ids, blend, limit, seed):
    windows = windows_of(sound_ids, seed)
    query = np.random.default_rng(seed + 1).normal(size=(1, 8)).astype(np.float32)
    ranking = Ranking(epsilon=0.05, cost_scale=2.0, blend=blend)
    ranked = rank(costs(query, windows, 2.0), windows, ranking, -0.3, limit)
    cost = mahalanobis_cost(torch.from_numpy(query), torch.from_numpy(windows.vectors))[0] / 2
    f = torch.from_numpy(windows.potentials)
    expected = scores(cost, f, 0.05, blend).numpy()
    best = {}
    for window, sound in enumerate(windows.sound_ids):
        if sound not in best or expected[window] > expected[best[sound]]:
            best[sound] = window
    order = sorted(best.values(), key=lambda window: -expected[window])[:limit]
    assert np.allclose(ranked.scores, expected[order], atol=1e-3)
    p = strength(cost, f, 0.05, -0.3).numpy()
    assert np.allclose(ranked.strengths, p[ranked.windows], atol=1e-3)
    assert len(set(windows.sound_ids[ranked.windows])) == len(ranked.windows)


def test_several_queries_count_by_the_nearest():
    windows = windows_of([1, 2, 3], 0)
    both = costs(windows.vectors[[0, 2]], windows, 1.0)
    assert both[0] == pytest.approx(0.0, abs=2e-3)
    assert both[2] == pytest.approx(0.0, abs=2e-3)
    assert both[1] > 0.1


def test_an_empty_library_gives_nothing():
    windows = windows_of([], 0)
    ranked = rank(np.zeros(0, np.float32), windows, Ranking(), 0.0, 5)
    assert len(ranked.windows) == 0
