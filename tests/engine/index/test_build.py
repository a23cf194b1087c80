import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock
from sqlalchemy import event

from engine.errors import InputError, LibraryError
from engine.index import fitting
from engine.index.build import index_folders, use_model
from engine.progress import Cancelled, Control
from engine.store import Library
from engine.store.copies import copies
from engine.store.marks import set_stars
from engine.store.uses import note_use
from engine.store.windows import window_rows
from tests import warm
from tests.conftest import tone
from tests.engine.index.compare import contents, difference


def test_a_folder_is_indexed_and_a_second_time_nothing_is_heard(library, model_folder, sounds):
    first = index_folders(library, model_folder, [sounds], Control())
    assert (first.found, first.heard, first.skipped) == (12, 12, 0)
    counts = library.statistics()
    assert (counts.sounds, counts.windows, counts.embedded) == (12, 12, 12)
    again = index_folders(library, model_folder, [sounds], Control())
    assert (again.unchanged, again.heard, again.missing) == (12, 0, 0)


def test_long_files_have_windows_with_times(library, model_folder, tmp_path):
    soundfile.write(tmp_path / "long.flac", tone(300, 23.0, 16000), 16000)
    index_folders(library, model_folder, [tmp_path / "long.flac"], Control())
    rows = window_rows(library, "start_s", "end_s")
    times = [(row.start_s, row.end_s) for row in rows]
    assert times == [(0, 10), (5, 15), (10, 20), (15, pytest.approx(23, abs=0.01))]


def test_only_what_changed_is_heard_again(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds], Control())
    changed = sounds / "tones" / "Sound_01.wav"
    soundfile.write(changed, tone(999, 1.7), 32000)
    touched = sounds / "tones" / "Sound_03.wav"
    os.utime(touched, (1, 1))
    report = index_folders(library, model_folder, [sounds], Control())
    assert (report.heard, report.unchanged) == (1, 10)
    assert index_folders(library, model_folder, [sounds], Control()).unchanged == 12
    durations = {s.path: s.duration_s for s in library.sounds().values()}
    assert durations[str(changed)] == pytest.approx(1.7)


def test_renamed_and_moved_files_are_recognised_without_listening(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds], Control())
    ids = {sound.path: sound.id for sound in library.sounds().values()}
    old = sounds / "tones" / "Sound_01.wav"
    new = sounds / "renamed" / "A new name.wav"
    set_stars(library, [ids[str(old)]], 4)
    note_use(library, ids[str(old)], "Film")
    new.parent.mkdir()
    old.rename(new)
    report = index_folders(library, model_folder, [sounds], Control())
    assert (report.heard, report.moved, report.missing) == (0, 1, 0)
    sound = library.sounds([ids[str(old)]])[ids[str(old)]]
    assert sound.path == str(new)
    assert (sound.marks.stars, sound.marks.project) == (4, "Film")  # the user's marks follow it


def test_deleted_files_are_missing_and_come_back(library, model_folder, sounds, tmp_path):
    index_folders(library, model_folder, [sounds], Control())
    victim, refuge = sounds / "noises" / "Sound_00.wav", tmp_path / "refuge.wav"
    shutil.move(victim, refuge)
    assert index_folders(library, model_folder, [sounds], Control()).missing == 1
    assert library.statistics().sounds == 11
    shutil.move(refuge, victim)
    report = index_folders(library, model_folder, [sounds], Control())
    assert (report.back, report.heard) == (1, 0)
    assert library.statistics().sounds == 12


def test_indexing_one_folder_leaves_the_others_alone(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds], Control())
    shutil.rmtree(sounds / "noises")
    report = index_folders(library, model_folder, [sounds / "tones"], Control())
    assert (report.missing, library.statistics().missing) == (0, 0)


def test_a_folder_that_is_gone_is_an_error_and_marks_nothing_missing(
    library, model_folder, sounds, tmp_path
):
    index_folders(library, model_folder, [sounds], Control())
    sounds.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="does not exist"):
        index_folders(library, model_folder, [sounds], Control())
    assert library.statistics().missing == 0


def test_broken_files_are_skipped_with_a_reason_and_tried_again_when_they_change(
    library, model_folder, sounds
):
    (sounds / "empty.wav").write_bytes(b"")
    (sounds / "text.wav").write_text("not a sound\n" * 99)
    (sounds / "cut.flac").write_bytes(b"fLaC\0\0\0\x22" + bytes(20))
    soundfile.write(sounds / "click.wav", tone(1000, 0.05), 32000)
    hot = np.stack([tone(1000, 1.0, 96000)] * 2, axis=1)
    soundfile.write(sounds / "96k.wav", hot, 96000, subtype="PCM_24")
    soundfile.write(sounds / ("🔔" + "x" * 242 + ".wav"), tone(500, 0.2), 32000)
    report = index_folders(library, model_folder, [sounds], Control())
    assert (report.heard, report.skipped) == (15, 3)
    reasons = {Path(row.path).name: row.reason for row in library.skipped()}
    assert reasons["empty.wav"] == "empty.wav is empty"
    assert set(reasons) == {"empty.wav", "text.wav", "cut.flac"}
    assert all("Traceback" not in reason for reason in reasons.values())
    again = index_folders(library, model_folder, [sounds], Control())
    assert (again.heard, again.skipped) == (0, 3)
    soundfile.write(sounds / "empty.wav", tone(700, 0.3), 32000)
    healed = index_folders(library, model_folder, [sounds], Control())
    assert (healed.heard, healed.skipped) == (1, 2)
    assert len(library.skipped()) == 2


def test_cancelling_keeps_what_was_heard(library, model_folder, sounds):
    heard: list[int] = []
    control = Control(
        lambda progress: heard.append(progress.done) if progress.stage == "listening" else None,
        lambda: len(heard) >= 5,
    )
    with pytest.raises(Cancelled):
        index_folders(library, model_folder, [sounds], control)
    assert library.statistics().embedded >= 5
    report = index_folders(library, model_folder, [sounds], Control())
    assert report.unchanged >= 5
    assert library.statistics().embedded == 12


def test_two_runs_at_once_are_refused(library, model_folder, sounds):
    with (
        FileLock(f"{library.path}.lock"),
        pytest.raises(LibraryError, match="another index run is working"),
    ):
        index_folders(library, model_folder, [sounds], Control())


def test_a_full_disk_ends_in_a_sentence_and_a_library_that_still_opens(
    library, model_folder, sounds
):
    library.database.engine.dispose()
    sqlite3.connect(library.path).execute("VACUUM").connection.close()  # leaves no free pages
    with library.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def fill(connection, record):
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    library.database.engine.dispose()
    event.listen(library.database.engine, "connect", fill)
    with pytest.raises(LibraryError, match="is full"):
        index_folders(library, model_folder, [sounds], Control())
    event.remove(library.database.engine, "connect", fill)
    library.database.engine.dispose()
    index_folders(library, model_folder, [sounds], Control())
    assert library.statistics().embedded == 12


def test_a_model_with_the_same_ears_maps_anew_without_listening(
    library, model_folder, make_model, sounds
):
    index_folders(library, model_folder, [sounds], Control())
    before = contents(library)
    other = make_model("other heads", seed=5)
    assert use_model(library, other, Control())
    after = contents(library)
    for path, (digest, windows) in before.items():
        assert after[path][0] == digest
        assert np.array_equal(windows[0][2], after[path][1][0][2])
        assert not np.allclose(windows[0][3], after[path][1][0][3])
    assert use_model(library, model_folder, Control())
    back = contents(library)
    for path, (_, windows) in before.items():
        assert np.allclose(windows[0][3], back[path][1][0][3], atol=1e-3)
        assert windows[0][4] == pytest.approx(back[path][1][0][4], abs=1e-3)


def test_a_model_with_other_ears_has_to_listen_again(library, model_folder, make_model, sounds):
    index_folders(library, model_folder, [sounds], Control())
    other = make_model("other ears", audio_seed=7)
    assert not use_model(library, other, Control())
    assert library.statistics().embedded == 0
    report = index_folders(library, other, [sounds], Control())
    assert report.heard == 12


def test_a_large_enough_library_gets_potentials_of_its_own(
    library, model_folder, sounds, monkeypatch
):
    monkeypatch.setattr(fitting, "FEWEST_TO_SOLVE", 10)
    index_folders(library, model_folder, [sounds], Control())
    assert library.setting("solved_windows") == b"12"
    from engine.models.match_model import load_model

    theirs = load_model(model_folder).bank_potentials.numpy()
    own = np.frombuffer(library.setting("bank_potentials") or b"", np.float32)
    assert own.shape == theirs.shape
    assert not np.allclose(own, theirs)


def test_a_run_that_changed_something_keeps_a_copy_once_a_day(
    library, model_folder, sounds, monkeypatch
):
    assert index_folders(library, model_folder, [sounds], Control()).remark == ""
    (copy,) = copies(library.path)
    with Library(copy) as kept:
        assert difference(kept, library) == ""
    os.utime(copy, (0, 0))
    index_folders(library, model_folder, [sounds], Control())
    assert len(copies(library.path)) == 1  # nothing had changed
    monkeypatch.setattr("engine.store.copies._RESERVE_BYTES", 1 << 60)
    (sounds / "noises" / "Sound_00.wav").unlink()
    report = index_folders(library, model_folder, [sounds], Control())
    assert "has no room" in report.remark and report.missing == 1


def test_potentials_are_solved_anew_when_a_library_has_shrunk(
    library, model_folder, sounds, monkeypatch
):
    monkeypatch.setattr(fitting, "FEWEST_TO_SOLVE", 5)
    index_folders(library, model_folder, [sounds], Control())
    before = library.setting("bank_potentials")
    for path in sorted(sounds.rglob("*.wav"))[:4]:
        path.unlink()
    index_folders(library, model_folder, [sounds], Control())
    assert library.setting("solved_windows") == b"8"
    assert library.setting("bank_potentials") != before


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of its own process")
def test_a_killed_run_started_again_ends_in_the_undisturbed_library(tmp_path, model_folder, sounds):
    folder = tmp_path / "run"
    folder.mkdir()
    done = warm.module("tests.engine.index.killing", folder, model_folder, sounds)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) > 35
    assert {number: said for number, said in enumerate(found) if said} == {}


INDEX = """
import sys
from pathlib import Path
from engine.index import build, waiting
from engine.progress import Control
from engine.store import Library
waiting._COMMIT_FILES, build._HEADERS_AT_ONCE = 2, 3
with Library(Path(sys.argv[1])) as library:
    build.index_folders(library, Path(sys.argv[2]), [Path(sys.argv[3])], Control())
"""
SEARCH = """
import sys
from pathlib import Path
from engine.errors import LibraryError
from engine.search import Searcher
from engine.store import Library
with Library(Path(sys.argv[1])) as library:
    seen, over = 0, False
    while not over:
        over = Path(sys.argv[3]).exists()
        try:
            searcher = Searcher(library, Path(sys.argv[2]))
        except LibraryError as error:
            assert "holds no sounds yet" in str(error), error
            continue
        found = searcher.search_text("tone sound", 100).matches
        assert len(found) >= seen, (len(found), seen)
        assert len({match.sound.id for match in found}) == len(found)
        seen = len(found)
print(seen)
"""


def test_two_searching_programs_and_an_indexing_one_share_a_library(tmp_path, model_folder, sounds):
    for number in range(4):
        shutil.copytree(sounds / "tones", sounds / f"more {number}")
    path = tmp_path / "shared.db"
    Library(path).close()
    over = tmp_path / "over"
    searching = [warm.Script(SEARCH, path, model_folder, over) for _ in range(2)]
    index = warm.script(INDEX, path, model_folder, sounds)
    over.touch()
    assert index.returncode == 0, index.stderr
    for process in searching:
        done = process.done(60)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) == 36
    with Library(path) as library:
        counts = library.statistics()
    assert (counts.sounds, counts.windows, counts.embedded) == (36, 36, 36)
