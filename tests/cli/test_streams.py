"""Closed and full streams, and a home that cannot be used: one sentence, and exit code 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from engine.store import Library
from tests.cli.test_cli import assert_problem, soundsift
from tests.conftest import tone

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell closes streams")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    Library(path).close()
    return path


def in_a_shell(redirected: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command whose streams a shell has redirected."""
    script = f'exec "$@" {redirected}'
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_closed_output_is_one_sentence(library):
    done = in_a_shell(">&-", "status", "--library", library)
    assert (done.returncode, done.stderr) == (1, "error: standard output: it is closed\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_full_output_is_one_sentence(library):
    done = in_a_shell(">/dev/full", "status", "--library", library)
    said = "error: standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_closed_errors_keep_nobody_from_working(library):
    done = in_a_shell("2>&-", "status", "--library", library)
    assert done.returncode == 0 and str(library) in done.stdout
    assert in_a_shell("2>&-", "status", "--library", library.parent / "none").returncode == 1


def test_no_file_gets_the_number_of_a_closed_stream():
    script = (
        "import os\nfrom app.cli.terminal import guarded\n"
        "with guarded():\n    raise SystemExit(os.open(os.devnull, os.O_RDONLY))\n"
    )
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", script]
    assert subprocess.run(command).returncode > 2


@pytest.fixture
def sounds(tmp_path: Path, model_folder) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    soundfile.write(folder / "door.wav", tone(440, 0.3), 32000)
    labels = tmp_path / "labels.txt"
    labels.write_text("door\nrain\n")
    done = soundsift("index", folder, "--library", tmp_path / "l.db", "--model", model_folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_runs_of_tagging_need_a_place_for_their_record(sounds, tmp_path, own_home):
    library = ("--library", tmp_path / "l.db")
    labels = ("--taxonomy", tmp_path / "labels.txt", "--accept", "0.01", "--least", "0.01")
    accepted = soundsift("tag", sounds, "--apply", *labels, *library)
    assert accepted.returncode == 0, accepted.stderr
    (run,) = (own_home / "tag-runs").glob("*/*")
    (run / "lock").unlink(missing_ok=True)
    (run / "lock").mkdir()
    assert_problem(soundsift("tag", "--undo", *library), "cannot be saved")
    (own_home / "tag-runs").rename(own_home / "kept")
    (own_home / "tag-runs").write_text("no folder")
    done = soundsift("tag", sounds, "--apply", *labels, *library)
    assert_problem(done, "tag-runs")
    assert "Not a directory" in done.stderr


def test_what_nobody_foresaw_of_the_system_is_a_sentence(monkeypatch, capsys):
    from app import cli

    def fail(asked: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere/a.wav")

    monkeypatch.setattr("app.cli.invocation.Invocation.session", fail)
    assert cli.main(["status"]) == 1
    assert capsys.readouterr().err == "error: /somewhere/a.wav: Permission denied\n"


def test_what_only_looks_like_an_error_of_the_system_is_our_mistake(monkeypatch, capsys):
    from app import cli

    def fail(asked: object) -> None:
        raise OSError("could not get source code")  # as a library says it

    monkeypatch.setattr("app.cli.invocation.Invocation.session", fail)
    assert cli.main(["status"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "error: Soundsift failed unexpectedly (OSError: could not get source code)"
    )
