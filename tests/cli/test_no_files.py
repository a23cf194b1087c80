"""Pipes, sockets, devices and folders where a file belongs: refused at once, never waited for."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
import soundfile

from tests import warm
from tests.cli.test_cli import assert_problem, document
from tests.conftest import tone

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
_HANGS_S = 300  # far more than any of it takes, so that a slow machine passes


def soundsift(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command that nobody writes to; one that waits for that is killed, and fails."""
    return warm.as_text(warm.soundsift(*arguments, timeout=_HANGS_S))


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number in range(2):
        soundfile.write(folder / f"tone_{number}.wav", tone(400 + number, 0.5), 32000)
    return folder


@pytest.fixture
def library(tmp_path, sounds, model_folder) -> Path:
    path = tmp_path / "library.db"
    done = soundsift("index", sounds, "--library", path, "--model", model_folder)
    assert done.returncode == 0, done.stderr
    return path


def test_what_is_no_file_is_refused_as_a_query(library, tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        old = Path.cwd()
        os.chdir(tmp_path)  # a socket's path may only be short
        try:
            listening.bind("socket.wav")
        finally:
            os.chdir(old)
        for path, kind in (
            (tmp_path / "pipe.wav", "a pipe"),
            (tmp_path / "socket.wav", "a socket"),
            (tmp_path / "folder.wav", "a folder"),
            (Path("/dev/zero"), "a device"),
        ):
            done = soundsift("similar", path, "--library", library)
            assert_problem(done, f"{path.name} is {kind}, not a sound file")


def test_what_is_no_file_is_refused_as_a_list(library, tmp_path, model_folder):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    for arguments, says in (
        (("cues", pipe, "--library", library), "is a pipe, not a file"),
        (("cues", "/dev/zero", "--library", library), "is a device, not a file"),
        (("cues", tmp_path, "--library", library), "is a folder, not a file"),
        (("models", "get", "default-mn04", "--from", pipe), "is a pipe, not a file"),
        (("models", "get", "default-mn04", "--from", tmp_path / "none"), "it does not exist"),
        (("evaluate", "zero-shot", pipe, "--model", model_folder), "is a pipe, not a file"),
        (("tag", tmp_path, "--library", library, "--taxonomy", pipe), "no list of labels"),
    ):
        assert_problem(soundsift(*arguments), says)


def test_a_pipe_in_a_folder_is_passed_over(library, sounds):
    os.mkfifo(sounds / "pipe.wav")
    done = soundsift("index", sounds, "--library", library)
    assert done.returncode == 0 and "2 unchanged" in done.stdout
    assert document("status", "--library", library)["sounds"] == 2


def test_a_pipe_in_place_of_a_sound_is_passed_over(library, sounds):
    (sounds / "tone_0.wav").unlink()
    os.mkfifo(sounds / "tone_0.wav")
    done = soundsift("index", sounds, "--library", library)
    assert done.returncode == 0, done.stderr
    assert document("status", "--library", library)["sounds"] == 1


def test_a_pipe_is_no_library(tmp_path, sounds, model_folder):
    os.mkfifo(tmp_path / "pipe.db")
    library = ("--library", tmp_path / "pipe.db")
    assert_problem(soundsift("index", sounds, "--model", model_folder, *library), "pipe.db")
    assert_problem(soundsift("search", "door", *library), "there is no library")


def test_a_pipe_in_place_of_a_librarys_log_is_told(library, sounds):
    log = Path(f"{library}-journal")
    os.mkfifo(log)
    said = f"{log} is a pipe, not a file"
    assert_problem(soundsift("search", "door", "--library", library), said)
    assert_problem(soundsift("index", sounds, "--library", library), said)
