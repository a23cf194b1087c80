"""Whole runs: what they report, what they are given, and what they leave to later runs."""

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import ModelError
from engine.index import build, ears
from engine.index.build import index_folders
from engine.progress import Control
from engine.store.windows import window_rows
from tests.conftest import tone
from tests.engine.index.test_away import write


@pytest.fixture
def indexed(library, model_folder, tmp_path):
    """Return a folder of four sounds and two files that are none, and how to index it."""
    folder = tmp_path / "s"
    folder.mkdir()
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", tone(300 + number, 0.3 + number / 10), 32000)
    write(folder / "empty.wav", b"")
    soundfile.write(folder / "silent.wav", np.zeros(3200), 32000)

    def index(control: Control | None = None, **how) -> build.IndexReport:
        return index_folders(library, model_folder, [folder], control or Control(), **how)

    return folder, index


def test_every_part_of_a_run_is_given_its_control_and_threads(indexed, monkeypatch):
    _, index = indexed
    seen = []
    control = Control(lambda progress: seen.append(progress.stage))
    given: dict[str, list[tuple]] = {}
    names = ("adopt_model", "scan", "follow_moves", "_read", "embed_waiting", "refresh_bank")

    def watched(name: str, real):
        def note(*arguments, **options):
            given.setdefault(name, []).append(arguments)
            return real(*arguments, **options)

        return note

    for name in (*names, "keep_copy", "read_headers"):
        monkeypatch.setattr(build, name, watched(name, getattr(build, name)))
    index(control, threads=3)
    assert all(control in call for name in (*names, "keep_copy") for call in given[name])
    assert [call[-1] for call in given["_read"]] == [3, 3]
    assert [call[-1] for call in given["read_headers"]] == [3, 3]
    assert given["embed_waiting"][0][-2:] == (3, "auto")


def test_the_encoder_is_loaded_while_headers_are_read_and_once(indexed, monkeypatch):
    _, index = indexed
    loaded, begun = [], threading.Event()
    real_load, real_read = ears._load, build._read

    def load(*given):
        begun.set()
        loaded.append(threading.current_thread() is threading.main_thread())
        return real_load(*given)

    def read(*given, **options):
        assert begun.wait(60)  # or it would not be loaded before all headers are read
        return real_read(*given, **options)

    monkeypatch.setattr(ears, "_load", load)
    monkeypatch.setattr(build, "_read", read)
    monkeypatch.setattr(ears, "_MANY", 4)
    assert index().heard == 4
    assert loaded == [False]
    assert index().heard == 0  # nothing is new, and nothing loaded in vain
    assert loaded == [False]


def test_an_encoder_that_cannot_be_loaded_is_told_and_headers_are_kept(
    library, indexed, monkeypatch
):
    _, index = indexed

    def refuse(*given):
        raise ModelError("weights.safetensors is damaged")

    monkeypatch.setattr(ears, "_load", refuse)
    with pytest.raises(ModelError, match="is damaged"):
        index()
    assert len(library.sounds()) == 5  # the silent one, too


def test_headers_that_were_never_read_are_read_without_listening(library, indexed):
    folder, index = indexed
    index()
    with library.writing() as connection:
        connection.exec_driver_sql("UPDATE sounds SET details = NULL WHERE path LIKE '%/1.wav'")
        connection.exec_driver_sql("UPDATE sounds SET details = NULL WHERE path LIKE '%/2.wav'")
    before = window_rows(library, "id", "sound_id")
    seen = []
    report = index(Control(seen.append))
    told = [(p.stage, p.done, p.total) for p in seen if p.stage == "reading headers"]
    assert told == [("reading headers", 1, 2), ("reading headers", 2, 2)]
    assert (report.unchanged, report.heard, report.skipped) == (4, 0, 2)
    assert window_rows(library, "id", "sound_id") == before
    assert all(known.has_header for known in library.known([str(folder)]).values() if known.heard_s)


def test_what_is_skipped_is_counted_wherever_it_was_refused(library, indexed):
    folder, index = indexed
    (folder / "link.wav").symlink_to(folder / "nowhere.wav")
    report = index()  # a link, an empty file, and silence
    assert (report.found, report.heard, report.skipped) == (6, 4, 3)
    write(folder / "text.wav", b"not a sound " * 99)
    soundfile.write(folder / "silence.wav", np.zeros(4800), 32000)
    report = index()
    assert (report.found, report.heard, report.skipped, report.unchanged) == (8, 0, 5, 4)
    reasons = {Path(row.path).name: row.reason for row in library.skipped()}
    assert set(reasons) == {"link.wav", "empty.wav", "silent.wav", "text.wav", "silence.wav"}
    (folder / "text.wav").unlink()
    assert index().skipped == 4


def test_a_copy_is_kept_after_every_kind_of_change(library, indexed, monkeypatch):
    folder, index = indexed
    kept = []
    monkeypatch.setattr(build, "keep_copy", lambda path, control: kept.append(path) or "remark")

    def told() -> tuple[int, str]:
        report = index()
        count = len(kept)
        kept.clear()
        return count, report.remark

    assert told() == (1, "remark")
    assert told() == (0, "")
    (folder / "0.wav").rename(folder / "aside.none")
    assert told() == (1, "remark")  # gone
    assert told() == (0, "")
    (folder / "aside.none").rename(folder / "0.wav")
    assert told() == (1, "remark")  # back
    (folder / "0.wav").rename(folder / "moved.wav")
    assert told() == (1, "remark")
    with library.writing() as connection:
        connection.exec_driver_sql("UPDATE sounds SET details = NULL WHERE path LIKE '%/1.wav'")
    assert told() == (1, "remark")  # described
    write(folder / "text.wav", b"not a sound")
    assert told() == (1, "remark")  # read, though in vain
    assert told() == (0, "")


def test_only_folders_that_are_named_to_be_remembered_are(library, indexed):
    folder, index = indexed
    index(remember=False)
    assert (library.folders(), len(library.sounds())) == ([], 5)
    index()
    assert library.folders() == [str(folder)]


def test_a_run_tells_its_stages(library, model_folder, tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", tone(300 + number, 1.0), 32000)
    write(folder / "empty.wav", b"")
    soundfile.write(folder / "silent.wav", np.zeros(32000), 32000)
    seen = []
    report = index_folders(library, model_folder, [folder], Control(seen.append))
    told = [(p.stage, p.done, p.total) for p in seen]
    assert told[:5] == [("comparing", n, 5) for n in range(5)]
    assert [row for row in told if row[0] == "reading headers"] == [
        ("reading headers", n, 5) for n in range(1, 6)
    ]
    assert ("loading the model", 0, 4) in told
    assert [row for row in told if row[0] == "listening"] == [
        ("listening", n, 4) for n in range(1, 5)
    ]
    assert [p.note for p in seen if p.stage == "listening"][-1] == "3 s"
    assert (report.found, report.heard, report.skipped, report.unchanged) == (5, 3, 2, 0)
    assert (report.moved, report.back, report.missing, report.remark) == (0, 0, 0, "")
    assert report.audio_s == pytest.approx(3.0)
    assert 0 < report.took_s < 600
    again = index_folders(library, model_folder, [folder], Control(), remember=False)
    assert (again.found, again.unchanged, again.skipped, again.audio_s) == (5, 3, 2, 0.0)
    assert library.folders() == [str(folder)]
