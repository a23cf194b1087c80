"""``soundsift saved``, ``describe`` and ``map``: what the window has, on the command line."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli.telling import _described
from engine.search.description import describe
from engine.search.sound_names import Likeness
from engine.store import Library
from engine.store.history import steps, undo
from engine.store.saved_searches import saved_searches
from tests import warm


def soundsift(*arguments: object) -> subprocess.CompletedProcess[str]:
    return warm.as_text(warm.soundsift(*arguments))


@pytest.fixture(scope="module")
def indexed(tmp_path_factory, model_folder) -> Path:
    from tests.conftest import write_sounds

    place = tmp_path_factory.mktemp("saved")
    sounds, path = write_sounds(place / "sounds"), place / "library.db"
    done = soundsift("index", sounds, "--model", model_folder, "--library", path)
    assert done.returncode == 0, done.stderr
    return path


def test_searches_are_added_run_renamed_and_removed(indexed):
    at = ("--library", indexed)
    assert soundsift("saved", *at).stdout.startswith("there are no saved searches yet")
    added = soundsift("saved", "add", "Short tones", "in:tones", "dur:<0.9s", *at)
    assert (added.returncode, added.stdout) == (0, "Short tones is saved\n")
    listed = json.loads(soundsift("saved", "--json", *at).stdout)
    assert listed == {"searches": [{"name": "Short tones", "text": "in:tones dur:<0.9s"}]}
    found = json.loads(soundsift("saved", "run", "Short tones", "--json", *at).stdout)
    assert sorted(Path(one["path"]).stem for one in found["results"]) == ["Sound_01", "Sound_03"]
    assert soundsift("saved", "rename", "Short tones", "Beeps", *at).stdout == (
        "Short tones is Beeps now\n"
    )
    with Library(indexed) as library:
        assert list(saved_searches(library)) == ["Beeps"]
        assert soundsift("saved", "remove", "Beeps", *at).returncode == 0
        assert not saved_searches(library) and steps(library)[0].kind == "drop search"
        undo(library)
        assert list(saved_searches(library)) == ["Beeps"]
    assert soundsift("saved", "remove", "Beeps", *at).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "Doors"), 1, "there is no saved search Doors: there are none yet"),
        (("remove", "Doors"), 1, "there is no saved search Doors"),
        (("rename", "Doors", "Gates"), 1, "there is no saved search Doors"),
        (("add", "Doors", "dur:x"), 1, "dur:x is not understood"),
        (("add", "Doors"), 2, "Missing argument"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(indexed, arguments, code, said):
    done = soundsift("saved", *arguments, "--library", indexed)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr


def test_a_sound_is_described(indexed):
    path = indexed.parent / "sounds" / "tones" / "Sound_03.wav"
    found = json.loads(soundsift("describe", path, "--library", indexed, "--json").stdout)
    assert found["path"] == str(path) and found["parts"] and found["lufs"] is not None
    said = soundsift("describe", path, "--library", indexed).stdout.splitlines()
    assert said[0] == str(path) and "LUFS" in said[1]
    done = soundsift("describe", path.with_name("none.wav"), "--library", indexed)
    assert done.returncode == 1 and "the library has no sound" in done.stderr


def test_a_description_says_how_likely_each_name_is(indexed):
    with Library(indexed) as library:
        known = describe(library, min(library.sounds().values(), key=lambda sound: sound.id))
    likely = (Likeness("doors wood", 0.614), Likeness("doors creak", 0.1))
    said = _described(replace(known, likenesses=likely)).splitlines()
    assert said[-3:] == ["sounds like:", "   61%  doors wood", "   10%  doors creak"]


def test_a_library_tells_what_it_sounds_like(indexed):
    done = soundsift("map", "--library", indexed, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"sounds": 12, "regions": []}  # too few for names
    said = soundsift("map", "--library", indexed, "--level", "3").stdout
    assert said.startswith("12 sounds have a place on the map, too few")
