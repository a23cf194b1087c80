"""A frozen encoder listens where the run was told to train."""

from pathlib import Path

import pytest
import torch
from torch import nn

import trainer.commands  # noqa: F401 - it takes a name that is replaced below, before that
from engine.models.match_model import AudioEncoder, load_model
from engine.progress import Control
from trainer.cli import main
from trainer.data.feature_blocks import embed_once
from trainer.data.left_out import LeftOut
from trainer.data.sets import Captioned
from trainer.loop import parallel
from trainer.recipes import once
from trainer.recipes.fit_config import FitConfig


class Gpu(nn.Module):
    """A tower that notes where it is, of which "meta" stands for a GPU, when it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.where, self.heard = torch.device("cpu"), []

    def parameters(self, recurse=True):
        yield nn.Parameter(torch.zeros(1, device=self.where))

    def to(self, *where, **how):
        self.where = torch.device(where[0]) if where else self.where
        return self

    def forward(self, log_mel, lengths=None):
        self.heard.append(log_mel.device.type)
        return torch.ones(len(log_mel), 384)


@pytest.fixture
def model(model_folder):
    loaded = load_model(model_folder)
    loaded.audio_tower = Gpu()
    return loaded


def test_the_sounds_of_a_frozen_run_are_heard_on_its_device(model, table, tmp_path):
    sounds = [Captioned(path, ("a door",)) for path in sorted(table.parent.glob("*.wav"))]
    config, left_out = FitConfig(sets=("csv:x",), frozen=True), LeftOut(tmp_path / "skipped.txt")
    (tmp_path / "run").mkdir()
    once.build_cache(tmp_path / "run", config, model, sounds, Control(), left_out, "meta")
    assert set(model.audio_tower.heard) == {"meta"}
    kept = torch.load(tmp_path / "run" / once.FEATURES, weights_only=True)
    assert kept["features"].shape == (8, 384)
    assert kept["features"].device.type == "cpu"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_frozen_run_gives_its_device_to_whom_listens(table, model_folder, tmp_path, monkeypatch):
    found: list[str] = []

    def on_device(audio_encoder, device):
        found.append(device)
        return audio_encoder

    monkeypatch.setattr(once, "on_device", on_device)
    monkeypatch.setattr(parallel, "training_device", lambda wish: {"cuda": "cpu:0"}[wish])
    given = ["fit", tmp_path / "run", "--set", f"csv:{table}", "--base", model_folder]
    given += ["--frozen", "--steps", 1, "--batch", 4, "--device", "cuda"]
    assert main([str(part) for part in given], show=lambda event: None) == 0
    assert found == ["cpu:0"]


def test_what_was_heard_on_another_device_is_heard_anew(model, table, tmp_path):
    paths, folder = sorted(table.parent.glob("*.wav")), tmp_path / "blocks"
    tower = model.audio_tower
    for device, listens in (("cpu", True), ("cpu", False), ("meta", True), ("meta", False)):
        tower.to(device)
        tower.heard.clear()
        embed_once(folder, AudioEncoder(model), list(map(Path, paths)), Control())
        assert bool(tower.heard) == listens, device
