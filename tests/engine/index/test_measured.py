"""Loudness is measured on the way, kept while content stays, made up for where it is missing."""

import numpy as np
import pytest
import soundfile
from sqlalchemy import update

from engine.index import loudness as module
from engine.index.build import index_folders
from engine.index.loudness import measure_some, measure_waiting
from engine.progress import Cancelled, Control
from engine.search import search_names
from engine.store import MeasuredLoudness, tables
from engine.store.listing import ordered_sounds
from engine.store.loudness import put_loudness, unmeasured
from tests.conftest import tone
from tests.engine.index.test_waiting import Stop, long_file

RATE = 48000


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "sounds"
    made.mkdir()
    for name, level_db in (("loud", -10.0), ("middle", -23.0), ("soft", -40.0)):
        wave = 2 * 10 ** (level_db / 20) * tone(1000, 3.5, RATE)
        soundfile.write(made / f"{name}.wav", np.stack([wave, wave], 1), RATE, subtype="FLOAT")
    return made


def forget(library):
    with library.writing() as connection:
        connection.execute(update(tables.sounds).values(lufs=None, range_lu=None, peak_db=None))


def by_name(library):
    return {sound.path.rsplit("/", 1)[-1]: sound for sound in library.sounds().values()}


def test_sounds_are_measured_while_they_are_indexed(library, model_folder, folder):
    index_folders(library, model_folder, [folder], Control())
    found = by_name(library)
    for name, level in (("loud", -10.0), ("middle", -23.0), ("soft", -40.0)):
        sound = found[f"{name}.wav"]
        assert sound.lufs == pytest.approx(level, abs=0.1)
        assert sound.peak_db == pytest.approx(level, abs=0.1)
        assert sound.range_lu == pytest.approx(0.0, abs=0.1)
    assert len(unmeasured(library)) == 0


def test_they_are_found_by_how_loud_they_are(library, model_folder, folder):
    index_folders(library, model_folder, [folder], Control())

    def names(text):
        return sorted(m.sound.path[-8:-4] for m in search_names(library, text).matches)

    assert names("lufs:<-30") == ["soft"]
    assert names("lufs:-30--20") == names("lufs:-30..-20") == names("lufs:-23") == ["ddle"]
    assert names("-lufs:<-30") == ["ddle", "loud"]
    assert names("peak:>-12dB") == ["loud"]


def test_a_changed_file_is_measured_anew(library, model_folder, folder):
    index_folders(library, model_folder, [folder], Control())
    wave = 2 * 10 ** (-30 / 20) * tone(500, 3.0, RATE)
    soundfile.write(folder / "loud.wav", np.stack([wave, wave], 1), RATE, subtype="FLOAT")
    index_folders(library, model_folder, [folder], Control())
    assert by_name(library)["loud.wav"].peak_db == pytest.approx(-30.0, abs=0.1)


def test_a_moved_file_keeps_what_was_measured(library, model_folder, folder, monkeypatch):
    index_folders(library, model_folder, [folder], Control())
    monkeypatch.setattr(module, "loudness_of", None)  # nothing is measured again
    (folder / "loud.wav").rename(folder / "moved.wav")
    assert index_folders(library, model_folder, [folder], Control()).moved == 1
    assert by_name(library)["moved.wav"].lufs == pytest.approx(-10.0, abs=0.1)


def test_a_file_that_was_heard_in_two_runs_is_measured_whole(
    library, model_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr("engine.index.waiting._PART_WINDOWS", 3)
    monkeypatch.setattr("engine.index.embed._QUEUE", 2)
    monkeypatch.setattr("engine.index.embed._BATCH", 1)
    (tmp_path / "long").mkdir()
    path = long_file(tmp_path / "long" / "long.wav")
    with pytest.raises(Cancelled):
        index_folders(library, model_folder, [path], Stop("listening", 3).control)
    assert by_name(library)["long.wav"].lufs is None
    index_folders(library, model_folder, [path], Control())
    whole = module.measured(module.loudness_of(path))
    sound = by_name(library)["long.wav"]
    assert MeasuredLoudness(sound.lufs, sound.range_lu, sound.peak_db) == whole


def test_an_older_library_is_measured_by_the_next_run(library, model_folder, folder):
    index_folders(library, model_folder, [folder], Control())
    measured = by_name(library)
    forget(library)
    assert len(unmeasured(library)) == 3
    index_folders(library, model_folder, [folder], Control())
    assert by_name(library) == measured


def test_measuring_goes_on_where_it_was_stopped(library, model_folder, folder, monkeypatch):
    index_folders(library, model_folder, [folder], Control())
    forget(library)
    with pytest.raises(Cancelled):
        measure_waiting(library, Stop("measuring loudness", 2).control)
    assert len(unmeasured(library)) == 1
    assert measure_waiting(library, Control()) == 1
    assert len(unmeasured(library)) == 0


def test_a_file_that_cannot_be_read_is_passed_over(library, model_folder, folder):
    index_folders(library, model_folder, [folder], Control())
    forget(library)
    (folder / "soft.wav").unlink()
    assert measure_waiting(library, Control()) == 2
    found = measure_some(library, Control(), 10.0)
    assert list(found.values()) == [None]
    assert measure_some(library, Control(), 10.0, max(found)) == {}


def test_a_piece_looks_at_no_more_files_than_it_may(library, model_folder, folder, monkeypatch):
    index_folders(library, model_folder, [folder], Control())
    forget(library)
    for path in folder.iterdir():
        path.unlink()  # as on a drive that was taken away: each fails at once
    monkeypatch.setattr("engine.index.loudness._AT_MOST", 2)
    first = measure_some(library, Control(), 10.0)
    rest = measure_some(library, Control(), 10.0, max(first))
    assert (len(first), len(rest)) == (2, 1)
    assert not set(first) & set(rest)


def test_a_few_are_measured_at_a_time_and_nothing_written(library, model_folder, folder):
    index_folders(library, model_folder, [folder], Control())
    forget(library)
    found = measure_some(library, Control(), 0.0)
    assert len(found) == 1 and len(unmeasured(library)) == 3
    put_loudness(library, {i: loudness for i, loudness in found.items() if loudness})
    assert len(unmeasured(library)) == 2
    assert not set(found) & set(unmeasured(library))


def test_only_what_lies_under_the_folders_that_were_asked_for_is_measured(
    library, model_folder, folder, tmp_path
):
    index_folders(library, model_folder, [folder], Control())
    forget(library)
    assert unmeasured(library, [str(tmp_path / "other")]) == {}
    assert len(unmeasured(library, [str(folder)])) == 3


def test_lists_are_ordered_by_loudness_and_what_is_not_measured_comes_last(
    library, model_folder, folder
):
    index_folders(library, model_folder, [folder], Control())
    ids = {name: sound.id for name, sound in by_name(library).items()}
    with library.writing() as connection:
        unknown = tables.sounds.c.id == ids["middle.wav"]
        connection.execute(update(tables.sounds).where(unknown).values(lufs=None))
    ordered = ordered_sounds(library, (), "loudness").tolist()
    assert ordered == [ids["soft.wav"], ids["loud.wav"], ids["middle.wav"]]
