"""`fit` under torchrun, as its users start it: two processes do what one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import warm
from tests.trainer.conftest import write_set
from trainer.cli import main

PROGRAM = Path(__file__).with_name("fit_without_dropout.py")
TWO = ("--standalone", "--nproc-per-node", 2, PROGRAM, "--threads", 1)
HANGS_S = 300  # far more than any of it takes
OPTIONS = (
    *("--steps", 6, "--batch", 8, "--micro-batch", 3, "--head-rate", 3e-3, "--audio-rate", 1e-4),
    *("--feature-noise", 0, "--no-augment", "--mix", 0.3),
)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Twelve sounds under four captions, and one that is missing."""
    path = tmp_path / "set" / "manifest.csv"
    rows = [*write_set(path.parent, 12), "gone.wav,a dog"]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def two(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start two processes; give what they said when both have ended."""
    given = around() | environment
    return warm.as_text(warm.torchrun(*TWO, *arguments, env=given, timeout=HANGS_S))


def two_by_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Start two processes as users do."""
    command = [sys.executable, "-m", "torch.distributed.run", *map(str, (*TWO, *arguments))]
    return subprocess.run(command, capture_output=True, text=True, env=around(), timeout=HANGS_S)


def around() -> dict[str, str]:
    """Return the environment; torchrun leaves a folder behind, which goes with the test's home."""
    home = os.environ["SOUNDSIFT_HOME"]
    return {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2]), "TMPDIR": home}


def losses(run: Path) -> dict[int, float]:
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return {e["step"]: e["loss"] for e in events if e["event"] == "loss"}


def assert_alike(run: Path, other: Path) -> None:
    """Check losses to 0.1 %, and weights to a tenth of one step at the projections' rate."""
    assert losses(run).keys() == losses(other).keys()
    for step, loss in losses(run).items():
        assert losses(other)[step] == pytest.approx(loss, rel=1e-3)
    weights, others = (load_file(r / "matched.safetensors") for r in (run, other))
    assert weights.keys() == others.keys()
    for name, one in weights.items():
        assert torch.allclose(one.float(), others[name].float(), rtol=1e-3, atol=3e-4), name


@pytest.mark.long
def test_two_processes_begin_stop_and_go_on_to_what_one_ends_in(
    manifest, model_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    wanted = ("--set", f"csv:{manifest}", "--base", model_folder, *OPTIONS)
    alone, both = tmp_path / "alone", tmp_path / "both"
    assert main([str(a) for a in ("--threads", 1, "fit", alone, *wanted)]) == 0

    stopped = two("fit", both, *wanted, STOP="1:3")  # not the one that leads
    assert stopped.stderr.count("skipped") == 1, stopped.stderr
    assert stopped.stderr.count("stopped; run the same command again") == 1
    assert not (both / "matched.safetensors").exists()
    assert torch.load(both / "checkpoint.pt", weights_only=True)["step"] == 3

    done = two_by_command("fit", both, *wanted)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"event": "done"') == 1
    assert "decoding" not in done.stdout
    assert_alike(alone, both)


def test_two_processes_share_a_frozen_encoders_features(manifest, model_folder, tmp_path):
    wanted = ("--set", f"csv:{manifest}", "--base", model_folder, *OPTIONS)
    wanted += ("--frozen", "--audio-rate", 0, "--mix", 0)
    done = two("fit", tmp_path / "run", *wanted, "--validation", f"csv:{manifest}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"event": "validation"') == 6
    assert (tmp_path / "run" / "model" / "model.json").is_file()


@pytest.mark.parametrize(
    ("fail", "sentence"),
    [("0:decoding", "error: the disk is full of nothing"), ("1:training", "error: out of memory")],
)
def test_where_one_process_fails_all_end_and_one_says_why(
    manifest, model_folder, tmp_path, fail, sentence
):
    wanted = ("--set", f"csv:{manifest}", "--base", model_folder, *OPTIONS)
    done = two("fit", tmp_path / "run", *wanted, FAIL=fail)
    assert done.returncode != 0
    own = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(own) == 1
    assert own[0].startswith(sentence)
    assert not (tmp_path / "run" / "matched.safetensors").exists()
    assert 'fit_without_dropout.py", line' not in done.stderr  # no traceback of ours


@pytest.mark.parametrize(("rank", "lines"), [("0", 1), ("1", 0)])
@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("fit", "--config", "/nowhere.toml"), "cannot be read as a configuration"),
        (("fit", "--set", "csv:x.csv", "--device", "gpu"), "gpu is not a device"),
        (("match", "--spectra", "x"), "`match` runs in one process: start it without torchrun"),
    ],
)
def test_what_fails_everywhere_is_told_once(
    tmp_path, monkeypatch, capsys, rank, lines, command, sentence
):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main([command[0], str(tmp_path / "run"), *command[1:]]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == lines
    assert all(sentence in line for line in told)
