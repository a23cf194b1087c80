import json
import threading

import numpy as np
import pytest

from engine.store import FileFacts, Library, StoredWindow
from engine.store import vectors as module
from engine.store.tables import MISSING, PRESENT
from engine.store.vectors import cache_folder, load_vectors
from engine.store.windows import remap_windows, window_rows

RANK = 4


def put(library: Library, names: str, windows: int = 2) -> None:
    rows = []
    for name in names:
        vectors = [np.full(RANK, ord(name) + n / 8, "<f2").tobytes() for n in range(windows)]
        stored = [
            StoredWindow(5.0 * n, 5.0 * n + 10, b"", vector, 0.25)
            for n, vector in enumerate(vectors)
        ]
        rows.append((FileFacts(f"/{name}.wav", 1, 1, name, 1.0, 1, 1, 16, "wav"), stored))
    library.put_sounds(rows)


def first_of(library: Library) -> dict[str, list[float]]:
    """Return by path the first component of each present window, in order of time."""
    loaded = load_vectors(library, RANK)
    paths = {i: sound.path for i, sound in library.sounds().items()}
    found: dict[str, list[tuple[float, float]]] = {}
    for row in np.flatnonzero(loaded.present):
        name = paths[int(loaded.sound_ids[row])]
        found.setdefault(name, []).append((loaded.starts_s[row], float(loaded.vectors[row, 0])))
    return {name: [value for _, value in sorted(rows)] for name, rows in found.items()}


def truth(library: Library) -> dict[str, list[float]]:
    paths = {i: sound.path for i, sound in library.sounds().items()}
    found: dict[str, list[float]] = {}
    for row in window_rows(library, "sound_id", "vector"):
        found.setdefault(paths[row.sound_id], []).append(float(np.frombuffer(row.vector, "<f2")[0]))
    return found


def test_the_cache_follows_the_library(library):
    assert len(load_vectors(library, RANK).vectors) == 0
    put(library, "abc")
    assert first_of(library) == truth(library)
    put(library, "de")  # appended
    assert first_of(library) == truth(library)
    put(library, "b", windows=3)  # heard again: its old windows are gone
    assert first_of(library) == truth(library)
    library.set_state([1], MISSING)
    assert first_of(library) == truth(library)
    library.set_state([1], PRESENT)
    ids = [row.id for row in window_rows(library, "id")]
    remap_windows(library, [(i, np.full(RANK, i, "<f2").tobytes(), 0.5) for i in ids], {})
    assert first_of(library) == truth(library)
    assert set(load_vectors(library, RANK).potentials.tolist()) <= {0.5}


def test_only_what_is_new_is_written(library):
    put(library, "abcdefghij")
    load_vectors(library, RANK)
    (path,) = cache_folder(library).glob("vectors-*.f16")
    before = path.read_bytes()
    put(library, "k")
    load_vectors(library, RANK)
    assert path.read_bytes()[: len(before)] == before
    assert len(path.read_bytes()) == len(before) + 2 * 2 * RANK


def test_a_cache_with_many_dead_rows_is_made_anew(library):
    put(library, "abcd")
    load_vectors(library, RANK)
    put(library, "abc")
    loaded = load_vectors(library, RANK)
    assert len(loaded.present) == 8
    assert first_of(library) == truth(library)


@pytest.mark.parametrize("damage", ["state", "vectors", "rows", "all", "tail"])
def test_a_damaged_cache_is_made_anew(library, damage):
    put(library, "abc")
    load_vectors(library, RANK)
    folder = cache_folder(library)
    if damage == "state":
        (folder / "state.json").write_text("{")
    elif damage == "all":
        for path in folder.iterdir():
            path.unlink()
    elif damage == "tail":  # what a killed process wrote and did not count
        path = next(folder.glob("vectors-*"))
        path.write_bytes(path.read_bytes() + b"x" * 13)
        put(library, "d")
    else:
        path = next(folder.glob(f"{damage}-*"))
        path.write_bytes(path.read_bytes()[:-5])
    assert first_of(library) == truth(library)


def test_two_libraries_of_one_name_are_not_confused(library, tmp_path):
    put(library, "ab")
    load_vectors(library, RANK)
    state = json.loads((cache_folder(library) / "state.json").read_text())
    assert state["rows"] == 4
    library.set_settings({"model_id": b"another"})
    put(library, "c")
    assert first_of(library) == truth(library)


def test_several_threads_may_load_while_one_writes(library):
    put(library, "a")
    errors = []

    def load() -> None:
        try:
            for _ in range(10):
                loaded = load_vectors(library, RANK)
                assert (np.asarray(loaded.vectors[:, 0]) > 0).all()
        except Exception as error:  # whatever it is, the test must hear of it
            errors.append(error)

    readers = [threading.Thread(target=load) for _ in range(3)]
    for reader in readers:
        reader.start()
    for name in "bcdefgh":
        put(library, name)
    for reader in readers:
        reader.join()
    assert errors == []
    assert first_of(library) == truth(library)


def test_blocks_do_not_matter(library, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 3)
    put(library, "abcdefg")
    assert first_of(library) == truth(library)
