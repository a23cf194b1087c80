"""``soundsift tag`` as its users meet it."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
import soundfile

from engine.metadata.read import read_header
from tests.cli.test_cli import assert_problem, document, soundsift
from tests.conftest import tone

NAMES = ("door_1", "door_2", "rain_1", "ZOOM0001")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number, name in enumerate(NAMES):
        soundfile.write(sounds / f"{name}.wav", tone(300 + 200 * number, 0.5), 32000)
    return sounds


@pytest.fixture
def tag(tmp_path, folder, model_folder):
    """Return a function that runs the command on the folder, with a random model."""
    path = tmp_path / "library.db"
    done = soundsift("index", folder, "--library", path, "--model", model_folder)
    assert done.returncode == 0, done.stderr
    labels = tmp_path / "labels.txt"
    labels.write_text("door\nrain\nbell\n")

    def run(*arguments: object, paths=(folder,)) -> subprocess.CompletedProcess[str]:
        given = ("--taxonomy", labels, *arguments)
        return soundsift("tag", *paths, "--library", path, *given)

    run.library = path
    return run


def sums(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def answer(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_suggests_and_changes_nothing(tag, folder):
    before = sums(folder)
    found = answer(tag("--json", "--least", "0.01"))
    assert set(found) == {"model", "taxonomy", "remark", "files"}
    assert (found["model"], found["taxonomy"]) == ("random", "labels")
    assert [Path(file["path"]).stem for file in found["files"]] == sorted(NAMES)
    first = {Path(f["path"]).stem: f["suggestions"][0]["label"] for f in found["files"]}
    assert (first["door_1"], first["rain_1"]) == ("door", "rain")
    for file in found["files"]:
        assert set(file) == {"path", "suggestions"}
        for suggestion in file["suggestions"]:
            assert set(suggestion) == {"label", "id", "probability", "start_s", "end_s"}
            assert 0.01 <= suggestion["probability"] <= 1
    text = tag("--least", "0.01").stdout
    assert "door_1.wav  door " in text and "nothing was changed: `tag apply` accepts" in text
    assert sums(folder) == before
    assert document("search", "has:tags", "--library", tag.library)["results"] == []


def test_names_can_be_left_out_and_sounds_looked_at_one_by_one(tag):
    more = ("--least", "0.001", "--most", "1", "--no-words", "--per-clip", "--json")
    alone = answer(tag(*more))
    labels = {Path(f["path"]).stem: f["suggestions"][0]["label"] for f in alone["files"]}
    named = {name: name.split("_")[0] for name in NAMES if "_" in name}
    assert any(labels[name] != word for name, word in named.items())


def test_what_is_accepted_is_found_at_once_and_can_be_taken_back(tag):
    done = tag("--apply", "--least", "0.01", "--accept", "0.01", "--most", "1")
    assert "4 tags accepted" in done.stdout and "tag undo` undoes it" in done.stdout
    found = document("search", "tag:door", "--library", tag.library)["results"]
    assert {Path(row["path"]).stem for row in found} >= {"door_1", "door_2"}
    assert found[0]["tags"] == ["door"]
    back = document("tag", "--undo", "--library", tag.library)
    assert back == {"tags": 4, "files": 0, "names": 0, "refused": []}
    assert document("search", "has:tags", "--library", tag.library)["results"] == []
    assert_problem(soundsift("tag", "--undo", "--library", tag.library), "nothing to undo")


def test_writing_and_renaming_follow_their_dry_run_and_come_back(tag, folder, tmp_path):
    before = sums(folder)
    more = ("--taxonomy", "ucs", "--write", "--rename", "--creator", "ABC", "--source", "Lib")
    more = (*more, "--accept", "0.3", "--json")
    dry = answer(tag(*more, "--dry-run"))
    assert dry["dry_run"] is True and sums(folder) == before
    names = {Path(row["old"]).stem: Path(row["new"]).name for row in dry["rename"] if row["new"]}
    assert names["rain_1"].startswith("RAIN_rain 1_ABC_Lib.wav")
    done = answer(tag(*more))
    assert [row["new"] for row in done["rename"]] == [row["new"] for row in dry["rename"]]
    assert done["write"] == dry["write"] and done["not_written"] == []
    there = {p.name for p in folder.iterdir()}
    assert set(names.values()) <= there and "rain_1.wav" not in there
    assert read_header(folder / names["rain_1"]).fields["ixml.CATID"] == "RAIN"
    status = document("index", folder, "--library", tag.library)
    assert (status["unchanged"], status["heard"], status["missing"]) == (4, 0, 0)
    found = document("search", "cat:RAIN", "--library", tag.library)["results"]
    assert [Path(row["path"]).name for row in found] == [names["rain_1"]]
    back = document("tag", "--undo", "--library", tag.library)
    assert back["refused"] == [] and back["names"] == len(names)
    assert sums(folder) == before


def test_a_dry_run_tells_in_words_what_would_be(tag):
    more = ("--taxonomy", "ucs", "--write", "--rename", "--creator", "A", "--source", "B")
    text = tag(*more, "--dry-run", "--accept", "0.3").stdout
    assert "would contain DESCRIPTION rain 1: rain, CATID RAIN" in text
    assert "→ RAIN_rain 1_A_B.wav" in text
    assert "would be written" in text and "would be renamed" in text
    assert "undo" not in text


def test_new_folders_are_listened_to_first(tmp_path, folder, model_folder):
    path = tmp_path / "other.db"
    soundsift("index", folder / "door_1.wav", "--library", path, "--model", model_folder)
    (folder / "broken.wav").write_text("words")
    found = document("tag", folder, "--library", path, "--least", "0.01", "--most", "1")
    assert len(found["files"]) == 4  # and the broken one is among the skipped
    (row,) = document("skipped", "--library", path)["skipped"]
    assert row["path"].endswith("broken.wav")


def test_wrong_names_are_audited(tag, folder):
    assert_problem(tag("--audit"), "only 3 of 4 sounds have names")
    for number in range(2):
        soundfile.write(folder / f"wind_{number}.wav", tone(900 + number, 0.5), 32000)
    before = sums(folder)
    found = answer(tag("--audit", "--json"))
    assert set(found) == {"model", "sounds", "unnamed", "doubts"}
    assert (found["sounds"], found["unnamed"]) == (5, 1)
    assert "wrong; 1 more has a name that says nothing" in tag("--audit").stdout
    assert sums(folder) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--taxonomy", "nothing.csv"), "no list of labels nothing.csv"),
        (("--rename",), "the pattern uses creator: give one, such as --creator ABC"),
        (("--rename", "--pattern", "{what}"), "can use the fields catid"),
        (("--rename", "--pattern", "{catid"), "is not understood"),
    ],
)
def test_problems_are_sentences_and_change_nothing(tag, folder, arguments, says):
    before = sums(folder)
    assert_problem(tag(*arguments), says)
    assert sums(folder) == before


def test_no_paths_or_wrong_ones_are_told(tmp_path, tag):
    assert_problem(tag(paths=()), "tag which sounds?")
    assert_problem(tag(paths=(tmp_path / "none",)), "does not exist")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert_problem(tag(paths=(empty,)), "there are no sounds in")
    library = tmp_path / "new.db"
    assert_problem(soundsift("tag", tmp_path / "none", "--library", library), "does not exist")
    assert not library.exists()
    assert soundsift("tag", "x", "--least", "2", "--library", tag.library).returncode == 2
