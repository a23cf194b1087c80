"""A damaged file is in the library as far as it can be heard, with a note of it."""

import numpy as np
import pytest
import soundfile

from engine.index import waiting
from engine.index.build import index_folders
from engine.progress import Cancelled, Control
from engine.store.listing import damaged_sounds
from engine.store.windows import forget_windows

RATE = 8000


@pytest.fixture
def cut(tmp_path):
    """Return a FLAC file of 20 s that was cut off in the middle."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    path = folder / "cut.flac"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 20 * RATE), RATE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def test_a_damaged_file_is_noted_until_it_changes(library, model_folder, cut):
    report = index_folders(library, model_folder, [cut.parent], Control())
    assert (report.heard, report.skipped) == (1, 0)
    (sound,) = library.sounds().values()
    assert 8.5 < sound.duration_s < 10.5
    assert sound.damage == f"damaged: {sound.duration_s:.1f} of about 20.0 s could be read"
    assert damaged_sounds(library) == [(str(cut), sound.damage)]
    assert library.statistics().damaged == 1
    assert library.statistics().windows > 0
    again = index_folders(library, model_folder, [cut.parent], Control())
    assert (again.heard, again.unchanged) == (0, 1)
    assert library.statistics().damaged == 1
    soundfile.write(cut, np.random.default_rng(0).normal(0, 0.1, 20 * RATE), RATE)
    with pytest.raises(Cancelled):  # the note goes with the old file, before the new is heard
        index_folders(library, model_folder, [cut.parent], stopped_at("loading the model"))
    assert library.statistics().damaged == 0
    index_folders(library, model_folder, [cut.parent], Control())
    (sound,) = library.sounds().values()
    assert (round(sound.duration_s, 6), sound.damage) == (20.0, None)
    assert damaged_sounds(library) == []


def stopped_at(stage: str) -> Control:
    seen: list[str] = []
    return Control(lambda progress: seen.append(progress.stage), lambda: stage in seen)


def test_a_note_follows_a_sound_that_moves_and_goes_when_all_is_heard_anew(
    library, model_folder, cut
):
    index_folders(library, model_folder, [cut.parent], Control())
    moved = cut.rename(cut.with_name("moved.flac"))
    index_folders(library, model_folder, [cut.parent], Control())
    assert [path for path, _ in damaged_sounds(library)] == [str(moved)]
    forget_windows(library, {})
    assert damaged_sounds(library) == []


def test_what_was_lost_is_noted_of_a_file_that_was_heard_in_two_runs(
    library, model_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(waiting, "_PART_WINDOWS", 3)
    monkeypatch.setattr(waiting, "_COMMIT_S", 0.0)
    monkeypatch.setattr("engine.index.embed._QUEUE", 2)
    monkeypatch.setattr("engine.index.embed._BATCH", 1)
    folder = tmp_path / "long"
    folder.mkdir()
    path = folder / "long.flac"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 120 * RATE), RATE)
    data = bytearray(path.read_bytes())
    data[len(data) // 10 : len(data) // 10 + 9] = b"\xff" * 9
    path.write_bytes(data)
    left = [2]

    def update(progress):
        left[0] -= progress.stage == "listening"

    with pytest.raises(Cancelled):
        index_folders(library, model_folder, [folder], Control(update, lambda: left[0] <= 0))
    (known,) = library.known([str(folder)], waiting=True).values()
    assert known.heard_s > 15.0  # behind the damage
    index_folders(library, model_folder, [folder], Control())
    (sound,) = library.sounds().values()
    assert sound.duration_s == pytest.approx(120.0, abs=0.1)
    assert sound.damage.startswith("damaged: 119.")
