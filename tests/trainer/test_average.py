"""Several runs of one start become one model."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from engine.models.match_model import load_model, load_text_encoder
from engine.models.spec import read_spec
from tests.conftest import tone
from trainer.cli import main
from trainer.recipes.average import averaged

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.csv"
    random = np.random.default_rng(0)
    rows = ["path,caption"]
    for number in range(8):
        samples = tone(200 * 2 ** (number % 4), 0.3) + random.normal(0, 0.01, 9600)
        soundfile.write(tmp_path / f"{number}.wav", samples * 0.5, 32000)
        rows.append(f"{number}.wav,{['a door', 'a bell', 'wind', 'rain'][number % 4]}")
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture
def fit(tmp_path, manifest, model_folder):
    """Return a function that trains a run on frozen features and returns its folder."""

    def make(name: str, *more: object, base: Path | None = model_folder) -> Path:
        given = ["--threads", 1, "fit", tmp_path / name, "--set", f"csv:{manifest}", "--frozen"]
        given += ["--steps", 4, "--base", base, *more]
        assert main([str(part) for part in given], show=lambda event: None) == 0
        return tmp_path / name

    return make


def test_an_average_is_the_mean_of_its_runs_and_says_how_all_of_them_do(fit, tmp_path, manifest):
    runs = [fit(f"seed {seed}", "--seed", seed, "--init-seed", 7) for seed in (1, 2, 3)]
    told: list[dict] = []
    given = ["average", tmp_path / "mean", *runs, "--validation", f"csv:{manifest}"]
    assert main([str(part) for part in given], show=told.append) == 0
    (event,) = told
    assert event["event"] == "averaged"
    assert [part["run"] for part in event["runs"]] == [str(run) for run in runs]
    assert event["gain"] == pytest.approx(
        event["figures"]["score"] - max(part["score"] for part in event["runs"]), abs=1e-4
    )
    weights = [load_file(run / "matched.safetensors") for run in runs]
    name = "audio_head.layers.0.weight"
    assert not torch.equal(weights[0][name], weights[1][name])
    found = load_model(tmp_path / "mean" / "model").state_dict()[name]
    wanted = torch.stack([w[name] for w in weights]).mean(0)
    assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-5)  # a folder holds half floats
    assert read_spec(tmp_path / "mean" / "model").name == "mean"
    assert load_text_encoder(tmp_path / "mean" / "model")(["a bell"]).isfinite().all()


def test_runs_that_do_not_fit_together_are_refused(fit, tmp_path, make_model, capsys):
    one = fit("one", "--seed", 1, "--init-seed", 7)
    rates = fit("rates", "--init-seed", 7, "--head-rate", 1e-2)
    other_start = make_model("other", seed=5)
    shutil.copytree(other_start, tmp_path / "start")
    first = fit("first", base=tmp_path / "start")
    shutil.rmtree(tmp_path / "start")
    shutil.copytree(make_model("third", seed=6), tmp_path / "start")
    second = fit("second", "--seed", 2, base=tmp_path / "start")
    half = tmp_path / "half"
    shutil.copytree(one, half)
    (half / "matched.safetensors").unlink()
    broken = tmp_path / "broken"
    shutil.copytree(one, broken)
    (broken / "matched.safetensors").write_bytes(b"half of it")
    for runs, sentence in (
        ((one, rates), "differ in head-rate: only runs that differ in --seed"),
        ((first, second), "started from different weights, whose average is meaningless"),
        ((one, half), "is not a finished run"),
        ((one, one), "needs at least two runs"),
        ((one, rates, one / "." / "../one"), "one run is named twice: name each folder once"),
        ((one, broken), "matched.safetensors is missing or damaged"),
    ):
        assert main(["average", str(tmp_path / "out"), *map(str, runs)]) == 1
        (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error")]
        assert sentence in line
    assert not (tmp_path / "out").exists()


def test_a_gain_is_measured_in_the_figure_that_runs_kept_their_best_by_on_the_set_they_did(
    fit, tmp_path, manifest, capsys
):
    own = tmp_path / "own.csv"
    own.write_text(manifest.read_text(encoding="utf-8"), encoding="utf-8")
    more = ("--init-seed", 7, "--validation", f"csv:{own}", "--score", "audio_to_text_r10")
    runs = [fit(f"seed {seed}", "--seed", seed, *more) for seed in (1, 2)]
    told: list[dict] = []
    given = ["average", str(tmp_path / "mean"), *map(str, runs)]
    own.write_text("path,caption\n0.wav,a gong\n1.wav,a bell\n", encoding="utf-8")
    assert main(given, show=told.append) == 1
    said = capsys.readouterr().err
    assert f"that {runs[0]} was validated on have changed since: put them back, or name" in said
    assert main([*given, "--validation", f"csv:{own}"], show=told.append) == 0
    (event,) = told
    figures = [part["audio_to_text_r10"] for part in (event["figures"], *event["runs"])]
    assert event["gain_in"] == "audio_to_text_r10"
    assert event["gain"] == pytest.approx(figures[0] - max(figures[1:]), abs=1e-4)
    assert event["figures"]["audio_to_text_r10"] != event["figures"]["score"]


def test_counters_are_not_averaged():
    whole = {"count": torch.tensor([3]), "weight": torch.tensor([1.0])}
    other = {"count": torch.tensor([4]), "weight": torch.tensor([2.0])}
    found = averaged([whole, other])
    assert (int(found["count"]), float(found["weight"])) == (3, 1.5)


def test_a_runs_file_gives_the_run_again_and_the_command_line_wins(fit, tmp_path, manifest):
    more = ("--no-frozen", "--seed", 3, "--validation", f"csv:{manifest}", "--steps", 3)
    one = fit("one", *more)
    again, other = tmp_path / "again", tmp_path / "other"
    quiet = {"show": lambda event: None}
    config = ["--config", str(one / "config.toml")]
    assert main(["--threads", "1", "fit", str(again), *config], **quiet) == 0
    weights, found = (load_file(run / "matched.safetensors") for run in (one, again))
    assert all(torch.equal(found[name], value) for name, value in weights.items())
    assert (again / "config.toml").read_text() == (one / "config.toml").read_text()
    more = ("--steps", "2", "--frozen")
    assert main(["--threads", "1", "fit", str(other), *config, *more], **quiet) == 0
    assert json.loads((other / "config.json").read_text())["steps"] == 2
    assert (other / "features.pt").is_file()


def test_another_set_is_another_run_and_other_sounds_are_heard_anew(
    fit, tmp_path, manifest, capsys
):
    run = fit("run")
    table = manifest.read_text()
    soundfile.write(tmp_path / "new.wav", tone(900, 0.3), 32000)
    manifest.write_text(f"{table}\nnew.wav,a dog")
    again = ["fit", str(run), "--set", f"csv:{manifest}", "--frozen", "--steps", "4", "--base"]
    again.append(tomllib.loads((run / "config.toml").read_text())["base"])
    assert main(again) == 1
    assert "the sounds or the encoder of" in capsys.readouterr().err
    assert main([*again, "--seed", "9"]) == 1
    assert "contains a run that differs in seed" in capsys.readouterr().err
    (run / "checkpoint.pt").unlink()  # stopped before there was one
    assert main(again, show=lambda event: None) == 0
    assert len(torch.load(run / "features.pt", weights_only=True)["paths"]) == 9


def test_an_empty_validation_set_is_told_before_anything_is_heard(
    tmp_path, manifest, model_folder, capsys
):
    empty = tmp_path / "empty.csv"
    empty.write_text("path,caption\ngone.wav,a dog\n")
    given = ["fit", tmp_path / "run", "--set", f"csv:{manifest}", "--base", model_folder]
    given += ["--validation", f"csv:{empty}"]
    assert main([str(part) for part in given]) == 1
    printed = capsys.readouterr()
    assert "has no sounds with captions in the split val" in printed.err
    assert "decoding" not in printed.out
