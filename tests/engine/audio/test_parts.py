"""Parts of sounds as lasting files: what they are called, and that nothing is overwritten."""

import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.parts import keep_part, prepare_part
from engine.audio.render import part_name
from engine.errors import AudioError
from engine.progress import Control

RATE = 8000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Door creak.wav"
    soundfile.write(path, np.sin(np.arange(20 * RATE) / 9) * 0.5, RATE)
    return path


@pytest.fixture
def prepare(source, tmp_path):
    """Return a function that prepares a part, to be kept in ``kept``."""
    folder, room = tmp_path / "kept", tmp_path / "kept" / ".room"
    room.mkdir(parents=True)

    def run(start_s: float = 12.3, end_s: float = 14.05):
        return prepare_part(source, start_s, end_s, folder, room, Control())

    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_part_is_called_by_its_source_and_moment():
    assert part_name(Path("/s/Door creak.wav"), 12.3, 14.05) == "Door creak 0m12.30–0m14.05.wav"
    assert part_name(Path("/s/a.b.flac"), 59.999, 3723.0) == "a.b 1m00.00–62m03.00.wav"


@pytest.mark.parametrize("name", ["CON.wav", "nul.x.wav", "com1 .wav", ".hidden", "  .wav"])
def test_no_part_is_a_device_or_hidden(name):
    assert part_name(Path("/s") / name, 0, 1).startswith("_")


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\0" not in text))
def test_a_part_of_any_source_has_a_name_on_any_system(name):
    made = part_name(PurePosixPath("/s") / name, 0.5, 1.5)
    assert len(made.encode("utf-8")) <= 200
    assert PurePosixPath(made).name == made == PureWindowsPath(made).name
    assert not set(made) & set('<>:"/\\|?*')
    assert all(c.isprintable() or c == "\u3000" for c in made)
    assert not made.startswith((".", " ")) and made.endswith(".wav")


def test_what_is_only_prepared_is_no_file_of_the_folder(prepare, tmp_path):
    part = prepare()
    assert names(tmp_path / "kept") == []
    kept = keep_part(part)
    assert kept.file == tmp_path / "kept" / "Door creak 0m12.30–0m14.05.wav"
    assert soundfile.info(kept.file).duration == pytest.approx(1.75, abs=1e-3)
    assert not list((tmp_path / "kept" / ".room").iterdir())
    assert keep_part(kept) == kept


def test_the_same_part_again_is_the_same_file(prepare, tmp_path):
    first = keep_part(prepare())
    before = first.file.stat()
    again = keep_part(prepare())
    after = again.file.stat()
    assert again.file == first.file
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(names(tmp_path / "kept")) == 1


@pytest.mark.parametrize("links", [True, False])
def test_nothing_is_ever_overwritten(prepare, tmp_path, monkeypatch, links):
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refuse)
    kept = tmp_path / "kept"
    name = "Door creak 0m12.30–0m14.05.wav"
    (kept / name).write_text("somebody's own")
    assert keep_part(prepare()).file.name == "Door creak 0m12.30–0m14.05 (2).wav"
    (kept / "Door creak 0m12.30–0m14.05 (2).wav").write_bytes(b"edited")
    assert keep_part(prepare()).file.name == "Door creak 0m12.30–0m14.05 (3).wav"
    assert (kept / name).read_text() == "somebody's own"
    assert (kept / "Door creak 0m12.30–0m14.05 (2).wav").read_bytes() == b"edited"
    assert soundfile.info(kept / "Door creak 0m12.30–0m14.05 (3).wav").frames
    assert len(names(kept)) == 3


def test_a_name_that_is_taken_between_preparing_and_keeping_is_left_alone(prepare, tmp_path):
    part = prepare()
    part.wanted.write_text("just now")
    assert keep_part(part).file.name.endswith("(2).wav")
    assert part.wanted.read_text() == "just now"


def test_a_folder_of_that_name_is_no_obstacle(prepare, tmp_path):
    (tmp_path / "kept" / "Door creak 0m12.30–0m14.05.wav").mkdir()
    assert keep_part(prepare()).file.name.endswith("(2).wav")


def test_what_changed_is_prepared_again(prepare, source):
    part = prepare()
    soundfile.write(source, np.zeros(20 * RATE), RATE)
    with pytest.raises(FileNotFoundError):
        keep_part(part)
    kept = keep_part(prepare())
    kept.file.write_bytes(b"edited in another program")
    with pytest.raises(FileNotFoundError):
        keep_part(kept)
    part = prepare(1, 2)
    part.file.unlink()
    with pytest.raises(FileNotFoundError):
        keep_part(part)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(prepare, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 90, 10))
    with pytest.raises(AudioError, match=r"the disk that holds .* is full: the part needs"):
        prepare()
    assert not list((tmp_path / "kept" / ".room").iterdir())


def test_a_disk_that_fills_up_meanwhile_is_a_sentence_and_leaves_nothing(
    prepare, tmp_path, monkeypatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    with pytest.raises(AudioError, match=r"cannot be written to .*: No space left on device"):
        prepare()
    assert not list((tmp_path / "kept" / ".room").iterdir())


def test_a_folder_that_may_not_be_written_is_a_sentence(prepare, monkeypatch):
    part = prepare()

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError, match="choose another folder in Preferences"):
        keep_part(part)


def test_the_source_stays_as_it_was(prepare, source):
    before = source.read_bytes(), source.stat().st_mtime_ns
    keep_part(prepare())
    assert (source.read_bytes(), source.stat().st_mtime_ns) == before
