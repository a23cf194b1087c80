"""Runs: tags go into files and names, the library follows, and all of it comes back."""

import json
import os
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from filelock import FileLock

from engine.errors import AudioError, InputError
from engine.index.build import index_folders
from engine.metadata.journal import TEMPORARY
from engine.metadata.read import read_header
from engine.metadata.renaming import UCS_PATTERN, Rename, carry_out
from engine.metadata.write import SoundTags
from engine.progress import Cancelled, Control
from engine.search import search_names
from engine.store.copies import copies
from engine.store.places import sound_at
from engine.store.tags import TagRow, put_tags, tag_rows
from engine.tags.review import record
from engine.tags.run import TagRun, settle, undo_last
from engine.tags.run_folders import runs_of
from engine.tags.writing import renames_of, tags_to_write
from tests.conftest import accept_tags, reject_tags, tone

FIELDS = {"creator": "ABC", "source": "Lib"}


@pytest.fixture
def folder(tmp_path: Path, library, model_folder) -> Path:
    """Return an indexed folder of four sounds in four formats."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number, kind in enumerate(("wav", "flac", "ogg", "aiff")):
        soundfile.write(sounds / f"thing_{number}.{kind}", tone(300 + 100 * number, 0.4), 32000)
    index_folders(library, model_folder, [sounds], Control())
    return sounds


def can_undo(library) -> bool:
    return runs_of(library).is_dir() and any(p.is_dir() for p in runs_of(library).iterdir())


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def ids_of(library) -> list[int]:
    return sorted(library.sounds())


def tag_all(library) -> list[int]:
    ids = ids_of(library)
    accept_tags(library, [(i, "DOORWood") for i in ids])
    accept_tags(library, [(i, "wet") for i in ids])
    return ids


def test_accepted_tags_become_category_keywords_and_name(library, folder):
    ids = tag_all(library)
    wanted = tags_to_write(library, ids, tag_rows(library, ids))
    fields = wanted[str(folder / "thing_0.wav")].named()
    assert fields == {
        "DESCRIPTION": "thing 0: doors wood, wet",
        "CATID": "DOORWood",
        "CATEGORY": "DOORS",
        "SUBCATEGORY": "WOOD",
        "FXNAME": "thing 0",
        "KEYWORDS": "wet",
    }


def test_keywords_that_are_in_the_file_stay_unless_rejected(library, folder):
    path = folder / "thing_1.flac"
    held = mutagen.File(path)
    held["KEYWORDS"] = ["loud", "cold"]
    held.save()
    sound_id = sound_at(library, str(path))
    accept_tags(library, [(sound_id, "wet"), (sound_id, "Loud")])
    reject_tags(library, [(sound_id, "cold")])
    wanted = tags_to_write(library, [sound_id], tag_rows(library, [sound_id]))
    assert wanted[str(path)].keywords == ("loud", "wet")


def test_a_description_that_is_there_stays(library, folder):
    path = folder / "thing_1.flac"
    held = mutagen.File(path)
    held["DESCRIPTION"] = ["A thing of mine"]
    held.save()
    sound_id = sound_at(library, str(path))
    accept_tags(library, [(sound_id, "wet")])
    wanted = tags_to_write(library, [sound_id], tag_rows(library, [sound_id]))
    with TagRun.begin(library) as run:
        run.write(wanted, Control())
    assert wanted[str(path)].description is None
    assert read_header(path).description == "A thing of mine"


def test_a_run_that_changed_something_keeps_a_copy_once_a_day(library, folder):
    for copy in copies(library.path):
        os.utime(copy, (0, 0))
    before = len(copies(library.path))
    with TagRun.begin(library):
        pass
    assert len(copies(library.path)) == before
    tag_all(library)
    ids = ids_of(library)
    with TagRun.begin(library) as run:
        run.write(tags_to_write(library, ids, tag_rows(library, ids)), Control())
    assert len(copies(library.path)) == before + 1


def test_only_accepted_tags_of_files_that_are_there_are_written(library, folder):
    one, two, three, four = ids_of(library)
    put_tags(library, [TagRow(one, "wet", "suggested", "m"), TagRow(two, "wet", "rejected", "m")])
    accept_tags(library, [(three, "wet"), (four, "wet")])
    library.set_state([four], 1)
    ids = [one, two, three, four]
    assert len(tags_to_write(library, ids, tag_rows(library, ids))) == 1


def test_a_run_writes_renames_and_comes_back_byte_for_byte(library, folder, model_folder):
    before, ids = contents(folder), ids_of(library)
    rows = [TagRow(i, "DOORWood", "accepted", "model", 0.9) for i in ids]
    with TagRun.begin(library) as run:
        record(library, ids, rows, run.note)
        written = run.write(tags_to_write(library, ids, tag_rows(library, ids)), Control())
        plans = renames_of(library, ids, tag_rows(library, ids), UCS_PATTERN, FIELDS)
        moves = run.rename(plans)
    assert len(written.done) == 4 and not written.refused and len(moves) == 4
    assert sorted(p.name for p in folder.iterdir()) == [
        f"DOORWood_thing {n}_ABC_Lib.{kind}"
        for n, kind in enumerate(("wav", "flac", "ogg", "aiff"))
    ]
    assert all(read_header(p).category == "DOORWood" for p in folder.iterdir())
    assert {s.category for s in library.sounds().values()} == {"DOORWood"}
    assert ids_of(library) == ids  # the same sounds, with all that is known of them
    again = index_folders(library, model_folder, [folder], Control())
    assert (again.unchanged, again.heard, again.moved, again.missing) == (4, 0, 0, 0)
    assert len(search_names(library, "door").matches) == 4
    undone = undo_last(library, Control())
    assert (undone.tags, undone.files, undone.names, undone.refused) == (4, 4, 4, ())
    assert contents(folder) == before and tag_rows(library) == []
    assert {s.category for s in library.sounds().values()} == {None}
    again = index_folders(library, model_folder, [folder], Control())
    assert (again.unchanged, again.heard) == (4, 0)
    assert not can_undo(library) and list(runs_of(library).iterdir()) == []
    with pytest.raises(InputError, match="nothing to undo"):
        undo_last(library, Control())


def test_a_run_that_changed_nothing_does_not_stand_before_one_that_can_be_taken_back(
    library, folder
):
    wanted = {str(path): SoundTags(keywords=("wet",)) for path in folder.iterdir()}
    before = contents(folder)
    for changed in (4, 0):
        with TagRun.begin(library) as run:
            assert len(run.write(wanted, Control()).done) == changed
    assert undo_last(library, Control()).files == 4
    assert contents(folder) == before and not can_undo(library)


def test_a_file_that_cannot_be_written_does_not_stop_the_others(library, folder, model_folder):
    broken = folder / "thing_0.wav"
    ids = tag_all(library)
    wanted = tags_to_write(library, ids, tag_rows(library, ids))
    broken.write_bytes(broken.read_bytes()[:60])
    os.remove(folder / "thing_2.ogg")  # noqa: PTH107
    with TagRun.begin(library) as run:
        written = run.write(wanted, Control())
    assert len(written.done) == 2
    reasons = {Path(path).name: reason for path, reason in written.refused}
    assert set(reasons) == {"thing_0.wav", "thing_2.ogg"}
    assert all(reason.startswith(name) for name, reason in reasons.items())


def test_files_that_hold_their_tags_already_are_left_alone(library, folder):
    ids = tag_all(library)
    for count in (4, 0):
        wanted = tags_to_write(library, ids, tag_rows(library, ids))
        before = contents(folder)
        with TagRun.begin(library) as run:
            written = run.write(wanted, Control())
        assert len(written.done) == count and written.refused == ()
    assert contents(folder) == before


def test_a_file_that_was_changed_since_is_left_and_told(library, folder):
    ids = tag_all(library)
    with TagRun.begin(library) as run:
        run.write(tags_to_write(library, ids, tag_rows(library, ids)), Control())
    path = folder / "thing_0.wav"
    path.write_bytes(path.read_bytes() + b"mine")
    undone = undo_last(library, Control())
    assert undone.files == 3 and len(undone.refused) == 1
    assert "has been changed since" in undone.refused[0][1] and path.read_bytes().endswith(b"mine")
    assert can_undo(library)  # what is left of the run is kept


def test_writing_can_be_cancelled_and_what_was_done_is_known(library, folder, model_folder):
    ids = tag_all(library)
    wanted = tags_to_write(library, ids, tag_rows(library, ids))
    asked = iter([False, False, True])
    with pytest.raises(Cancelled), TagRun.begin(library) as run:
        run.write(wanted, Control(cancel=lambda: next(asked)))
    again = index_folders(library, model_folder, [folder], Control())
    assert (again.unchanged, again.heard) == (4, 0)
    assert undo_last(library, Control()).files == 2


def test_renaming_is_all_or_nothing_and_the_library_agrees(library, folder):
    ids = tag_all(library)
    names = sorted(p.name for p in folder.iterdir())
    plans = renames_of(library, ids, tag_rows(library, ids), UCS_PATTERN, FIELDS)
    blocked = Path(plans[-1].new)
    with TagRun.begin(library) as run:
        blocked.write_bytes(b"came meanwhile")
        with pytest.raises(AudioError, match="nothing was renamed"):
            run.rename(plans)
    blocked.unlink()
    assert sorted(p.name for p in folder.iterdir()) == names
    assert {Path(s.path).name for s in library.sounds().values()} == set(names)
    assert not can_undo(library)


def test_a_run_that_was_refused_costs_no_undo(library, folder):
    ids = tag_all(library)
    with pytest.raises(AudioError, match="nothing was renamed"), TagRun.begin(library) as run:
        plans = renames_of(library, ids, tag_rows(library, ids), UCS_PATTERN, FIELDS)
        Path(plans[-1].new).write_bytes(b"came meanwhile")
        run.rename(plans)
    assert not any(runs_of(library).iterdir())


def test_a_run_that_was_killed_while_it_renamed_is_taken_back(library, folder):
    ids = tag_all(library)
    names = sorted(p.name for p in folder.iterdir())
    plans = renames_of(library, ids, tag_rows(library, ids), UCS_PATTERN, FIELDS)
    home = runs_of(library) / "00000000000000000001"
    home.mkdir(parents=True)
    carry_out(plans[:3], home / "names.json")  # and then the process was killed
    settle(library)
    assert sorted(p.name for p in folder.iterdir()) == names
    assert {Path(s.path).name for s in library.sounds().values()} == set(names)


def test_a_temporary_file_of_a_killed_run_is_removed_but_not_of_one_that_goes_on(library, folder):
    home = runs_of(library) / "00000000000000000001" / "files"
    home.mkdir(parents=True)
    left = folder / f"{TEMPORARY}0011.part"
    left.write_bytes(b"half")
    (home / f"{left.name}.pending").write_text(str(left))
    with FileLock(home.parent / "lock"):
        settle(library)
        assert left.exists()
        with pytest.raises(InputError, match="still in progress"):
            undo_last(library, Control())
    settle(library)
    assert not left.exists()


def test_an_empty_run_leaves_nothing_and_old_ones_are_forgotten(library, folder, monkeypatch):
    monkeypatch.setattr("engine.tags.run._KEPT", 6)
    with TagRun.begin(library):
        pass
    assert not can_undo(library)
    (one, *_) = ids_of(library)
    for number in range(11):
        with TagRun.begin(library) as run:
            record(library, [one], [TagRow(one, f"tag {number}", "accepted", "m", 0.9)], run.note)
    assert len(list(runs_of(library).iterdir())) <= 7
    assert undo_last(library, Control()).tags == 1
    assert "tag 10" not in {row.label for row in tag_rows(library)}
    assert "tag 9" in {row.label for row in tag_rows(library)}


def test_two_files_can_trade_their_names(library, folder):
    one, two = folder / "thing_0.wav", folder / "thing_1.flac"
    first = sound_at(library, str(one))
    plans = [
        Rename(str(one), str(folder / "thing_1.wav")),
        Rename(str(two), str(folder / "thing_0.flac")),
    ]
    with TagRun.begin(library) as run:
        run.rename(plans)
    assert sound_at(library, str(folder / "thing_1.wav")) == first
    assert undo_last(library, Control()).names == 2
    assert sound_at(library, str(one)) == first and one.is_file() and two.is_file()
    assert np.isfinite(soundfile.read(one)[0]).all()


def written_runs(library, ids: list[int], count: int) -> None:
    for number in range(count):
        accept_tags(library, [(i, f"run {number}") for i in ids])
        with TagRun.begin(library) as run:
            run.write(tags_to_write(library, ids, tag_rows(library, ids)), Control())


def test_a_damaged_record_does_not_hide_the_others_nor_earlier_runs(library, folder):
    ids = tag_all(library)
    before = contents(folder)
    written_runs(library, ids, 2)
    latest = sorted(runs_of(library).iterdir())[-1]
    record = sorted((latest / "files").glob("*.json"))[0]
    record.write_text("{")
    undone = undo_last(library, Control())
    assert undone.files == 3 and len(undone.refused) == 1
    assert "record of a change is damaged" in undone.refused[0][1]
    again = undo_last(library, Control())  # of the run before it
    assert again.files == 3 and len(again.refused) == 1
    assert "has been changed since" in again.refused[0][1]
    assert sum(contents(folder)[name] == before[name] for name in before) == 3


@pytest.mark.parametrize("name", ["names.json", "tags.json"])
def test_damaged_records_of_names_and_tags_are_told(library, folder, name):
    ids = ids_of(library)
    rows = [TagRow(i, "DOORWood", "accepted", "model", 0.9) for i in ids]
    with TagRun.begin(library) as run:
        record(library, ids, rows, run.note)
        run.rename(renames_of(library, ids, tag_rows(library, ids), UCS_PATTERN, FIELDS))
        (run.folder / name).write_text('{"moves": 3}')
    undone = undo_last(library, Control())
    assert "damaged, and was set aside" in undone.refused[0][1]
    assert (undone.tags == 0) == (name == "tags.json")
    assert (undone.names == 0) == (name == "names.json")
    settle(library)


def test_a_record_cannot_name_a_file_that_the_library_does_not_know(library, folder, tmp_path):
    ids = tag_all(library)
    written_runs(library, ids, 1)
    (home,) = runs_of(library).iterdir()
    mine = tmp_path / "mine.wav"
    record = sorted((home / "files").glob("*.json"))[0]
    document = json.loads(record.read_text())
    mine.write_bytes(Path(document["path"]).read_bytes())
    record.write_text(json.dumps({**document, "path": str(mine)}))
    written = mine.read_bytes()
    undone = undo_last(library, Control())
    assert undone.files == 3 and "it is not in the library" in undone.refused[0][1]
    assert mine.read_bytes() == written


def test_a_renaming_that_the_library_followed_is_left_alone_by_the_next_run(library, folder):
    one, two = folder / "thing_0.wav", folder / "thing_1.flac"
    first, second = sound_at(library, str(one)), sound_at(library, str(two))
    plans = [
        Rename(str(one), str(folder / "thing_1.wav")),
        Rename(str(two), str(folder / "thing_0.flac")),
    ]
    with TagRun.begin(library) as run:
        run.rename(plans)
    settle(library)
    assert sound_at(library, str(folder / "thing_1.wav")) == first
    assert (folder / "thing_1.wav").is_file()
    undo_last(library, Control())
    assert (sound_at(library, str(one)), sound_at(library, str(two))) == (first, second)
    assert one.is_file() and two.is_file()


def test_what_had_to_stay_is_told(library, folder):
    path = folder / "thing_1.flac"
    held = mutagen.File(path)
    held["FXNAME"] = ["\x01\x02\x03\x04\x05"]
    held.save()
    sound_id = sound_at(library, str(path))
    tags = SoundTags(fx_name="mine", keywords=("wet",))
    with TagRun.begin(library) as run:
        written = run.write({str(path): tags}, Control())
    assert written.done == (str(path),) and not written.refused
    assert written.kept == ((str(path), "its FXName cannot be read, and is left as it is"),)
    assert sound_at(library, str(path)) == sound_id


def test_a_run_whose_copy_of_the_library_cannot_be_kept_says_so(folder, library, monkeypatch):
    monkeypatch.setattr("engine.tags.run.keep_copy", lambda path: f"no room for {path.name}")
    with TagRun.begin(library) as run:
        run.write({str(folder / "thing_0.wav"): SoundTags(keywords=("wet",))}, Control())
    assert run.remark == f"no room for {library.path.name}"


@pytest.mark.skipif(os.name != "posix", reason="rights are other things elsewhere")
def test_what_a_run_keeps_of_private_files_nobody_else_reads(folder, library):
    with TagRun.begin(library) as run:
        run.write({str(folder / "thing_0.wav"): SoundTags(keywords=("wet",))}, Control())
    assert run.folder.stat().st_mode & 0o077 == 0
