"""``soundsift transfer``: copies for a project from the command line."""

import json
import subprocess
from pathlib import Path

import pytest
import soundfile

from engine.search.export import sounds_of
from engine.search.grammar import parse
from engine.store import Library
from engine.store.collections import collect
from engine.store.uses import uses_of
from tests import warm


def soundsift(*arguments: object) -> subprocess.CompletedProcess[str]:
    return warm.as_text(warm.soundsift(*arguments))


@pytest.fixture
def library(tmp_path: Path, sounds: Path, model_folder: Path) -> Path:
    path = tmp_path / "library.db"
    done = soundsift("index", sounds, "--model", model_folder, "--library", path)
    assert done.returncode == 0, done.stderr
    return path


def test_a_collection_is_copied_converted_and_named(library, tmp_path):
    with Library(library) as opened:
        collect(opened, "Scene 12", sounds_of(opened, parse("in:tones")))
    out = tmp_path / "out"
    arguments = ("--as", "wav48/24", "--name", "{project}_{number}", "--project", "Reel3")
    asked = ("transfer", "--collection", "Scene 12", "--to", out, *arguments, "--library", library)
    done = soundsift(*asked, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["files"]) == 6 and told["already"] == 0 and told["failed"] == []
    assert sorted(path.name for path in out.iterdir()) == [f"Reel3_0{n}.wav" for n in range(1, 7)]
    assert soundfile.info(out / "Reel3_01.wav").samplerate == 48000
    again = soundsift(*asked)
    assert again.stdout.strip() == f"6 sounds are in {out}, 6 of them were there already"
    with Library(library) as opened:
        used = sounds_of(opened, parse("used:Reel3"))
        assert len(used) == 6
        assert [use.target for use in uses_of(opened, used[0])] == [str(out)]  # and only once


def test_copies_can_be_made_without_marking_their_sounds(library, tmp_path):
    asked = ("transfer", "in:tones dur:<0.9s", "--to", tmp_path / "Reel4", "--library", library)
    assert soundsift(*asked, "--unmarked").returncode == 0
    with Library(library) as opened:
        assert not sounds_of(opened, parse("used:<1d"))


def test_what_a_search_finds_is_copied_and_what_fails_is_told(library, sounds, tmp_path):
    (sounds / "tones/Sound_01.wav").unlink()
    out = tmp_path / "out"
    done = soundsift("transfer", "in:tones dur:<0.9s", "--to", out, "--library", library)
    assert done.returncode == 0, done.stderr
    assert "Sound_01.wav does not exist\n" in done.stdout
    assert done.stdout.strip().endswith("; 1 could not be copied")
    assert sorted(path.name for path in out.iterdir()) == ["Sound_03.wav"]


def test_channels_that_a_sound_does_not_have_are_told(library, tmp_path):
    asked = ("in:tones", "--channels", "2", "--to", tmp_path / "out", "-n", "1")
    done = soundsift("transfer", *asked, "--library", library)
    assert done.returncode == 0 and "has one channel, and no channel 2" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--collection", "None"), 1, "there is no collection None: there are none yet"),
        (("door", "--as", "mp3"), 1, "mp3 is no format: write original, wav, bwf"),
        (("door", "--name", "{nmae}"), 1, "does not know nmae"),
        (("in:tones", "--channels", "0,x"), 1, "0,x are no channels: write their numbers"),
        (
            ("in:tones", "--speed", "0"),
            1,
            "the speed 0 is not possible: choose one from 0.05 to 20",
        ),
        (
            ("in:tones", "--gain", "1e9"),
            1,
            "the gain 1e+09 dB is not possible: choose one from -120",
        ),
        (("in:tones", "--gain", "nan", "--as", "wav"), 1, "the gain nan dB is not possible"),
        ((), 2, "Say what to copy: a search, or --collection NAME."),
    ],
)
def test_what_makes_no_sense_is_one_sentence(library, tmp_path, arguments, code, said):
    done = soundsift("transfer", *arguments, "--to", tmp_path / "out", "--library", library)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
