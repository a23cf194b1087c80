"""``soundsift mark`` as its users meet it."""

import json
from pathlib import Path

import pytest
import soundfile

from tests.cli.test_cli import assert_problem, soundsift
from tests.conftest import tone


@pytest.fixture
def run(tmp_path, model_folder):
    """Return a function that runs a command on a library of three doors."""
    path, folder = tmp_path / "library.db", tmp_path / "sounds"
    folder.mkdir()
    for n in range(3):
        soundfile.write(folder / f"door {n}.wav", tone(300 + 200 * n, 0.5), 32000)
    done = soundsift("index", folder, "--library", path, "--model", model_folder)
    assert done.returncode == 0, done.stderr

    def run(*arguments: object):
        return soundsift(*arguments, "--library", path)

    run.folder = folder
    return run


def answer(done) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sounds_are_marked_shown_found_and_exported(run, tmp_path):
    first, folder = run.folder / "door 0.wav", run.folder
    done = run("mark", first, "--stars", 4, "--colour", "red", "--note", "attic", "--used", "Film")
    assert done.returncode == 0 and "★★★★·  door 0.wav  red, used 20" in done.stdout
    assert "1 sound marked" in done.stdout
    (marks,) = answer(run("mark", first, "--json"))["sounds"]
    assert marks.pop("used").startswith("20") and marks == {
        "path": str(first),
        "stars": 4,
        "colour": "red",
        "note": "attic",
        "project": "Film",
    }
    assert len(answer(run("mark", folder, "--json"))["sounds"]) == 3
    assert run("mark", folder, "--color", "none").returncode == 0
    status = answer(run("status", "--json"))
    kept = ("starred", "coloured", "noted", "used", "saved_searches")
    assert [status[name] for name in kept] == [1, 0, 1, 1, 0]
    (found,) = answer(run("search", "--names", "door stars:>=4", "--json"))["results"]
    assert (found["stars"], found["note"], found["project"]) == (4, "attic", "Film")
    table = tmp_path / "table.json"
    assert run("export", table).returncode == 0
    rows = {row["Filename"]: row for row in json.loads(table.read_text())["sounds"]}
    row = rows["door 0.wav"]
    assert (row["Rating"], row["Notes"], row["LastProject"]) == (4, "attic", "Film")
    assert rows["door 1.wav"]["Rating"] == "" and row["LastUsed"].startswith("20")


def test_marks_are_undone_and_done_again(run):
    run("mark", run.folder, "--stars", 2)
    assert "undone: stars of 3 sounds (2)" in run("mark", "undo").stdout
    assert answer(run("mark", "redo", "--json")) == {
        "done_again": {"kind": "stars", "name": "2", "sounds": 3, "left": 0}
    }
    run("mark", "undo")
    assert_problem(run("mark", "undo"), "nothing to undo")
    run("mark", "redo")
    assert_problem(run("mark", "redo"), "nothing to redo")


def test_stars_and_notes_are_written_into_files_and_taken_back(run):
    first = run.folder / "door 0.wav"
    before = first.read_bytes()
    assert_problem(run("mark", "write", run.folder), "nothing to write")
    run("mark", first, "--stars", 3, "--note", "attic")
    assert answer(run("mark", "write", run.folder, "--json"))["written"] == [str(first)]
    assert b"<RATING>3</RATING>" in first.read_bytes() and b"attic" in first.read_bytes()
    assert run("tag", "undo").returncode == 0
    assert first.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--colour", "pink"), "red, orange"),
        (("--used", "Film", "--unused"), "not both"),
    ],
)
def test_what_cannot_be_marked_is_one_sentence(run, arguments, said):
    assert_problem(run("mark", run.folder, *arguments), said)


def test_sounds_that_are_not_in_the_library_are_named(run, tmp_path):
    other = Path(soundfile.__file__)
    assert_problem(run("mark", other, "--stars", 1), "index it first")
    done = run("mark", run.folder, "--stars", 6)
    assert done.returncode == 2 and "0<=x<=5" in done.stderr
