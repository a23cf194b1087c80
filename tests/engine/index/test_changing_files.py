"""Files that change while an index run is under way are heard by the next, as they are then."""

import os
import shutil

import numpy as np
import pytest
import soundfile

from engine.index import build, ears
from engine.index import embed as embedding
from engine.index.build import index_folders
from engine.models.match_model import AudioEncoder
from engine.progress import Control
from engine.store.listing import details_of
from engine.store.windows import window_rows
from tests.conftest import tone

RATE = 8000


def write(path, seconds: float = 1.0, hz: float = 440.0, comment: str = "door", rate: int = RATE):
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        file.comment = comment
        file.write(tone(hz, seconds, rate))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "sounds"
    made.mkdir()
    for number in range(3):
        write(made / f"{number}.wav", hz=300.0 + 100 * number)
    return made


def at_decoding(monkeypatch, change, name: str) -> None:
    """Let a file change just before it is decoded for the first time."""
    real, done = embedding.stream, []

    def stream(path, *more, **options):
        if path.name != name or done:
            return real(path, *more, **options)
        done.append(path)
        change(path)
        return real(path, *more, **options)

    monkeypatch.setattr(embedding, "stream", stream)


def test_a_file_that_is_being_saved_is_not_refused_for_good(
    library, model_folder, folder, monkeypatch
):
    whole = folder.parent / "whole.wav"
    shutil.copy(folder / "1.wav", whole)
    at_decoding(monkeypatch, lambda path: path.write_bytes(b""), "1.wav")
    refused = embedding._decode

    def decode(*given):
        refused(*given)
        shutil.copyfile(whole, folder / "1.wav")  # it is whole when the refusal is looked at

    monkeypatch.setattr(embedding, "_decode", decode)
    report = index_folders(library, model_folder, [folder], Control(), threads=1)
    assert (report.heard, report.skipped) == (2, 0)
    assert "1 sound waits: changed while sounds were listened to" in report.remark
    assert library.skipped() == []
    monkeypatch.setattr(embedding, "_decode", refused)
    report = index_folders(library, model_folder, [folder], Control())
    assert (report.heard, report.skipped, report.remark) == (1, 0, "")


def test_a_file_that_is_broken_and_stays_so_is_refused_once(
    library, model_folder, folder, monkeypatch
):
    (folder / "1.wav").write_bytes(b"RIFF" + bytes(2000))
    assert index_folders(library, model_folder, [folder], Control()).skipped == 1
    report = index_folders(library, model_folder, [folder], Control())
    assert (report.heard, report.skipped) == (0, 1)


def test_a_file_that_is_replaced_after_its_header_was_read_is_described_anew(
    library, model_folder, folder, monkeypatch
):
    write(folder / "1.wav", comment="alpha")
    other = folder.parent / "other.wav"
    write(other, comment="omega", hz=2000.0)
    assert other.stat().st_size == (folder / "1.wav").stat().st_size
    os.utime(other, ns=(1, 1))
    at_decoding(monkeypatch, other.replace, "1.wav")
    report = index_folders(library, model_folder, [folder], Control(), threads=1)
    assert (report.heard, report.skipped) == (2, 0)
    index_folders(library, model_folder, [folder], Control())
    (sound_id,) = [i for i, s in library.sounds().items() if s.path.endswith("1.wav")]
    assert "omega" in (details_of(library, sound_id) or "")
    windows = [row.sound_id for row in window_rows(library, "sound_id", present=False)]
    assert windows.count(sound_id) == 1
    assert index_folders(library, model_folder, [folder], Control()).unchanged == 3


def test_a_run_that_was_stopped_goes_on_in_the_precision_in_which_it_began(
    library, model_folder, folder, monkeypatch
):
    loaded = []
    real = ears._load

    def load(model_folder, device, files) -> AudioEncoder:
        loaded.append(files)
        return real(model_folder, device, files)

    monkeypatch.setattr(ears, "_load", load)
    monkeypatch.setattr(ears, "_MANY", 3)
    hear = build._hear
    monkeypatch.setattr(build, "_hear", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        index_folders(library, model_folder, [folder], Control())
    monkeypatch.setattr(build, "_hear", hear)
    (folder / "2.wav").unlink()
    write(folder / "3.wav")
    assert index_folders(library, model_folder, [folder], Control()).heard == 3
    write(folder / "4.wav", hz=np.pi * 100)
    assert index_folders(library, model_folder, [folder], Control()).heard == 1
    assert loaded == [3, 3, 4]
    index_folders(library, model_folder, [folder], Control())
    assert loaded == [3, 3, 4]  # there was nothing to hear
