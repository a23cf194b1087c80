"""What the commands write into the log, and what --verbose shows."""

import json

import pytest

from app.cli import main
from engine.index.build import index_folders
from engine.log import log_file
from engine.progress import Control
from engine.store import Library


@pytest.fixture
def library(tmp_path, sounds, model_folder) -> str:
    with Library(tmp_path / "library.db") as opened:
        index_folders(opened, model_folder, [sounds], Control())
    return str(tmp_path / "library.db")


def test_commands_that_only_read_write_no_log(library, own_home, capsys):
    before = set(own_home.rglob("*"))
    for command in (["search", "--names", "door"], ["status"], ["skipped"], ["search", "door"]):
        assert main([*command, "--library", library]) == 0
    assert main(["search", "door", "--library", library + "-none"]) == 1
    assert not log_file().exists()
    assert {path.name for path in set(own_home.rglob("*")) - before} <= {"tried-models.json"}
    assert "error: there is no library" in capsys.readouterr().err


def test_verbose_shows_what_is_done_before_or_behind_the_command(library, capsys):
    for given in (["--verbose", "search", "door"], ["search", "door", "--verbose"]):
        assert main([*given, "--library", library, "--json"]) == 0
        said = capsys.readouterr()
        assert "engine.search.searcher: a text was searched in" in said.err
        json.loads(said.out)
    assert main(["search", "door", "--library", library, "--json"]) == 0
    assert capsys.readouterr().err == ""
    assert not log_file().exists()


def test_an_index_run_is_in_the_log_without_names_of_files(library, sounds, capsys):
    (sounds / "secret name.wav").write_bytes(b"no sound")
    first = next(iter(sorted(sounds.rglob("Sound*.wav"))))
    first.rename(first.with_name("secret new name.wav"))
    assert main(["index", str(sounds), "--library", library]) == 0
    written = log_file().read_text(encoding="utf-8")
    assert "engine.index.build: indexed found" in written
    assert "secret" not in written and str(sounds) not in written


def test_a_defect_is_told_in_a_sentence_and_its_traceback_is_in_the_log(monkeypatch, capsys):
    def session(asked):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("app.cli.invocation.Invocation.session", session)
    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert said.splitlines() == [
        "error: Soundsift failed unexpectedly (ZeroDivisionError: of ours): please send us "
        f"{log_file()}"
    ]
    written = log_file().read_text(encoding="utf-8")
    assert "Traceback (most recent call last):" in written and "in session" in written


def test_the_trainer_takes_verbose_too(tmp_path, capsys):
    for given in (
        ["--verbose", "train", "average"],
        ["train", "--verbose", "average"],
        ["train", "average", "--verbose"],
    ):
        out = tmp_path / "-".join(given)
        assert main([*given, str(out), str(tmp_path / "none")]) == 1
        assert "error: " in capsys.readouterr().err
