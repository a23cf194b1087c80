"""Models of strangers on the command line: tried first, and what is refused changes nothing."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
import torch

from engine.index.mapping import adopt_model
from engine.models.catalog import find_model
from engine.models.spec import read_spec
from engine.paths import installed_models
from engine.progress import Control
from engine.store import Library, StoredWindow
from engine.store.records import FileFacts
from tests.cli.test_cli import as_an_ordinary_user, assert_problem, document, soundsift
from tests.engine.models.forging import change, change_tokenizer, change_weights, sign


@pytest.fixture
def hostile(make_model, tmp_path: Path) -> Path:
    """Return a folder that a test makes hostile."""
    return Path(shutil.copytree(make_model("hostile", seed=1), tmp_path / "hostile"))


@pytest.fixture
def library(tmp_path: Path, model_folder: Path) -> Path:
    """A library of one heard sound, adopted by the common model."""
    path = tmp_path / "library.db"
    with Library(path) as made:
        adopt_model(made, model_folder, Control())
        facts = FileFacts("/sounds/door.wav", 1, 1, "door", 1.0, 32000, 1, 16, "wav")
        features = torch.ones(384).half().numpy().tobytes()
        window = StoredWindow(0.0, 1.0, features, torch.ones(32).half().numpy().tobytes(), 0.0)
        made.put_sounds([(facts, [window])])
    return path


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as database:
        return list(database.iterdump())


def nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["metric.factor"] = torch.full((32, 32), float("nan"))


def other_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["metric.factor"] = torch.ones(16, 16)


def pipe(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    os.mkfifo(folder / "weights.safetensors")


def deep(folder: Path) -> None:
    (folder / "model.json").write_text("[" * 200_000)


HOSTILE = {
    "numbers that are none": (lambda f: change_weights(f, nan), "is finite"),
    "other shapes": (lambda f: change_weights(f, other_shape), "does not match model.json"),
    "endless sizes": (lambda f: change(f, features=10**9), "features must be a whole number"),
    "no epsilon": (lambda f: change(f, ranking__epsilon=0), "ranking.epsilon must be a number"),
    "a path for a name": (lambda f: change(f, name="../../x"), "name must be a plain name"),
    "no tokenizer": (lambda f: change_tokenizer(f, model=None), "tokenizer.json is damaged: "),
    "a pipe": (pipe, "it is not a file"),
    "deep nesting": (deep, "nested too deeply"),
    "no bank": (lambda f: sign(f, bank=[]), "does not match model.json"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_refused_model_leaves_the_library_as_it_was(library, hostile, kind):
    do, words = HOSTILE[kind]
    do(hostile)
    before = dump(library)
    assert_problem(soundsift("models", "use", hostile, "--library", library), words)
    assert dump(library) == before


def test_a_refused_model_of_the_same_id_does_not_take_its_place(library, model_folder, tmp_path):
    """The description is the same to the letter; the weights are not."""
    twin = Path(shutil.copytree(model_folder, tmp_path / "twin"))
    (twin / "weights.safetensors").write_bytes(b"\0" * 100)
    before = dump(library)
    done = soundsift("models", "use", twin, "--library", library)
    assert_problem(done, "weights.safetensors is damaged")
    assert dump(library) == before


def test_no_library_is_made_for_a_refused_model(tmp_path, sounds, hostile):
    change_weights(hostile, nan)
    path = tmp_path / "new.db"
    done = soundsift("index", sounds, "--library", path, "--model", hostile)
    assert_problem(done, "is finite")
    assert not path.exists()


def test_a_refused_model_is_not_measured(tmp_path, hostile):
    change_weights(hostile, nan)
    done = soundsift("evaluate", "zero-shot", tmp_path / "none.csv", "--model", hostile)
    assert_problem(done, "is finite")


def test_a_model_in_a_read_only_folder_is_used(library, hostile):
    hostile.chmod(0o500)
    done = as_an_ordinary_user("models", "use", hostile, "--library", library)
    hostile.chmod(0o700)
    assert done.returncode == 0, done.stderr


def test_a_model_whose_folder_has_another_name_is_found_again(library, hostile):
    installed_models().mkdir()
    hostile.rename(installed_models() / "renamed")
    assert document("models", "use", "renamed", "--library", library)["model"] == "hostile"
    assert document("search", "door", "--library", library)["model"] == "hostile"


def test_one_damaged_model_does_not_hide_the_others(hostile):
    installed_models().mkdir()
    shutil.copytree(hostile, installed_models() / "good")
    change(hostile, features=-1)
    hostile.rename(installed_models() / "bad")
    rows = {row["name"]: row for row in document("models", "list")["models"]}
    assert rows["good"]["id"] == read_spec(find_model("good")).id
    assert rows["bad"]["id"] is None
    assert "damaged: delete" in soundsift("models", "list").stdout
    assert_problem(soundsift("models", "show", "bad"), "features must be a whole number")
    assert_problem(soundsift("models", "show", "bad", "--json"), "features must be a whole number")


def test_a_card_cannot_steer_the_terminal(hostile):
    (hostile / "README.md").write_bytes(b"# Card\n\x1b]0;owned\x07\x1b[2J \xff\xfe fin\r\n")
    done = soundsift("models", "show", hostile)
    assert done.returncode == 0
    assert done.stdout == "# Card\n]0;owned[2J \ufffd\ufffd fin\n\n"


@pytest.mark.parametrize("kind", ["absent", "a pipe", "endless"])
def test_a_card_that_cannot_be_shown_does_not_hang(hostile, kind):
    card = hostile / "README.md"
    card.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(card)
    if kind == "endless":
        card.touch()
        os.truncate(card, 1 << 40)
        assert_problem(soundsift("models", "show", hostile), "is too large")
        return
    assert soundsift("models", "show", hostile).stdout == "hostile\n"


def test_a_foreign_checkpoint_is_tried_before_it_is_installed(tmp_path):
    source = tmp_path / "clap"
    source.mkdir()
    (source / "tokenizer.json").write_text("{}")
    (source / "config.json").write_text(
        json.dumps({"audio_config": {"hidden_size": 10**12}, "text_config": {"vocab_size": 10**12}})
    )
    done = soundsift("models", "get", "clap", "--from", source)
    assert_problem(done, "was not accepted")
    assert not (installed_models() / "clap").exists()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        done = soundsift("models", "get", "default-mn04", "--from", tmp_path / "pipe")
        assert_problem(done, "is a pipe, not a file")


@pytest.mark.parametrize("name", ["a" * 5000, "x\n\x1b[2J"])
def test_a_name_of_no_model_is_a_sentence(library, name):
    done = soundsift("models", "use", name, "--library", library)
    assert_problem(done, "there is no model named")
    assert "\x1b" not in done.stderr
