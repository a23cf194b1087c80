import shutil

import pytest

from engine.errors import InputError, LibraryError
from engine.index import waiting
from engine.index.build import index_folders
from engine.index.drives import note_drives, relink
from engine.progress import Control
from engine.search import Searcher, search_names


def test_a_drive_that_goes_is_offline_and_comes_back_without_listening(
    library, model_folder, sounds, tmp_path
):
    index_folders(library, model_folder, [sounds], Control())
    away = tmp_path / "unplugged"
    sounds.rename(away)
    assert note_drives(library) == [str(sounds)]
    counts = library.statistics()
    assert (counts.sounds, counts.offline, counts.missing) == (0, 12, 0)
    assert search_names(library, "sound").matches == ()
    assert Searcher(library, model_folder).search_text("tone").matches == ()
    away.rename(sounds)
    assert note_drives(library) == []
    assert library.statistics().sounds == 12
    assert index_folders(library, model_folder, [sounds], Control()).heard == 0


def test_a_folder_inside_an_indexed_one_that_was_emptied_is_not_away(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds], Control())
    for path in (sounds / "tones").iterdir():
        path.unlink()
    index_folders(library, model_folder, [sounds / "tones"], Control(), remember=False)
    assert (library.statistics().missing, library.statistics().offline) == (6, 0)
    shutil.rmtree(sounds / "noises")
    assert note_drives(library) == []
    index_folders(library, model_folder, [sounds], Control())
    assert library.statistics().missing == 12


def test_the_empty_place_of_a_drive_is_away_too(library, model_folder, sounds, tmp_path):
    index_folders(library, model_folder, [sounds], Control())
    shutil.move(sounds, tmp_path / "unplugged")
    sounds.mkdir()
    with pytest.raises(InputError, match="12 sounds are offline"):
        index_folders(library, model_folder, [sounds], Control())
    assert library.statistics().missing == 0


def test_a_drive_unplugged_in_the_middle_stops_the_run_and_loses_nothing(
    library, model_folder, sounds, tmp_path, monkeypatch
):
    monkeypatch.setattr(waiting, "_COMMIT_FILES", 1)
    monkeypatch.setattr("engine.index.embed._QUEUE", 2)
    monkeypatch.setattr("engine.index.embed._BATCH", 1)
    away = tmp_path / "unplugged"

    def unplug(progress):
        if progress.stage == "listening" and progress.done == 3:
            sounds.rename(away)

    with pytest.raises(LibraryError, match="was disconnected while it was indexed"):
        index_folders(library, model_folder, [sounds], Control(unplug), threads=1)
    counts = library.statistics()
    assert (counts.offline, counts.missing, counts.skipped) == (12, 0, 0)
    away.rename(sounds)
    report = index_folders(library, model_folder, [sounds], Control())
    assert 0 < report.heard <= 9
    counts = library.statistics()
    assert (counts.embedded, counts.offline, counts.skipped) == (12, 0, 0)


def test_one_file_deleted_meanwhile_is_missing_not_skipped(
    library, model_folder, sounds, monkeypatch
):
    def delete(progress):
        if progress.stage == "loading the model":
            (sounds / "tones" / "Sound_01.wav").unlink()

    index_folders(library, model_folder, [sounds], Control(delete))
    counts = library.statistics()
    assert (counts.sounds, counts.missing, counts.skipped) == (11, 1, 0)


def test_a_folder_that_moved_is_relinked(library, model_folder, sounds, tmp_path):
    index_folders(library, model_folder, [sounds], Control())
    new = tmp_path / "new place" / "sounds"
    new.parent.mkdir()
    sounds.rename(new)
    with pytest.raises(InputError, match="only 0 of the 12 sounds"):
        relink(library, sounds, tmp_path / "wrong")
    assert relink(library, sounds, new) == 12
    assert library.folders() == [str(new)]
    report = index_folders(library, model_folder, [new], Control())
    assert (report.heard, report.unchanged, report.moved) == (0, 12, 0)
    assert len(search_names(library, "in:place sound").matches) == 12
    with pytest.raises(InputError, match="has no sounds under"):
        relink(library, sounds, new)
