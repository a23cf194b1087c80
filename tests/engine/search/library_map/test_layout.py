import numpy as np
import pytest

from engine.progress import Control
from engine.search.library_map import layout
from engine.search.library_map.layout import (
    FIRST,
    Phase,
    first_places,
    gradient,
    lay_out,
    repulsions,
)
from engine.search.library_map.neighbours import nearest, neighbours_of
from engine.search.library_map.placing import aligned, landmarks, place_among


def clusters(count: int, each: int, width: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of clusters that lie apart, and which cluster each belongs to."""
    random = np.random.default_rng(3)
    middles = 4 * random.standard_normal((count, width))
    own = np.repeat(np.arange(count), each)
    vectors = middles[own] + random.standard_normal((count * each, width))
    return vectors.astype(np.float32), own


def pairs_summed(y: np.ndarray) -> tuple[np.ndarray, float]:
    apart = y[:, None] - y
    weight = 1 / (1 + (apart**2).sum(2))
    return (weight[..., None] ** 2 * apart).sum(1), weight.sum() - len(y)


@pytest.mark.parametrize(("spread", "tolerance"), [(1e-4, 1e-3), (1.0, 1e-3), (15.0, 0.05)])
def test_repulsions_on_the_grid_are_those_of_all_pairs(spread, tolerance, monkeypatch):
    y = spread * np.random.default_rng(0).standard_normal((1000, 2))
    monkeypatch.setattr(layout, "_EXACT_UP_TO", 0)
    force, mass = repulsions(y)
    true_force, true_mass = pairs_summed(y)
    assert mass == pytest.approx(true_mass, rel=tolerance)
    assert np.abs(force - true_force).mean() < tolerance * np.abs(true_force).mean()


def test_the_gradient_is_that_of_the_divergence():
    """Finite differences of KL(P ‖ Q), with P uniform over neighbours in both directions."""
    random = np.random.default_rng(1)
    near = neighbours_of(random.standard_normal((40, 5)).astype(np.float32), 4, Control())
    p = np.zeros((40, 40))
    np.add.at(p, (np.repeat(np.arange(40), 4), near.ravel()), 1 / 320)
    p += p.T
    y = random.standard_normal((40, 2))

    def divergence(y: np.ndarray) -> float:
        weight = 1 / (1 + ((y[:, None] - y) ** 2).sum(2))
        np.fill_diagonal(weight, 0)
        q = weight / weight.sum()
        some = p > 0
        return float((p[some] * np.log(p[some] / q[some])).sum())

    for row, axis in ((0, 0), (7, 1), (39, 0)):
        step = np.zeros_like(y)
        step[row, axis] = 1e-5
        slope = (divergence(y + step) - divergence(y - step)) / 2e-5
        assert 4 * gradient(y, near, 1.0)[row, axis] == pytest.approx(slope, rel=1e-3, abs=1e-7)


def test_neighbours_stay_neighbours_on_the_map():
    vectors, own = clusters(6, 100)
    near = neighbours_of(vectors, 15, Control())
    places = lay_out(near, first_places(vectors), FIRST, Control())
    assert np.isfinite(places).all()
    beside = nearest(places, places, 11, Control())[0][:, 1:]
    assert (own[beside] == own[:, None]).mean() > 0.98


def test_a_run_goes_on_where_another_was_stopped():
    vectors, _ = clusters(2, 30)
    near = neighbours_of(vectors, 5, Control())
    phases = (Phase(5, 4.0, 0.5), Phase(5, 1.0, 0.8))
    steps: list[int] = []
    lay_out(near, first_places(vectors), phases, Control(), lambda _, n: steps.append(n), done=7)
    assert steps == [8, 9, 10]


def test_nobody_is_a_neighbour_of_himself_even_among_twins():
    vectors = np.repeat(np.random.default_rng(0).standard_normal((5, 4)), 6, axis=0)
    near = neighbours_of(vectors.astype(np.float32), 4, Control())
    assert near.shape == (30, 4)
    assert not (near == np.arange(30)[:, None]).any()
    assert (near // 6 == np.arange(30)[:, None] // 6).all()


def test_new_sounds_are_placed_beside_what_they_are_like_and_not_between():
    vectors, own = clusters(4, 50)
    known = np.arange(200) % 5 > 0
    middles = np.array([[0, 0], [100, 0], [0, 100], [100, 100]], np.float32)
    places = middles[own] + np.random.default_rng(0).normal(0, 3, (200, 2)).astype(np.float32)
    placed = place_among(vectors[~known], vectors[known], places[known], Control())
    apart = np.linalg.norm(placed - middles[own[~known]], axis=1)
    assert apart.max() < 15
    assert len(np.unique(placed, axis=0)) == len(placed)


def test_a_map_is_turned_mirrored_and_moved_to_lie_as_before():
    random = np.random.default_rng(2)
    before = random.standard_normal((50, 2)).astype(np.float32)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) @ np.diag([1, -1])
    after = (before @ turn + [30, -7]).astype(np.float32)
    which = random.random(50) < 0.5
    assert aligned(after, before[which], which) == pytest.approx(before, abs=1e-4)


def test_landmarks_are_different_sounds_and_all_of_few():
    assert landmarks(10, 20).tolist() == list(range(10))
    chosen = landmarks(1000, 100)
    assert len(np.unique(chosen)) == 100 and (np.diff(chosen) > 0).all()


def test_many_vectors_are_compared_by_lists_with_few_misses(monkeypatch):
    from engine.search.library_map import neighbours

    vectors, _ = clusters(40, 100)
    exact = nearest(vectors, vectors[::20], 10, Control())[0]
    monkeypatch.setattr(neighbours, "_EXACT_PAIRS", 0)
    found = nearest(vectors, vectors[::20], 10, Control())[0]
    shares = [len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)]
    assert np.mean(shares) > 0.95
