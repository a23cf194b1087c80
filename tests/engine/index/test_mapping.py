"""Vectors and potentials against plain arithmetic, and what a change of model costs."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.index import build, fitting, mapping
from engine.index.embed import EmbeddedFile
from engine.index.mapping import (
    adopt_model,
    map_features,
    refresh_bank,
    windows_of,
)
from engine.models.bank import Bank
from engine.models.match_model import load_model
from engine.models.spec import read_spec
from engine.progress import Cancelled, Control
from engine.store import FileFacts, Library, StoredWindow
from engine.store.windows import sample_windows, window_rows
from engine.transport import bank_potentials, library_potential, mahalanobis_cost
from tests.engine.index.test_away import put


@pytest.fixture(scope="module")
def model(model_folder):
    return load_model(model_folder, ("audio",))


def plain_potentials(model, u: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    cost = mahalanobis_cost(u, model.bank_vectors) / model.spec.ranking.cost_scale
    return library_potential(cost, g, model.spec.ranking.epsilon)


def test_features_are_mapped_as_they_are_stored(model, monkeypatch):
    features = np.random.default_rng(0).normal(0, 1, (9, 384)).astype(np.float32)
    bank = np.linspace(-0.5, 0.5, len(model.bank_potentials)).astype(np.float32)
    with torch.inference_mode():
        u = model.map_features(torch.from_numpy(features.astype(np.float16).astype(np.float32)))
        potentials = plain_potentials(model, u, torch.from_numpy(bank))
    vectors, found = map_features(model, features, Bank.of(model, bank.tobytes()))
    assert vectors.dtype == np.float16
    assert np.array_equal(vectors, u.numpy().astype(np.float16))
    assert np.allclose(found, potentials.numpy(), atol=1e-6)
    monkeypatch.setattr("engine.models.bank._AT_ONCE", 4)
    own = Bank.of(model, bank.tobytes())
    assert np.allclose(map_features(model, features, own)[1], found, atol=1e-6)
    heard = EmbeddedFile(features[:2], ((0.0, 10.0), (5.0, 12.0)), "h", 12.0)
    silent = EmbeddedFile(features[:0], (), "h", 1.0)
    elsewhere = replace(heard, mapped=(vectors[5:7], found[5:7]))
    others = EmbeddedFile(features[2:5], ((0.0, 10.0), (5.0, 15.0), (10.0, 17.0)), "i", 17.0)
    asked = [silent, heard, elsewhere, others]
    none, stored, away, more = windows_of(SimpleNamespace(model=model), asked, own)
    assert [(w.start_s, w.end_s) for w in stored] == [(0.0, 10.0), (5.0, 12.0)]
    assert [w.features for w in stored] == [f.astype("<f2").tobytes() for f in features[:2]]
    assert [w.vector for w in stored] == [v.tobytes() for v in vectors[:2]]
    assert np.allclose([w.potential for w in stored], found[:2], atol=1e-6)
    assert [w.vector for w in away] == [v.tobytes() for v in vectors[5:7]]
    assert [w.vector for w in more] == [v.tobytes() for v in vectors[2:5]]
    assert none == [] and windows_of(None, [silent, elsewhere], None)[1] == away


def fill(library: Library, count: int) -> None:
    random = np.random.default_rng(1)
    windows = [
        StoredWindow(
            5.0 * n, 5.0 * n + 10, random.normal(0, 1, 384).astype("<f2").tobytes(), bytes(64), 0
        )
        for n in range(count)
    ]
    library.put_sounds([(FileFacts("/s/a.wav", 1, 1, "h", 1.0, 1, 1, 16, "wav"), windows)])


def test_a_model_writes_its_settings_and_maps_what_is_there(
    library, model_folder, model, monkeypatch
):
    monkeypatch.setattr(mapping, "_CHUNK", 8)
    fill(library, 20)
    seen = []
    adopt_model(library, model_folder, Control(seen.append))
    spec = read_spec(model_folder)
    bank = model.bank_potentials.numpy().astype(np.float32).tobytes()
    settings = {
        "model_folder": str(model_folder).encode(),
        "model_name": spec.name.encode(),
        "model_id": spec.id.encode(),
        "audio_id": spec.audio_id.encode(),
        "bank_potentials": bank,
        "solved_windows": b"0",
    }
    assert {name: library.setting(name) for name in settings} == settings
    told = [(p.stage, p.done, p.total) for p in seen if p.stage == "mapping"]
    assert told == [("mapping", 0, 20), ("mapping", 8, 20), ("mapping", 16, 20)]
    rows = window_rows(library, "features", "vector", "potential")
    features = np.stack([np.frombuffer(row.features, np.float16) for row in rows])
    vectors, potentials = map_features(model, features.astype(np.float32), Bank.of(model, bank))
    assert [row.vector for row in rows] == [vector.tobytes() for vector in vectors]
    assert np.allclose([row.potential for row in rows], potentials, atol=1e-6)
    mapped = library.setting("mapping")
    seen.clear()
    adopt_model(library, model_folder, Control(seen.append))
    assert (library.setting("mapping"), seen) == (mapped, [])  # nothing is done twice
    library.set_settings({"model_folder": b"elsewhere"})
    adopt_model(library, model_folder, Control())
    assert library.setting("model_folder") == str(model_folder).encode()
    assert library.setting("mapping") == mapped


def test_potentials_are_solved_for_libraries_that_are_large_enough(
    library, model_folder, model, monkeypatch
):
    monkeypatch.setattr(fitting, "FEWEST_TO_SOLVE", 20)
    adopt_model(library, model_folder, Control())
    own = library.setting("bank_potentials")

    def refreshed() -> list[str]:
        seen = []
        refresh_bank(library, model_folder, Control(lambda p: seen.append(p.stage)))
        return seen

    fill(library, 19)
    assert refreshed() == []
    fill(library, 20)
    assert refreshed() == ["solving potentials", "rating"]
    assert library.setting("solved_windows") == b"20"
    assert library.setting("bank_potentials") != own
    fill(library, 22)  # a tenth more is not enough
    assert refreshed() == []
    fill(library, 23)
    assert refreshed() == ["solving potentials", "rating"]
    assert library.setting("solved_windows") == b"23"
    fill(library, 21)
    assert refreshed() == []
    fill(library, 20)  # nor is a tenth less
    assert refreshed() == ["solving potentials", "rating"]


def test_no_tower_of_a_model_is_loaded_to_map_and_one_may_stop(library, model_folder, monkeypatch):
    monkeypatch.setattr(fitting, "FEWEST_TO_SOLVE", 5)
    loaded = []

    def load(folder, parts=None):
        loaded.append((folder, parts))
        return load_model(folder, parts)

    monkeypatch.setattr("engine.models.match_model.load_model", load)
    fill(library, 5)
    with pytest.raises(Cancelled):
        build.use_model(library, model_folder, Control(cancel=lambda: True))
    assert library.setting("model_id") is None
    assert build.use_model(library, model_folder, Control()) is True
    library.set_settings({"solved_windows": b"0"})
    refresh_bank(library, model_folder, Control())
    assert loaded == [(model_folder, ())] * 3
    put(library, Path("/s/unheard.wav"))
    assert build.use_model(library, model_folder, Control()) is False


@pytest.mark.parametrize(("windows", "solved"), [(19, b"0"), (20, b"20")])
def test_another_model_of_the_same_ears_solves_if_there_is_enough(
    library, model_folder, monkeypatch, windows, solved
):
    monkeypatch.setattr(fitting, "FEWEST_TO_SOLVE", 20)
    fill(library, windows)
    seen = []
    adopt_model(library, model_folder, Control(lambda p: seen.append((p.stage, p.done))))
    assert library.setting("solved_windows") == solved
    assert (("solving potentials", 0) in seen) == (solved != b"0")


def test_a_catalogued_model_is_found_by_its_name(tmp_path, monkeypatch):
    entry = SimpleNamespace(folder=tmp_path / "shipped" / "default")
    monkeypatch.setattr(mapping, "models", lambda: [SimpleNamespace(folder=tmp_path), entry])
    assert mapping._how_to_find(entry.folder) == "default"
    monkeypatch.chdir(tmp_path)
    assert mapping._how_to_find(Path("mine")) == str(tmp_path / "mine")


def test_potentials_are_those_of_an_even_sample(library, model_folder, model, monkeypatch):
    monkeypatch.setattr(fitting, "FEWEST_TO_SOLVE", 5)
    monkeypatch.setattr(fitting, "_SAMPLE", 10)
    fill(library, 20)
    adopt_model(library, model_folder, Control())
    sample = np.frombuffer(b"".join(f for _, f in sample_windows(library, 10)), np.float16).reshape(
        10, 384
    )
    with torch.inference_mode():
        u = model.map_features(torch.from_numpy(sample.astype(np.float32))).half().float()
        cost = mahalanobis_cost(u, model.bank_vectors) / model.spec.ranking.cost_scale
        epsilon = model.spec.ranking.epsilon
        solved = bank_potentials(cost, epsilon, tolerance=1e-3, max_iterations=100)
    found = np.frombuffer(library.setting("bank_potentials") or b"", np.float32)
    assert np.allclose(found, solved.g.numpy(), atol=1e-5)
    assert np.ptp(found) > 1e-3  # there was something to solve
