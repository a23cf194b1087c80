"""`soundsift train --from-library` as its users meet it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.index.mapping import adopt_model
from engine.progress import Control
from engine.store import Library, StoredWindow
from engine.store.records import FileFacts
from tests import warm
from tests.cli.test_cli import assert_problem, document, soundsift
from tests.conftest import tone

NOUNS = ["door", "rain", "bell", "wind", "dog", "cat"]


@pytest.fixture
def general(tmp_path: Path) -> Path:
    for number, noun in enumerate(NOUNS):
        soundfile.write(tmp_path / f"{noun}.wav", tone(200 * (number + 1), 0.3), 32000)
    path = tmp_path / "general.csv"
    path.write_text("path,caption\n" + "".join(f"{n}.wav,a {n}\n" for n in NOUNS))
    return path


@pytest.fixture
def library(tmp_path: Path, model_folder: Path) -> Path:
    """A library of 120 heard sounds whose names fit what was heard."""
    path = tmp_path / "library.db"
    random = np.random.default_rng(0)
    directions = random.standard_normal((len(NOUNS), 384))
    with Library(path) as made:
        adopt_model(made, model_folder, Control())
        rows = []
        for number in range(120):
            first, second = number % 6, number // 6 % 6
            heard = directions[first] + 0.7 * directions[second] + random.normal(0, 0.4, 384)
            name = f"/sounds/{NOUNS[first]}_{NOUNS[second]}_{number}.wav"
            facts = FileFacts(name, 1, 1, name, 1.0, 32000, 1, 16, "wav")
            features = heard.astype(np.float16).tobytes()
            vector = np.zeros(32, np.float16).tobytes()
            rows.append((facts, [StoredWindow(0.0, 1.0, features, vector, 0.0)]))
        made.put_sounds(rows)
    return path


def test_a_personal_model_is_made_used_and_left_again(library, general, model_folder):
    found = document(
        *("train", "--from-library", "--library", library, "--general", general, "--name", "mine")
    )
    assert found["event"] == "personal"
    assert found["way"] > 0
    assert found["after"]["map10"] > found["before"]["map10"]
    assert found["before"]["general"] is not None
    assert Path(found["model"]).name == "mine"
    listed = {row["name"]: row for row in document("models")["models"]}
    assert listed["mine"]["installed"]
    used = document("models", "use", "mine", "--library", library)
    assert used["features_kept"] is True
    assert document("search", "bell wind", "-n", 1, "--library", library)["model"] == "mine"
    back = document("models", "use", model_folder, "--library", library)
    assert back["features_kept"] is True
    taken = soundsift("train", "--from-library", "--library", library, "--name", "mine")
    assert_problem(taken, "there is already a model named mine")


def test_a_library_of_a_few_sounds_is_told(tmp_path, sounds, model_folder, general):
    path = tmp_path / "few.db"
    assert soundsift("index", sounds, "--library", path, "--model", model_folder).returncode == 0
    done = soundsift("train", "--from-library", "--library", path, "--general", general)
    assert_problem(done, "and 50 are needed")


def test_no_library_no_command_and_bad_names_are_told(tmp_path, library, general):
    absent = tmp_path / "absent.db"
    done = soundsift("train", "--from-library", "--library", absent, "--general", general)
    assert_problem(done, "there is no library")
    assert soundsift("train").returncode == 2
    name = soundsift("train", "--from-library", "--library", library, "--name", "../up")
    assert_problem(name, "is not a valid model name")


def test_ctrl_c_saves_the_run_and_the_same_command_goes_on(tmp_path, library, general, own_home):
    given = ["--from-library", "--library", str(library)]
    given += ["--general", str(general), "--name", "stopped"]
    command = [sys.executable, "-m", "trainer", *given]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event.get("stage") == "training" and event["done"] > 20:
            process.send_signal(signal.SIGINT)
            break
    rest, problem = process.communicate(timeout=60)
    assert process.returncode == 130, rest
    assert problem == "stopped; run the same command again to resume\n"
    (run,) = (own_home / "runs").glob("stopped-*")
    assert (run / "checkpoint.pt").is_file()
    again = warm.as_text(warm.trainer(*given))
    assert again.returncode == 0, again.stderr
    steps = [json.loads(line) for line in again.stdout.splitlines()]
    first = next(e["done"] for e in steps if e.get("stage") == "training")
    assert first > 20
    assert not (run / "checkpoint.pt").exists()


def test_an_experiment_without_its_data_is_told(tmp_path):
    done = soundsift("experiment", "table3", "--data", tmp_path, "--runs", tmp_path / "runs")
    assert_problem(done, "there is no sounds manifest")
    assert soundsift("experiment", "table99").returncode == 2
