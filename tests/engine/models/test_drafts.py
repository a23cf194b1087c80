"""Model folders are whole or absent, whoever is killed when."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from engine.errors import InputError
from engine.models import drafts
from engine.models.catalog import models
from engine.models.drafts import draft_of, put_in_order
from engine.paths import installed_models
from tests import warm

POSIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of its own process")


def killing(what: str, *folders: object) -> list[str]:
    done = warm.module("tests.engine.models.killing", what, *folders)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@POSIX
@pytest.mark.parametrize("first", ["old", "none"])
def test_a_killed_installation_leaves_the_old_model_or_the_new_one(tmp_path, make_model, first):
    old = make_model("old") if first == "old" else Path("none")
    found = killing("install", tmp_path, old, make_model("new", seed=1))
    assert len(found) > 15
    assert found[0] == f"{first} []"
    assert found[-1] == "new []"
    assert set(found) == {f"{first} []", "new []"}


@POSIX
@pytest.mark.parametrize("ears", ["the same ears", "other ears"])
def test_a_killed_change_of_models_leaves_the_library_of_the_old_or_the_new(
    tmp_path, make_model, sounds, ears
):
    new = make_model("new", seed=1, audio_seed=0 if ears == "the same ears" else 7)
    found = killing("use", tmp_path, make_model("old"), new)
    old, new = "old True True 3", f"new True True {3 if ears == 'the same ears' else 0}"
    assert len(found) > 20
    assert found[0] == old and found[-1] == new
    assert set(found) == {old, new}


def names(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()} - {".lock"}


def test_a_draft_takes_its_place_only_when_it_is_complete(tmp_path):
    with draft_of(tmp_path / "a") as draft:
        (draft / "x").write_text("1")
        assert not (tmp_path / "a").exists()
    with pytest.raises(RuntimeError, match="no"), draft_of(tmp_path / "a") as draft:
        (draft / "x").write_text("2")
        raise RuntimeError("no")
    assert (tmp_path / "a" / "x").read_text() == "1"
    with draft_of(tmp_path / "a") as draft:
        (draft / "y").write_text("3")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["y"]
    assert names(tmp_path) == {"a"}


def test_drafts_are_no_models_and_go_at_the_next_look(model_folder):
    home = installed_models()
    shutil.copytree(model_folder, home / ".draft-mine-0123")
    assert not any("mine" in entry.name for entry in models())
    assert names(home) == set()


def test_a_model_that_stood_aside_comes_back(model_folder):
    shutil.copytree(model_folder, installed_models() / ".old-mine")
    assert "mine" in {entry.name for entry in models()}
    assert names(installed_models()) == {"mine"}


def test_what_is_being_made_is_left_alone(tmp_path):
    with draft_of(tmp_path / "a") as draft:
        put_in_order(tmp_path)
        assert draft.is_dir()


def test_a_look_waits_while_a_model_changes_places(tmp_path, monkeypatch):
    """Between two renames there is neither the old nor the new: nobody sees that."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").touch()
    aside, looked = threading.Event(), threading.Event()
    rename = Path.rename

    def slowly(self: Path, target: Path) -> Path:
        if self.name.startswith(".draft-"):
            aside.set()
            assert looked.wait(60)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", slowly)

    class Lock(FileLock):  # type: ignore[misc,unused-ignore]
        def acquire(self, *arguments: object, **more: object) -> object:
            if threading.current_thread().name == "looking":
                looked.set()  # it is about to wait
            return super().acquire(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(drafts, "FileLock", Lock)
    seen: list[set[str]] = []

    def replace() -> None:
        with draft_of(tmp_path / "a") as draft:
            (draft / "new").touch()

    def look() -> None:
        put_in_order(tmp_path)
        seen.append(names(tmp_path / "a"))

    replacing = threading.Thread(target=replace)
    replacing.start()
    assert aside.wait(60)
    looking = threading.Thread(target=look, name="looking")
    looking.start()
    for thread in (replacing, looking):
        thread.join(60)
    assert seen == [{"new"}]


def test_two_installations_do_not_meet(tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "_PATIENCE_S", 0)
    refused = pytest.raises(InputError, match="another model is being installed")
    with draft_of(tmp_path / "a"), refused, draft_of(tmp_path / "b"):
        pytest.fail("both at once")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"), draft_of(tmp_path / "file" / "a"):
        pytest.fail("nothing can be there")
    put_in_order(tmp_path / "file")
    put_in_order(tmp_path / "absent")
