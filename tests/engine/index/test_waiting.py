import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock

from engine.errors import LibraryError
from engine.index import waiting
from engine.index.build import index_folders
from engine.index.watch import watch_folders
from engine.progress import Cancelled, Control
from engine.search import search_names
from engine.store import Library
from engine.store.interest import note_interest
from engine.store.windows import window_rows
from tests.conftest import tone


class Stop:
    """A control that cancels at the n-th report of a stage."""

    def __init__(self, stage: str, after: int) -> None:
        self.stage, self.left = stage, after
        self.control = Control(self.update, lambda: self.left <= 0)

    def update(self, progress) -> None:
        self.left -= progress.stage == self.stage


def long_file(path: Path, seconds: int = 120) -> Path:
    random = np.random.default_rng(0)
    parts = [tone(200 + 40 * n, 10.0, 8000) + random.normal(0, 0.01, 80000) for n in range(12)]
    soundfile.write(path, np.concatenate(parts)[: 8000 * seconds], 8000)
    return path


def rows_of(library: Library) -> list[tuple[float, float, np.ndarray]]:
    rows = window_rows(library, "start_s", "end_s", "features")
    return sorted(
        (row.start_s, row.end_s, np.frombuffer(row.features, np.float16).astype(float))
        for row in rows
    )


def test_names_and_headers_are_searchable_before_anything_was_heard(library, model_folder, sounds):
    with pytest.raises(Cancelled):
        index_folders(library, model_folder, [sounds], Stop("reading headers", 12).control)
    counts = library.statistics()
    assert (counts.sounds, counts.embedded) == (12, 0)
    assert len(search_names(library, "sound dur:<1s").matches) > 0


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_long_file_resumes_where_it_was_stopped(
    library, model_folder, tmp_path, monkeypatch, suffix
):
    monkeypatch.setattr(waiting, "_PART_WINDOWS", 3)
    monkeypatch.setattr("engine.index.embed._QUEUE", 2)
    monkeypatch.setattr("engine.index.embed._BATCH", 1)
    folder = tmp_path / "long"
    folder.mkdir()
    path = long_file(folder / f"long{suffix}")
    with pytest.raises(Cancelled):
        index_folders(library, model_folder, [folder], Stop("listening", 3).control)
    begun = len(window_rows(library, "id"))
    assert 0 < begun < 23
    assert library.statistics().embedded == 0
    report = index_folders(library, model_folder, [folder], Control())
    assert report.audio_s == pytest.approx(120 - 5 * begun, abs=0.1)
    with Library(tmp_path / "calm.db") as calm:
        index_folders(calm, model_folder, [path], Control())
        mine, theirs = rows_of(library), rows_of(calm)
    assert [row[:2] for row in mine] == [row[:2] for row in theirs]
    assert all(np.allclose(a[2], b[2], atol=5e-3) for a, b in zip(mine, theirs, strict=True))
    assert library.statistics().embedded == 1


def test_silence_is_passed_over_and_a_file_of_nothing_else_is_skipped(
    library, model_folder, tmp_path
):
    folder = tmp_path / "quiet"
    folder.mkdir()
    gap = np.concatenate([tone(300, 10.0, 8000), np.zeros(8000 * 60), tone(500, 10.0, 8000)])
    soundfile.write(folder / "gap.wav", gap, 8000)
    soundfile.write(folder / "silence.wav", np.zeros(8000 * 20), 8000)
    report = index_folders(library, model_folder, [folder], Control())
    assert (report.heard, report.skipped) == (1, 1)
    (row,) = library.skipped()
    assert row.reason == "silence.wav holds only silence"
    times = [(start, end) for start, end, _ in rows_of(library)]
    assert (times[0], times[-1]) == ((0, 10), (70, 80))
    assert not [start for start, _ in times if 10 < start < 60]
    assert library.statistics().hours == pytest.approx(80 / 3600)


def test_the_newest_and_the_most_searched_folders_are_heard_first(library, model_folder, sounds):
    for path in sounds.rglob("*.wav"):
        os.utime(path, (1000 + int(path.stem[-2:]), 1000 + int(path.stem[-2:])))
    with pytest.raises(Cancelled):
        index_folders(library, model_folder, [sounds], Stop("reading headers", 12).control)
    roots = [str(sounds)]
    names = [Path(path).stem for path, _ in waiting.waiting_sounds(library, roots)]
    assert names == sorted(names, reverse=True)
    note_interest(library, ["Noises"])
    first = [Path(path).parent.name for path, _ in waiting.waiting_sounds(library, roots)][:6]
    assert first == ["noises"] * 6


def test_a_clock_set_back_hides_no_change(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds], Control())
    changed = sounds / "tones" / "Sound_01.wav"
    soundfile.write(changed, tone(999, 0.61), 32000)
    os.utime(changed, (1, 1))  # long before it was indexed
    assert index_folders(library, model_folder, [sounds], Control()).heard == 1


def test_a_library_that_another_program_locks_is_told(library, model_folder, sounds, monkeypatch):
    import sqlite3

    other = sqlite3.connect(library.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("engine.store.connection._BUSY_TIMEOUT_MS", 100)
    with Library(library.path) as impatient, pytest.raises(LibraryError, match="in use by another"):
        index_folders(impatient, model_folder, [sounds], Control())
    other.execute("ROLLBACK")
    other.close()
    assert index_folders(library, model_folder, [sounds], Control()).heard == 12


def test_watching_keeps_up_with_what_changes(library, model_folder, sounds, monkeypatch, tmp_path):
    monkeypatch.setattr("engine.index.watch._LOOK_MS", 200)
    monkeypatch.setattr("engine.index.watch._QUIET_MS", 50)
    stop = threading.Event()
    reports = []
    watcher = threading.Thread(
        target=watch_folders,
        args=(library, model_folder, [sounds], Control(cancel=stop.is_set), reports.append),
    )
    watcher.start()

    def until(condition) -> None:
        for _ in range(300):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError(library.statistics())

    try:
        until(lambda: library.statistics().embedded == 12)
        time.sleep(1.0)  # the watcher sets up
        soundfile.write(sounds / "tones" / "new one.wav", tone(700, 0.5), 32000)
        until(lambda: library.statistics().embedded == 13)
        (sounds / "tones" / "new one.wav").rename(sounds / "noises" / "renamed.wav")
        until(lambda: len(search_names(library, "renamed").matches) == 1)
        (sounds / "noises" / "renamed.wav").unlink()
        until(lambda: library.statistics().missing == 1)
        sounds.rename(tmp_path / "unplugged")
        until(lambda: library.statistics().offline == 12)
        (tmp_path / "unplugged").rename(sounds)
        until(lambda: library.statistics().sounds == 12)
    finally:
        stop.set()
        watcher.join(30)
    assert not watcher.is_alive()
    assert sum(report.heard for report in reports) == 13
    with FileLock(f"{library.path}.lock", timeout=1):
        pass
