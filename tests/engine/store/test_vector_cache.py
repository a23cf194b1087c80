"""What a cache of vectors gives, what is in its files, and when it is made anew."""

import gc
import itertools
import json
import mmap
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from engine import durable
from engine.errors import LibraryError
from engine.sealed import unseal
from engine.store import FileFacts, Library, StoredWindow
from engine.store import vectors as module
from engine.store.tables import MISSING
from engine.store.vectors import WindowVectors, cache_folder, load_vectors
from engine.store.windows import forget_windows, window_rows

RANK = 4


def put(library: Library, *names: str, windows: int = 1, rank: int = RANK) -> None:
    library.put_sounds(
        [
            (
                FileFacts(f"/{name}.wav", 1, 1, name, 1.0, 1, 1, 16, "wav"),
                [
                    StoredWindow(
                        5.0 * n,
                        5.0 * n + 9,
                        b"",
                        np.full(rank, ord(name[0]) + n / 8, "<f2").tobytes(),
                        ord(name[0]) / 4 + n,
                    )
                    for n in range(windows)
                ],
            )
            for name in names
        ]
    )


def state(library: Library) -> dict[str, object]:
    return unseal((cache_folder(library) / "state.json").read_bytes())


def generation(library: Library) -> str:
    return str(state(library)["generation"])


def test_every_column_is_that_of_the_library(library):
    put(library, "a", "b", windows=2)
    put(library, "c")
    library.set_state([2], MISSING)
    loaded = load_vectors(library, RANK)
    rows = window_rows(
        library, "id", "sound_id", "start_s", "end_s", "vector", "potential", present=False
    )
    assert loaded.sound_ids.tolist() == [row.sound_id for row in rows] == [1, 1, 2, 2, 3]
    assert loaded.starts_s.tolist() == [row.start_s for row in rows]
    assert loaded.ends_s.tolist() == [row.end_s for row in rows]
    assert loaded.potentials.tolist() == [row.potential for row in rows]
    assert loaded.vectors.tobytes() == b"".join(row.vector for row in rows)
    assert loaded.vectors.shape == (5, RANK)
    assert loaded.present.tolist() == [True, True, False, False, True]
    kinds = (loaded.vectors, loaded.potentials, loaded.sound_ids, loaded.starts_s, loaded.present)
    assert [part.dtype for part in kinds] == [np.float16, np.float32, np.int64, np.float32, bool]
    assert loaded.codes == cache_folder(library) / f"codes-{generation(library)}"
    assert isinstance(loaded.pages, mmap.mmap)
    loaded.release()
    assert loaded.vectors[4, 0] == ord("c")  # read again from the disk


@pytest.mark.parametrize("can_read_at", [True, False], ids=["read", "mapped"])
def test_some_vectors_are_those_of_their_rows(library, monkeypatch, can_read_at):
    if not can_read_at:
        monkeypatch.delattr(os, "pread", raising=False)
    put(library, *"abcde", windows=3)
    loaded = load_vectors(library, RANK)
    assert (loaded.descriptor is not None) is (can_read_at and hasattr(os, "pread"))
    rows = np.array([14, 0, 7, 7], np.int64)
    some = loaded.some(rows)
    assert some.dtype == np.float16
    assert np.array_equal(some, loaded.vectors[rows])
    assert loaded.some(rows[:0]).shape == (0, RANK)


@pytest.mark.skipif(not hasattr(os, "pread"), reason="this system reads mapped vectors only")
def test_vectors_that_are_gone_from_the_disk_are_one_sentence(library):
    put(library, *"abc")
    loaded = load_vectors(library, RANK)
    (file,) = cache_folder(library).glob("vectors-*.f16")
    os.truncate(file, 2 * RANK)
    assert np.array_equal(loaded.some(np.array([0])), np.full((1, RANK), ord("a"), np.float16))
    with pytest.raises(LibraryError, match="cannot be read any more"):
        loaded.some(np.array([0, 2]))


@pytest.mark.skipif(not hasattr(os, "pread"), reason="this system reads mapped vectors only")
def test_a_file_of_vectors_is_closed_when_nobody_has_them(library):
    put(library, "a")
    loaded = load_vectors(library, RANK)
    descriptor = loaded.descriptor
    os.fstat(descriptor)
    del loaded
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_library_of_nothing_has_a_cache_of_nothing(library):
    loaded = load_vectors(library, RANK)
    assert loaded.vectors.shape == (0, RANK) and loaded.vectors.dtype == np.float16
    assert (loaded.codes, loaded.pages, loaded.checksums) == (None, None, ())
    assert len(loaded.present) == len(loaded.sound_ids) == len(loaded.potentials) == 0
    loaded.release()


def test_the_state_speaks_of_what_is_in_the_files(library):
    library.set_settings({"model_id": b"m", "mapping": b"\1", "other": b"o"})
    put(library, "a", "b", windows=2)
    load_vectors(library, RANK)
    marks = library.setting("window_marks")
    assert marks is not None
    found = state(library)
    vectors = cache_folder(library) / f"vectors-{found['generation']}.f16"
    rows = cache_folder(library) / f"rows-{found['generation']}.bin"
    assert len(str(found["generation"])) == 8
    assert {name: found[name] for name in ("mapping", "rank", "rows", "last_id", "mark")} == {
        "mapping": "mapping 01 model_id 6d",
        "rank": RANK,
        "rows": 4,
        "last_id": 4,
        "mark": marks[-8:].hex(),
    }
    assert found["vectors"] == [zlib.crc32(vectors.read_bytes())]
    assert found["others"] == [zlib.crc32(rows.read_bytes())]
    files = {path.name for path in cache_folder(library).iterdir()}
    assert files == {"lock", "state.json", vectors.name, rows.name}


@pytest.mark.parametrize("setting", ["model_id", "mapping"])
def test_another_mapping_or_rank_begins_anew_and_leaves_nothing_behind(library, setting):
    put(library, "a", "b")
    load_vectors(library, RANK)
    before = generation(library)
    (cache_folder(library) / f"codes-{before}").mkdir()
    (cache_folder(library) / f"codes-{before}" / "index.faiss").touch()
    library.set_settings({"other": b"o"})
    load_vectors(library, RANK)
    assert generation(library) == before
    library.set_settings({setting: b"new"})
    load_vectors(library, RANK)
    after = generation(library)
    assert after != before
    assert not [path.name for path in cache_folder(library).iterdir() if before in path.name]
    forget_windows(library, {})
    put(library, "a", rank=2)
    assert load_vectors(library, 2).vectors.shape == (1, 2)
    assert generation(library) != after


def test_a_fifth_of_dead_rows_is_borne_and_more_is_not(library):
    put(library, *"abcdefghij")
    load_vectors(library, RANK)
    before = generation(library)
    with library.writing() as connection:
        connection.exec_driver_sql("DELETE FROM sounds WHERE id IN (3, 10)")
    loaded = load_vectors(library, RANK)
    assert generation(library) == before
    assert loaded.present.tolist() == [n not in (3, 10) for n in range(1, 11)]
    assert loaded.sound_ids.tolist() == list(range(1, 11))
    assert load_vectors(library, RANK).present.tolist() == loaded.present.tolist()
    rows = np.fromfile(next(cache_folder(library).glob("rows-*")), module._ROW)
    assert rows["id"].tolist() == [1, 2, -3, 4, 5, 6, 7, 8, 9, -10]
    with library.writing() as connection:
        connection.exec_driver_sql("DELETE FROM sounds WHERE id = 5")
    loaded = load_vectors(library, RANK)
    assert generation(library) != before
    assert loaded.sound_ids.tolist() == [1, 2, 4, 6, 7, 8, 9]
    assert loaded.present.all()


def test_vectors_of_another_size_are_told(library):
    put(library, "a", rank=RANK + 1)
    with pytest.raises(LibraryError) as told:
        load_vectors(library, RANK)
    assert str(told.value) == (
        "the library contains vectors of a different size than its model's: run "
        "`soundsift models use` with its model"
    )


def test_a_cache_that_cannot_be_used_is_told(library, monkeypatch):
    put(library, "a")
    folder = cache_folder(library)
    assert folder == Path(f"{library.path}.vectors")
    folder.mkdir()
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    with module.FileLock(folder / "lock"), pytest.raises(LibraryError) as told:
        load_vectors(library, RANK)
    assert str(told.value) == f"{folder} is in use by another program: try again"

    cannot = f"the vectors of {library.name} cannot be cached in {folder}: "
    for error, said in (
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("odd"), "odd"),
    ):

        def fail(file, error=error):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(durable, "flush", fail)
            with pytest.raises(LibraryError) as told:
                load_vectors(library, RANK)
        assert str(told.value) == cannot + said
    assert load_vectors(library, RANK).vectors[0, 0] == ord("a")


def test_a_disk_that_forgets_is_told(library, monkeypatch):
    put(library, "a")
    monkeypatch.setattr(module, "_checksums", lambda data, size: [id(data)])
    with pytest.raises(LibraryError) as told:
        load_vectors(library, RANK)
    assert str(told.value) == (
        f"the disk that holds {cache_folder(library)} does not return what was written to "
        "it: check the disk"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"odd": 1}', json.dumps({"rows": 3})])
def test_a_state_that_is_none_begins_anew(library, text):
    put(library, "a", "b")
    load_vectors(library, RANK)
    before = generation(library)
    (cache_folder(library) / "state.json").write_text(text)
    assert load_vectors(library, RANK).sound_ids.tolist() == [1, 2]
    assert generation(library) != before


@pytest.mark.parametrize("checked", [3, 4, 100])
def test_checksums_go_on_whatever_was_added(monkeypatch, checked):
    monkeypatch.setattr(module, "_CHECKED", checked)
    data = np.random.default_rng(0).bytes(2 * 25)
    whole = module._checksums(memoryview(data), 2)
    assert whole == [
        zlib.crc32(data[start : start + 2 * checked]) for start in range(0, 50, 2 * checked)
    ]
    for cuts in ([0, 25], [0, 1, 25], [0, 3, 4, 8, 9, 12, 25], [0, 4, 8, 24, 25], list(range(26))):
        sums: list[int] = []
        for first, last in itertools.pairwise(cuts):
            module._continue(sums, first, 2, data[2 * first : 2 * last])
        assert sums == whole


def vectors_of(rows: int, checksums: tuple[int, ...], seed: int = 0) -> WindowVectors:
    chance = np.random.default_rng(seed)
    vectors = chance.normal(0, 1, (rows, 2)).astype(np.float16)
    nothing = np.zeros(rows, np.float32)
    potentials = chance.normal(0, 1, rows).astype(np.float32)
    ids = np.arange(rows)
    return WindowVectors(vectors, potentials, ids, nothing, nothing, ids >= 0, checksums=checksums)


def test_fingerprints_are_of_vectors_and_potentials(monkeypatch):
    monkeypatch.setattr(module, "_CHECKED", 4)
    made = vectors_of(10, ())
    data = made.vectors.tobytes()
    sums = tuple(zlib.crc32(data[start : start + 16]) for start in range(0, 40, 16))
    known = vectors_of(10, sums)
    for rows in range(11):
        whole = min(rows // 4, 2)
        parts = [*sums[:whole], zlib.crc32(data[whole * 16 : rows * 4])]
        of_vectors = zlib.crc32(np.array(parts, "<u4").tobytes())
        of_potentials = zlib.crc32(known.potentials[:rows].tobytes())
        assert known.fingerprint(rows) == f"{of_vectors:08x}{of_potentials:08x}"
    assert len({known.fingerprint(rows) for rows in range(11)}) == 11
    assert len(known.fingerprint(5)) == 16
    known.potentials[2] += 1
    assert known.fingerprint(3) != vectors_of(10, sums).fingerprint(3)
    assert known.fingerprint(2) == vectors_of(10, sums).fingerprint(2)


def test_what_windows_add_up_to_is_the_same_in_python_and_in_the_library(library):
    with library.reading() as connection:
        assert module._counted(connection) == module._summary(np.zeros(0, np.int64)) == (0, 0, 0)
    put(library, "a", "b", windows=3)
    with library.writing() as connection:
        connection.exec_driver_sql("UPDATE windows SET id = 3000000000 WHERE id = 6")
    ids = np.array([row.id for row in window_rows(library, "id")])
    assert len(ids) == 6
    with library.reading() as connection:
        counted = module._counted(connection)
    squares = sum(int(i) ** 2 % 4_294_967_291 for i in ids)
    assert counted == module._summary(ids) == (6, 15 + 3_000_000_000, squares)
