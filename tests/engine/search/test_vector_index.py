import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.models.spec import Ranking
from engine.search import vector_index as module
from engine.search.vector_index import VectorIndex
from engine.store.vectors import WindowVectors

RANK = 16
RANKING = Ranking()


def make(n: int, seed: int = 0, path=None) -> WindowVectors:
    random = np.random.default_rng(seed)
    vectors = random.normal(0, 0.25, (n, RANK)).astype(np.float16)
    nothing = np.zeros(n, np.float32)
    return WindowVectors(
        vectors,
        random.normal(0, 0.1, n).astype(np.float32),
        np.arange(n, dtype=np.int64),
        nothing,
        nothing,
        random.random(n) > 0.1,
        path,
    )


def exact_best(windows: WindowVectors, queries, blend, count, scale, among=None) -> set[int]:
    vectors = windows.vectors.astype(np.float64)
    distance = np.linalg.norm(vectors[None] - queries[:, None].astype(np.float64), axis=2).min(0)
    score = blend * windows.potentials - distance / scale
    score[~windows.present] = -np.inf
    if among is not None:
        score[~among] = -np.inf
    order = np.argsort(-score)[:count]
    return set(order[np.isfinite(score[order])].tolist())


@pytest.mark.parametrize("exact_up_to", [10**6, 0], ids=["exact", "codes"])
@given(
    seed=st.integers(0, 50),
    blend=st.sampled_from([0.0, 0.25, 1.0]),
    queries=st.integers(1, 3),
    share=st.sampled_from([None, 0.02, 0.2, 0.5]),
)
@settings(max_examples=25)
def test_the_best_windows_are_found_exactly(exact_up_to, seed, blend, queries, share):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXACT_UP_TO", exact_up_to)
        patch.setattr(module, "_GATHERED", 100)
        patch.setattr(module, "_FIRST", 40)
        windows = make(3000, seed)
        random = np.random.default_rng(seed + 1)
        query = random.normal(0, 0.25, (queries, RANK)).astype(np.float32)
        among = None if share is None else random.random(3000) < share
        rows = VectorIndex(windows, Ranking(cost_scale=1.3, blend=blend)).best(query, 20, among)
    assert exact_best(windows, query, blend, 20, 1.3, among) <= set(rows.tolist())
    assert windows.present[rows].all()
    assert among is None or among[rows].all()


def test_costs_are_distances_to_the_nearest_query():
    windows = make(50)
    queries = np.asarray(windows.vectors[[3, 7]]).astype(np.float32)
    cost = VectorIndex(windows, Ranking(cost_scale=2.0)).costs(queries, np.arange(50))
    assert cost[[3, 7]] == pytest.approx(0.0, abs=2e-3)
    far = np.linalg.norm(windows.vectors[9].astype(float) - queries, axis=1).min() / 2
    assert cost[9] == pytest.approx(far, abs=1e-4)


def test_costs_are_the_same_from_the_file_and_from_memory(monkeypatch):
    monkeypatch.setattr(module, "_GATHERED", 10)
    index = VectorIndex(make(200), Ranking(cost_scale=1.3))
    queries, rows = np.asarray(index.windows.vectors[:2]).astype(np.float32), np.arange(5, 90, 3)
    from_file = index.costs(queries, rows)
    index.best(queries, 5, None)
    monkeypatch.setattr(module, "_BLOCK", None)  # the file is not asked any more
    assert np.array_equal(index.costs(queries, rows), from_file)


@pytest.mark.parametrize("there", [30, 150], ids=["few are present", "most are"])
def test_the_best_of_each_query_are_those_of_it_alone(monkeypatch, there):
    monkeypatch.setattr(module, "_GATHERED", 20)
    windows = make(200)
    windows.present[:] = False
    windows.present[:there] = True
    index = VectorIndex(windows, Ranking(cost_scale=1.3, blend=0.5))
    queries = np.asarray(windows.vectors[:5]).astype(np.float32)
    for query, rows in zip(queries, index.best_each(queries, 50), strict=True):
        assert set(rows.tolist()) == set(index.best(query[None], 50, None).tolist())


def test_codes_are_kept_and_grow_with_the_library(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EXACT_UP_TO", 0)
    query = np.zeros((1, RANK), np.float32)
    grown = make(2000, path=tmp_path / "codes")
    names = ("vectors", "potentials", "sound_ids", "starts_s", "ends_s", "present")
    young = WindowVectors(*(getattr(grown, name)[:1500] for name in names), grown.codes)
    VectorIndex(young, RANKING).best(query, 5, None)
    before = (tmp_path / "codes" / "index.faiss").stat().st_size
    rows = VectorIndex(grown, RANKING).best(query, 5, None)
    assert (tmp_path / "codes" / "index.faiss").stat().st_size > before
    assert exact_best(grown, query, 0.5, 5, 1.0) <= set(rows.tolist())
    (tmp_path / "codes" / "index.faiss").write_bytes(b"half a file")
    rows = VectorIndex(grown, RANKING).best(query, 5, None)
    assert exact_best(grown, query, 0.5, 5, 1.0) <= set(rows.tolist())


def test_codes_of_another_blend_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EXACT_UP_TO", 0)
    windows, query = make(3000, path=tmp_path / "codes"), np.full((1, RANK), 0.1, np.float32)
    for blend in (0.0, 1.0, 0.25):
        rows = VectorIndex(windows, Ranking(blend=blend)).best(query, 20, None)
        assert exact_best(windows, query, blend, 20, 1.0) <= set(rows.tolist())
        facts = json.loads((tmp_path / "codes" / "facts.json").read_text())
        assert facts["blend"] == blend


def test_an_empty_library_has_no_windows():
    assert len(VectorIndex(make(0), RANKING).best(np.zeros((1, RANK), np.float32), 5, None)) == 0


def test_windows_of_sounds_are_found_in_any_order():
    windows = make(12)
    ids = np.array([5, 3, 5, 1, 3, 3, 9, 1, 5, 7, 7, 2])
    parts = (windows.vectors, windows.potentials, ids, *[windows.potentials] * 2, windows.present)
    index = VectorIndex(WindowVectors(*parts), RANKING)
    assert sorted(index.rows_of(np.array([3, 7, 4])).tolist()) == [1, 4, 5, 9, 10]
    assert index.has_windows(np.array([3, 4, 9])).tolist() == [True, False, True]
