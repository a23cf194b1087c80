"""Whatever happens to the files of the caches, the answers are those of a fresh cache."""

import shutil
import sqlite3
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import durable
from engine.models.spec import Ranking
from engine.search import vector_index
from engine.search.vector_index import VectorIndex
from engine.store import FileFacts, Library, StoredWindow
from engine.store import vectors as module
from engine.store.tables import MISSING
from engine.store.vectors import cache_folder, load_vectors
from engine.store.windows import forget_windows, remap_windows, window_rows

RANK, RANKING = 16, Ranking()
QUERIES = np.random.default_rng(99).normal(0, 0.25, (3, RANK)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Let few windows be many blocks, and let faiss scan them."""
    monkeypatch.setattr(module, "_CHECKED", 16)
    monkeypatch.setattr(module, "_BLOCK", 50)
    monkeypatch.setattr(vector_index, "EXACT_UP_TO", 0)
    monkeypatch.setattr(vector_index, "_FIRST", 6)


def put(library: Library, names: range, seed: int = 0, windows: int = 3) -> None:
    random = np.random.default_rng([seed, names.start])
    rows = []
    for name in names:
        vectors = random.normal(0, 0.25, (windows, RANK)).astype("<f2")
        potentials = random.normal(0, 0.1, windows)
        stored = [
            StoredWindow(5.0 * n, 5.0 * n + 10, b"", vectors[n].tobytes(), potentials[n])
            for n in range(windows)
        ]
        rows.append((FileFacts(f"/{name}.wav", 1, 1, f"{name}", 1.0, 1, 1, 16, "wav"), stored))
    library.put_sounds(rows)


def answers(library: Library) -> list[list[tuple[int, float, float]]]:
    """Return for each query the best windows: sound, beginning, score."""
    windows = load_vectors(library, RANK)
    search = VectorIndex(windows, RANKING)
    found = []
    for query in QUERIES:
        rows = search.best(query[None], 5, None)
        score = RANKING.blend * windows.potentials[rows] - search.costs(query[None], rows)
        best = sorted(zip(score, rows, strict=True), reverse=True)[:5]
        found.append(
            [(int(windows.sound_ids[r]), float(windows.starts_s[r]), float(s)) for s, r in best]
        )
    return found


def fresh(library: Library) -> list[list[tuple[int, float, float]]]:
    """Return the answers of a cache that is made now, without touching the one that is there."""
    folder = cache_folder(library)
    aside = folder.with_name("aside")
    if folder.exists():
        folder.rename(aside)
    try:
        return answers(library)
    finally:
        shutil.rmtree(folder)
        if aside.exists():
            aside.rename(folder)


def cached_files(library: Library) -> list[Path]:
    found = cache_folder(library).rglob("*")
    return sorted(path for path in found if path.is_file() and path.name != "lock")


DAMAGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "zeros", "cut", "grow", "swap", "remove", "older"]),
        st.integers(0, 4),
        st.integers(0, 2**31),
        st.integers(1, 255),
    ),
    min_size=1,
    max_size=3,
)


def damage(files: list[Path], old: Path, kind: str, which: int, place: int, value: int) -> None:
    path, other = files[which % len(files)], files[(which + 1 + place) % len(files)]
    if not path.exists() or not other.exists():
        return
    data = bytearray(path.read_bytes())
    if kind == "flip" and data:
        data[place % len(data)] ^= value
        path.write_bytes(data)
    elif kind == "zeros" and data:  # what a power loss leaves of blocks that were not written
        start = place % len(data)
        data[start : start + 64] = bytes(len(data[start : start + 64]))
        path.write_bytes(data)
    elif kind == "cut":
        path.write_bytes(data[: place % (len(data) + 1)])
    elif kind == "grow":
        path.write_bytes(bytes(data) + bytes([value]) * (place % 400))
    elif kind == "swap":
        theirs = other.read_bytes()
        other.write_bytes(data)
        path.write_bytes(theirs)
    elif kind == "remove":
        path.unlink()
    elif kind == "older":  # as a backup program does
        for earlier in old.rglob("*"):
            if earlier.is_file() and earlier.name == path.name:
                shutil.copyfile(earlier, path)


@pytest.mark.long
@given(damages=DAMAGES)
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_damaged_caches_answer_as_fresh_ones(tmp_path_factory, damages):
    home = tmp_path_factory.mktemp("library")
    with Library(home / "library.db") as library:
        put(library, range(30))
        answers(library)
        shutil.copytree(cache_folder(library), home / "old")
        put(library, range(30, 40))
        put(library, range(3, 5), seed=1)  # heard again: their old windows are buried
        truth = answers(library)
        assert truth == fresh(library)
        files = cached_files(library)
        assert len(files) == 5
        for kind, which, place, value in damages:
            damage(files, home / "old", kind, which, place, value)
        assert answers(library) == truth
        assert answers(library) == truth  # and it has healed


@pytest.mark.parametrize("name", ["vectors-*", "rows-*", "state.json", "codes-*/*.faiss"])
def test_every_byte_is_checked(library, name):
    put(library, range(20))
    truth = answers(library)
    for share in (0.0, 0.3, 0.5, 1.0):
        (path,) = cache_folder(library).glob(name)
        data = bytearray(path.read_bytes())
        data[round(share * (len(data) - 1))] ^= 0x10
        path.write_bytes(data)
        assert answers(library) == truth
        (healed,) = cache_folder(library).glob(name)
        assert healed.read_bytes() != data


@pytest.mark.parametrize("name", ["vectors-*", "rows-*", "state.json", "codes-*/*.faiss"])
@pytest.mark.parametrize("left", [0.0, 0.5, 1.0])
def test_a_cache_that_was_cut_off_is_made_anew(library, name, left):
    put(library, range(20))
    truth = answers(library)
    vectors = np.array(load_vectors(library, RANK).vectors)
    (path,) = cache_folder(library).glob(name)
    data = path.read_bytes()
    path.write_bytes(data[: min(len(data) - 1, int(left * len(data)))])
    assert np.array_equal(load_vectors(library, RANK).vectors, vectors)
    assert answers(library) == truth


def test_faiss_is_not_given_codes_that_are_damaged(library, monkeypatch):
    import faiss

    put(library, range(20))
    answers(library)
    (path,) = cache_folder(library).glob("codes-*/*.faiss")
    data = bytearray(path.read_bytes())
    data[20] ^= 0xFF  # a number that says how much to read
    path.write_bytes(data)
    monkeypatch.setattr(faiss, "read_index", lambda path: pytest.fail("it was read"))
    assert answers(library) == fresh(library)


def copied(library: Library, path: Path) -> Path:
    with sqlite3.connect(library.path) as source, sqlite3.connect(path) as target:
        source.backup(target)
    return path


@pytest.mark.parametrize("again", [range(20, 25), range(40, 45)], ids=["same", "others"])
def test_a_library_that_was_restored_is_not_answered_from_a_later_cache(tmp_path, again):
    """Ids go back and are given again, to as many windows as before."""
    path = tmp_path / "library.db"
    with Library(path) as library:
        put(library, range(20))
        copied(library, tmp_path / "copy.db")
        put(library, range(20, 25))
        answers(library)
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    (tmp_path / "copy.db").rename(path)
    with Library(path) as library:
        put(library, again, seed=7)
        assert answers(library) == fresh(library)


def test_a_library_that_was_restored_has_the_windows_that_went_since(tmp_path):
    path = tmp_path / "library.db"
    with Library(path) as library:
        put(library, range(20), windows=1)
        ids = sorted(library.sounds())
        copied(library, tmp_path / "copy.db")
        delete(library, ids[3])
        answers(library)  # buries it
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    (tmp_path / "copy.db").rename(path)
    with Library(path) as library:
        delete(library, ids[4])  # as many as before
        assert answers(library) == fresh(library)


def delete(library: Library, sound_id: int) -> None:
    with library.writing() as connection:
        connection.exec_driver_sql("DELETE FROM sounds WHERE id = ?", (sound_id,))


def test_the_cache_of_another_library_is_not_used(tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        with Library(tmp_path / f"{name}.db") as library:
            put(library, range(20), seed=seed)
            library.set_settings({"mapping": b"the same"})
            answers(library)
    shutil.rmtree(tmp_path / "two.db.vectors")
    shutil.copytree(tmp_path / "one.db.vectors", tmp_path / "two.db.vectors")
    with Library(tmp_path / "two.db") as library:
        assert answers(library) == fresh(library)


def test_copied_libraries_that_grow_apart_do_not_share_codes(tmp_path):
    with Library(tmp_path / "one.db") as library:
        put(library, range(20))
        answers(library)
        copied(library, tmp_path / "two.db")
        put(library, range(20, 25))
        answers(library)
    shutil.copytree(tmp_path / "one.db.vectors", tmp_path / "two.db.vectors")
    with Library(tmp_path / "two.db") as library:
        put(library, range(20, 25), seed=5)
        assert answers(library) == fresh(library)


def test_codes_of_other_vectors_are_not_used(library):
    put(library, range(20))
    answers(library)
    (folder,) = cache_folder(library).glob("codes-*")
    kept = library.path.with_name("kept")
    shutil.copytree(folder, kept)
    ids = [row.id for row in window_rows(library, "id")]
    turned = np.random.default_rng(4).normal(0, 0.25, (len(ids), RANK)).astype("<f2")
    rows = [(i, vector.tobytes(), 0.0) for i, vector in zip(ids, turned, strict=True)]
    remap_windows(library, rows, {})
    answers(library)
    (folder,) = cache_folder(library).glob("codes-*")
    shutil.rmtree(folder)
    kept.rename(folder)
    assert answers(library) == fresh(library)


def test_a_library_from_before_marks_is_bound_to_its_cache_when_it_is_first_opened(library):
    put(library, range(5))
    with library.writing() as connection:
        connection.exec_driver_sql("DELETE FROM settings WHERE name = 'window_marks'")
    answers(library)
    before = cached_files(library)
    answers(library)
    assert cached_files(library) == before
    assert library.setting("window_marks")


def test_an_up_to_date_cache_is_not_written(library):
    put(library, range(20))
    library.set_state([1], MISSING)
    answers(library)
    before = {path: path.stat().st_mtime_ns for path in cached_files(library)}
    answers(library)
    assert {path: path.stat().st_mtime_ns for path in cached_files(library)} == before


def test_a_state_is_written_after_what_it_vouches_for(library, monkeypatch):
    """A power loss between two steps must leave no state that speaks of what is not there."""
    steps: list[str] = []
    write, flush = durable.put_file, durable.flush

    def flushed(file):
        if Path(file.name).suffix != ".part":
            steps.append(Path(file.name).suffix)
        flush(file)

    monkeypatch.setattr(durable, "flush", flushed)

    def note(path, content):
        steps.append(path.name)
        write(path, content)

    monkeypatch.setattr(durable, "put_file", note)
    put(library, range(3))
    load_vectors(library, RANK)
    assert steps == [".f16", ".bin", "state.json"]


def test_no_name_comes_twice_for_what_another_process_may_still_read(library):
    names = set()
    for number in range(4):
        put(library, range(number * 5, number * 5 + 5))
        forget_windows(library, {"mapping": bytes([number])})
        put(library, range(3), seed=number)
        load_vectors(library, RANK)
        (path,) = cache_folder(library).glob("vectors-*")
        names.add(path.name)
        (cache_folder(library) / "state.json").write_text("{}")
    assert len(names) == 4


def test_checksums_go_on_across_blocks(library):
    put(library, range(5), windows=5)  # one and a half blocks
    load_vectors(library, RANK)
    put(library, range(5, 20), windows=3)
    loaded = load_vectors(library, RANK)
    data, size = loaded.vectors.tobytes(), 16 * RANK * 2
    expected = [zlib.crc32(data[start : start + size]) for start in range(0, len(data), size)]
    assert list(loaded.checksums) == expected
    assert loaded.fingerprint(70) == codes_fingerprint(loaded, 70)


def codes_fingerprint(loaded: module.WindowVectors, rows: int) -> str:
    """Return the fingerprint of a cache that ended there."""
    data, size = loaded.vectors[:rows].tobytes(), 16 * RANK * 2
    sums = tuple(zlib.crc32(data[start : start + size]) for start in range(0, len(data), size))
    names = ("vectors", "potentials", "sound_ids", "starts_s", "ends_s", "present")
    young = module.WindowVectors(*(getattr(loaded, name)[:rows] for name in names), checksums=sums)
    return young.fingerprint(rows)


def test_codes_that_cannot_be_kept_cost_no_answer(library, monkeypatch):
    put(library, range(20))
    truth = fresh(library)

    put_file = durable.put_file

    def full(path, content):
        if path.parent.name.startswith("codes"):
            raise OSError(28, "No space left on device")
        put_file(path, content)

    monkeypatch.setattr(durable, "put_file", full)
    assert answers(library) == truth
