"""``soundsift roots``: a library that is carried to another computer, with its sounds elsewhere."""

import json
import shutil
from pathlib import Path

import pytest

from tests import warm
from tests.conftest import write_sounds


def soundsift(*arguments: object) -> "tuple[int, str, str]":
    done = warm.as_text(warm.soundsift(*arguments))
    return done.returncode, done.stdout, done.stderr


def asked(*arguments: object) -> dict[str, object]:
    code, out, error = soundsift(*arguments, "--json")
    assert code == 0, error
    return dict(json.loads(out))


@pytest.fixture
def here(tmp_path, model_folder) -> tuple[Path, Path]:
    """Return a folder of sounds, and the library of it."""
    folder, path = write_sounds(tmp_path / "sounds"), tmp_path / "library.db"
    assert soundsift("index", folder, "--model", model_folder, "--library", path)[0] == 0
    return folder, path


def test_a_library_is_carried_to_where_its_drive_has_another_name(here, tmp_path, monkeypatch):
    folder, path = here
    at = ("--library", path)
    assert soundsift("roots", *at)[1].startswith("there are no roots: make one with")
    added = asked("roots", "add", "SFX", folder, *at)
    root = {"name": "SFX", "folder": str(folder), "sounds": 12}
    assert added == {"added": root, "moved": 12, "remark": ""}
    assert asked("roots", *at) == {"roots": [root]}

    monkeypatch.setenv("SOUNDSIFT_HOME", str(tmp_path / "other computer"))
    drive = Path(shutil.move(folder, tmp_path / "drive"))
    assert soundsift("roots", *at)[1] == "SFX  12 sounds  not mounted on this computer\n"
    said = "the root SFX is not mounted on this computer: say where it is with"
    assert said in soundsift("status", *at)[1]
    found = asked("search", "--names", "sound_01", *at)["results"]
    assert [one["path"] for one in found] == ["root:/SFX/tones/Sound_01.wav"]
    code, _, error = soundsift("similar", "root:/SFX/tones/Sound_01.wav", *at)
    assert (code, said in error) == (1, True)

    assert soundsift("roots", "mount", "sfx", drive, *at)[1] == (
        f"SFX is in {drive} on this computer\n"
    )
    assert asked("index", drive, *at)["unchanged"] == 12
    found = asked("search", "--names", "sound_01", *at)["results"]
    assert [one["path"] for one in found] == [str(drive / "tones" / "Sound_01.wav")]
    assert asked("status", *at)["roots"] == [root | {"folder": str(drive)}]


def test_roots_are_renamed_unmounted_and_removed(here):
    folder, path = here
    at = ("--library", path)
    assert soundsift("roots", "add", "SFX", folder, *at)[1] == (
        "SFX is a root now, and 12 sounds lie under it\n"
    )
    assert soundsift("roots", "rename", "SFX", "Effects", *at)[1] == (
        "the root is called Effects now\n"
    )
    assert soundsift("roots", "unmount", "Effects", *at)[1] == (
        "Effects is not mounted on this computer any more\n"
    )
    code, _, error = soundsift("roots", "remove", "Effects", *at)
    assert (code, "so that its sounds have no paths: mount it first" in error) == (1, True)
    assert soundsift("roots", "mount", "Effects", folder, *at)[0] == 0
    assert soundsift("roots", "remove", "Effects", *at)[1] == (
        f"Effects is no root any more; 12 sounds lie in {folder}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "SFX"), 2, "Missing argument"),
        (("add", "a/b", "."), 1, "'a/b' is no name for a root: take a word such as SFX"),
        (("add", "SFX", "none"), 1, "none is no folder: check the path, or connect the drive"),
        (("mount", "SFX", "."), 1, "there is no root SFX: there are none yet"),
        (("unmount", "SFX"), 1, "there is no root SFX: there are none yet"),
        (("rename", "SFX", "Boom"), 1, "there is no root SFX: there are none yet"),
        (("remove", "SFX"), 1, "there is no root SFX: there are none yet"),
    ],
)
def test_what_makes_no_sense_gets_one_sentence(here, arguments, code, said):
    got, out, error = soundsift("roots", *arguments, "--library", here[1])
    assert (got, out) == (code, "") and said in error and "Traceback" not in error
