from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine.errors import LibraryError
from engine.index.build import index_folders
from engine.progress import Cancelled, Control, Progress
from engine.search.library_map import making
from engine.search.library_map.kept import (
    Draft,
    LibraryMap,
    MapRegion,
    put_draft,
    put_map,
    read_draft,
    read_map,
)
from engine.search.library_map.making import arrange, is_current, update_map
from engine.search.library_map.naming import name_regions
from engine.search.library_map.neighbours import SoundVectors, sound_vectors
from engine.store import FileFacts, StoredWindow
from engine.store.vectors import cache_folder, load_vectors
from tests.engine.search.library_map.test_layout import clusters


def sounds_of(vectors: np.ndarray, first_id: int = 1) -> SoundVectors:
    ids = np.arange(first_id, first_id + len(vectors))
    return SoundVectors(ids, vectors, vectors[:, :2].copy())


def some(sounds: SoundVectors, which: np.ndarray) -> SoundVectors:
    return SoundVectors(sounds.ids[which], sounds.vectors[which], sounds.marks[which])


def put(library, vectors: dict[str, list[list[float]]]) -> None:
    """Store sounds by path, each with the vectors of its windows."""
    rows = []
    for path, windows in vectors.items():
        stored = [
            StoredWindow(5.0 * n, 5.0 * n + 10, b"", np.array(v, "<f2").tobytes(), 0.0)
            for n, v in enumerate(windows)
        ]
        rows.append((FileFacts(path, 1, 1, path, 1.0, 1, 1, 16, "wav"), stored))
    library.put_sounds(rows)


def test_a_sound_is_the_mean_of_its_windows(library):
    put(library, {"/a.wav": [[1, 0, 0], [3, 0, 0]], "/b.wav": [[0, 2, 0]], "/c.wav": [[0, 0, 4]]})
    found = sound_vectors(load_vectors(library, 3), Control())
    assert found.ids.tolist() == [1, 2, 3]
    true = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 4.0]])
    apart = np.linalg.norm(found.vectors[:, None] - found.vectors, axis=2)
    assert apart == pytest.approx(np.linalg.norm(true[:, None] - true, axis=2), abs=1e-4)


def test_what_comes_later_moves_nothing(library):
    sounds = sounds_of(clusters(3, 60)[0])
    first = np.arange(180) % 10 > 0
    made = arrange(library, some(sounds, first), None, "m", Control())
    grown = arrange(library, sounds, made, "m", Control())
    assert (grown.places[first] == made.places).all()
    assert grown.placed == 18
    assert grown.ids.tolist() == sounds.ids.tolist()


def test_once_a_fifth_is_new_all_is_arranged_anew_and_lies_as_before(library):
    vectors, _ = clusters(4, 50)
    sounds = sounds_of(vectors)
    first = np.arange(200) % 4 > 0
    made = arrange(library, some(sounds, first), None, "m", Control())
    grown = arrange(library, sounds, made, "m", Control())
    assert grown.placed == 0
    assert (grown.places[first] != made.places).any()
    for axis in (0, 1):
        both = np.corrcoef(grown.places[first][:, axis], made.places[:, axis])
        assert both[0, 1] > 0.9


def test_sounds_that_came_one_after_the_other_count_together(library):
    sounds = sounds_of(clusters(2, 100)[0])
    made = arrange(library, some(sounds, np.arange(200) < 150), None, "m", Control())
    half = arrange(library, some(sounds, np.arange(200) < 180), made, "m", Control())
    assert half.placed == 30
    whole = arrange(library, sounds, half, "m", Control())
    assert whole.placed == 0


def test_another_model_arranges_all_from_where_it_was(library):
    sounds = sounds_of(clusters(3, 40)[0])
    made = arrange(library, sounds, None, "one", Control())
    other = arrange(library, sounds, made, "other", Control())
    assert other.model == "other"
    assert np.corrcoef(other.places[:, 0], made.places[:, 0])[0, 1] > 0.9


def test_many_sounds_are_arranged_among_some(library, monkeypatch):
    vectors, own = clusters(5, 80)
    monkeypatch.setattr(making, "ARRANGED_AT_ONCE", 150)
    made = arrange(library, sounds_of(vectors), None, "m", Control())
    apart = np.linalg.norm(made.places[:, None] - made.places, axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (own[apart.argmin(1)] == own).mean() > 0.95


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_the_smallest_libraries_have_maps(library, count):
    vectors = np.random.default_rng(0).standard_normal((count, 8)).astype(np.float32)
    made = arrange(library, sounds_of(vectors), None, "m", Control())
    assert made.places.shape == (count, 2) and np.isfinite(made.places).all()
    assert len(np.unique(made.places, axis=0)) == count


class Stopping:
    """Asks to stop after so many steps of arranging."""

    def __init__(self, steps: int) -> None:
        self.steps, self.seen = steps, []

    def control(self) -> Control:
        def update(progress: Progress) -> None:
            if progress.stage == "arranging":
                self.seen.append(progress.done)

        return Control(update, lambda: len(self.seen) >= self.steps)


def test_a_map_that_was_stopped_goes_on(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds], Control())
    stopping = Stopping(100)
    with pytest.raises(Cancelled):
        update_map(library, model_folder, stopping.control())
    assert read_map(library) is None and read_draft(library).step >= 100
    going_on = Stopping(10**6)
    made = update_map(library, model_folder, going_on.control())
    assert going_on.seen[0] > 100
    assert read_draft(library) is None
    assert len(made.ids) == 12 and (read_map(library).places == made.places).all()


def test_a_draft_of_other_sounds_is_not_gone_on_with(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds], Control())
    put_draft(library, Draft(np.arange(12), np.zeros((12, 2), np.float32), 500, "another"))
    begun = Stopping(10**6)
    update_map(library, model_folder, begun.control())
    assert begun.seen[0] == 1


def test_a_map_knows_whether_it_is_of_the_library_as_it_is(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds / "tones"], Control())
    made = update_map(library, model_folder, Control())
    assert is_current(made, load_vectors(library, 32), made.model)
    assert not is_current(made, load_vectors(library, 32), "another")
    index_folders(library, model_folder, [sounds], Control())
    assert not is_current(made, load_vectors(library, 32), made.model)
    assert is_current(
        update_map(library, model_folder, Control()), load_vectors(library, 32), made.model
    )


def test_another_sound_under_an_old_id_gets_a_place_of_its_own(library, monkeypatch):
    sounds = sounds_of(clusters(2, 50)[0])
    made = arrange(library, sounds, None, "m", Control())
    other = SoundVectors(sounds.ids, sounds.vectors.copy(), sounds.marks.copy())
    other.vectors[3], other.marks[3] = other.vectors[97], other.marks[97]
    kept = made.only(making._still(made, other))
    assert 4 not in kept.ids and len(kept.ids) == 99
    grown = arrange(library, other, kept, "m", Control())
    far = np.linalg.norm(made.places[3] - made.places[97])
    assert np.linalg.norm(grown.places[3] - made.places[97]) < far / 4


def a_map() -> LibraryMap:
    random = np.random.default_rng(0)
    regions = (MapRegion("Water", 1.0, -2.0, 0, 40), MapRegion("Dörren & <b>", 0.0, 0.0, 1, 3))
    places = random.standard_normal((5, 2)).astype(np.float32)
    return LibraryMap(np.arange(5) * 3, places, places.copy(), regions, "model", 2)


def test_a_map_comes_back_as_it_was_kept(library):
    made = a_map()
    put_map(library, made)
    found = read_map(library)
    for name in ("ids", "places", "marks"):
        assert (getattr(found, name) == getattr(made, name)).all()
    assert (found.regions, found.model, found.placed) == (made.regions, "model", 2)


def test_a_damaged_map_is_none(library):
    put_map(library, a_map())
    path = cache_folder(library) / "map"
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(bytes(damaged))
        assert read_map(library) is None
    for length in (0, 3, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert read_map(library) is None
    path.write_bytes(whole)
    assert read_map(library) is not None
    path.unlink()
    path.symlink_to(cache_folder(library).with_name("elsewhere"))
    assert read_map(library) is None


def test_a_map_that_cannot_be_saved_is_one_sentence(library, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.durable.put_file", full)
    with pytest.raises(LibraryError, match=r"cannot be saved in .*: No space left on device"):
        put_map(library, a_map())
    put_draft(library, Draft(np.arange(3), np.zeros((3, 2), np.float32), 4, "m"))  # costs nothing


def test_the_vectors_cache_lives_beside_the_map(library):
    put(library, {"/a.wav": [[1, 0, 0]]})
    load_vectors(library, 3)
    put_map(library, a_map())
    put(library, {"/b.wav": [[0, 1, 0]]})
    assert len(load_vectors(library, 3).sound_ids) == 2
    assert read_map(library) is not None
    assert not list(Path(cache_folder(library)).glob("*.part"))


class Words:
    """Names whose shares are known beforehand."""

    names = ("doors wood", "water drip", "an explanation of many words. Really.", "doors misc")

    def shares(self, heard: np.ndarray) -> np.ndarray:
        shares = np.full((len(heard), 4), 0.05)
        shares[:, 2] = 0.5
        shares[np.arange(len(heard)), heard[:, 0].astype(int)] = 0.4
        return shares


def test_regions_are_called_by_what_their_sounds_are_like():
    random = np.random.default_rng(0)
    own = np.repeat([0, 1], 400)
    places = np.array([[-50, 0], [50, 0]])[own] + random.normal(0, 5, (800, 2))
    heard = own[:, None].astype(np.float32)
    rows = np.arange(800)
    regions = name_regions(places.astype(np.float32), rows, heard, Words(), Control())
    named = {region.name: region.x for region in regions if region.level == 0}
    assert set(named) == {"Doors", "Water"}  # families of UCS, each name once
    assert named["Doors"] < -30 and named["Water"] > 30


def test_a_map_of_few_sounds_has_no_names():
    heard = np.zeros((20, 1), np.float32)
    assert (
        name_regions(np.zeros((20, 2), np.float32), np.arange(20), heard, Words(), Control()) == ()
    )


def test_a_sound_whose_vector_is_no_number_names_no_region(library, model_folder, monkeypatch):
    count, seen = making.FEWEST_NAMED, []
    vectors = np.ones((count, 32), np.float16)
    vectors[7, 3] = np.nan
    windows = SimpleNamespace(sound_ids=np.arange(1, count + 1), vectors=vectors)
    places = np.zeros((count, 2), np.float32)
    made = LibraryMap(windows.sound_ids, places, places, (), "model")
    searcher = SimpleNamespace(sound_names=lambda control: None, close=lambda: None)
    monkeypatch.setattr(making, "Searcher", lambda *given: searcher)
    monkeypatch.setattr(making, "name_regions", lambda *given: seen.append(given) or ())
    assert making._regions(library, model_folder, windows, made, Control()) == ()
    ((_, rows, heard, _, _),) = seen
    assert len(rows) == len(heard) == count - 1 and 7 not in rows and np.isfinite(heard).all()
