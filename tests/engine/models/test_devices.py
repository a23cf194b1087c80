"""Which device is found, and what becomes of sounds when it fails; a GPU is played by a tower."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from engine import torch_setup
from engine.errors import InputError, ModelError
from engine.index.embed import embed_files
from engine.models.compact import Compact
from engine.models.devices import on_device
from engine.models.match_model import AudioEncoder, MatchModel
from engine.models.precision import in_best_precision
from engine.models.spec import ModelSpec
from engine.torch_setup import find_device


class Gpu(nn.Module):
    """A tower that may be on a device with room for a few sounds; "meta" stands for a GPU."""

    def __init__(self, room: int = 1000, error: Exception | None = None) -> None:
        super().__init__()
        self.inner, self.where = Compact().eval(), torch.device("cpu")
        self.room, self.error = room, error
        self.heard: list[tuple[str, int]] = []

    def parameters(self, recurse=True):
        yield nn.Parameter(torch.zeros(1, device=self.where))

    def to(self, *where, **how):
        self.where = torch.device(where[0]) if where else self.where
        return self

    def forward(self, log_mel, lengths=None):
        self.heard.append((self.where.type, len(log_mel)))
        assert log_mel.device == self.where
        if self.where.type == "cpu":
            return self.inner(log_mel, lengths)
        if self.error is not None:
            raise self.error
        if len(log_mel) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore")
        return torch.arange(float(len(log_mel)))[:, None].expand(-1, 384)


@pytest.fixture
def encoder():
    def make(**how) -> AudioEncoder:
        model = MatchModel(ModelSpec("x", "compact"), ("audio",)).eval().requires_grad_(False)
        model.audio_tower = Gpu(**how)
        return AudioEncoder(model)

    return make


@pytest.fixture
def present(monkeypatch):
    """Let there be devices."""

    def be(**counts: int) -> None:
        monkeypatch.setattr(torch_setup, "_count", {"cpu": 1, "cuda": 0, "mps": 0, **counts}.get)

    return be


@pytest.mark.parametrize(
    ("counts", "found"),
    [({}, "cpu"), ({"cuda": 2}, "cuda"), ({"mps": 1}, "mps"), ({"cuda": 1, "mps": 1}, "cuda")],
)
def test_auto_is_a_gpu_where_there_is_one(present, counts, found):
    present(**counts)
    assert find_device() == find_device("auto") == found


def test_what_is_asked_for_is_found_where_it_is(present):
    present(cuda=2, mps=1)
    for wish in ("cpu", "cuda", "cuda:0", "cuda:1", "mps"):
        assert find_device(wish) == wish


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("tpu", "tpu is not a device: use auto, cuda, mps or cpu"),
        ("", "an empty name is not a device: use auto, cuda, mps or cpu"),
        ("cuda:", "cuda: is not a device"),
        ("cuda:x", "cuda:x is not a device"),
        ("cuda:-1", "cuda:-1 is not a device"),
        ("cpu:0", "cpu:0 is not a device"),
        ("cuda:2", "there is no cuda:2 here: the last such device is cuda:1"),
        ("mps", r"there is no Apple \(MPS\) device here for --device mps: use --device cpu"),
    ],
)
def test_what_is_not_here_is_told_in_a_sentence(present, wish, sentence):
    present(cuda=2)
    with pytest.raises(InputError, match=f"^{sentence}"):
        find_device(wish)


def test_torch_is_asked_what_is_here(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert find_device("cuda:2") == "cuda:2"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert find_device() == "mps"


def test_only_the_tower_leaves_the_cpu_and_features_come_back(encoder):
    audio_encoder = on_device(encoder(), "meta")
    log_mels = [audio_encoder.log_mel(np.zeros(n, np.float32)) for n in (32000, 16000)]
    assert {frames.device.type for frames in log_mels} == {"cpu"}
    features = audio_encoder.features(log_mels)
    assert (features.device.type, features.dtype) == ("cpu", torch.float32)
    assert audio_encoder.model.audio_tower.heard == [("meta", 2)]
    assert audio_encoder.model.device.type == "cpu"  # where what was heard is mapped
    assert in_best_precision(audio_encoder) is audio_encoder


def test_a_gpu_with_little_memory_hears_fewer_sounds_at_once_and_goes_on_so(encoder):
    audio_encoder = on_device(encoder(room=5), "meta")
    features = audio_encoder.features([torch.zeros(128, 40)] * 12)
    tower = audio_encoder.model.audio_tower
    assert [size for _, size in tower.heard] == [12, 6, 3, 3, 3, 3]
    assert features[:, 0].tolist() == [0.0, 1.0, 2.0] * 4
    tower.heard.clear()
    audio_encoder.features([torch.zeros(128, 40)] * 6)
    assert tower.heard == [("meta", 3)] * 2


@pytest.mark.parametrize(
    "how",
    [
        {"room": 0},
        {"error": NotImplementedError("The operator 'aten::x' is not implemented for MPS")},
        {"error": RuntimeError("CUDA error: no kernel image is available\nCompile with")},
    ],
    ids=["no room at all", "an operator is missing", "the device is too old"],
)
def test_what_a_gpu_cannot_do_the_cpu_does_with_the_same_features(encoder, how, caplog):
    sounds = [torch.randn(128, 40) for _ in range(20)]
    audio_encoder = on_device(encoder(**how), "meta")
    with caplog.at_level(logging.INFO):
        features = audio_encoder.features(sounds)
    tower = audio_encoder.model.audio_tower
    assert tower.heard[-2:] == [("cpu", 16), ("cpu", 4)]
    assert torch.equal(features, AudioEncoder(audio_encoder.model).features(sounds))
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(told) == 1
    assert told[0].startswith("meta failed, the CPU goes on: ")
    assert "\n" not in told[0]


def test_weights_that_came_back_can_be_trained(encoder):
    audio_encoder = on_device(encoder(room=0), "meta")
    moved: list[bool] = []
    tower = audio_encoder.model.audio_tower
    tower.to = lambda where: moved.append(torch.is_inference_mode_enabled()) or Gpu.to(tower, where)
    audio_encoder.features([torch.zeros(128, 40)])
    assert moved == [False]


def test_a_gpu_that_a_run_trains_on_is_not_left(encoder):
    audio_encoder = encoder(error=RuntimeError("CUDA error: out of patience"))
    audio_encoder.model.audio_tower.to("meta")
    with pytest.raises(RuntimeError, match="out of patience"):
        audio_encoder.features([torch.zeros(128, 40)])


def test_a_failure_on_the_cpu_stays_one(encoder):
    audio_encoder = on_device(encoder(), "cpu")
    with pytest.raises(RuntimeError, match="sizes"):
        audio_encoder.features([torch.zeros(3, 3, 40)])


def test_a_gpu_that_takes_the_model_and_gives_nothing_back_is_told(encoder):
    """As after an error that ends what the driver holds; of ``meta`` that is true."""
    model = MatchModel(ModelSpec("x", "compact"), ("audio",)).eval()
    audio_encoder = on_device(AudioEncoder(model), "meta")
    with pytest.raises(ModelError, match=r"the device meta failed \(.*\): try again with --device"):
        audio_encoder.features([torch.zeros(128, 40)])


def test_a_gpu_that_does_not_take_the_model_leaves_it_on_the_cpu(encoder, caplog):
    audio_encoder = encoder()
    tower = audio_encoder.model.audio_tower

    def to(where):
        Gpu.to(tower, where)
        if where != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory.")

    tower.to = to
    placed = on_device(audio_encoder, "meta")
    assert placed.device.type == "cpu"
    assert "meta cannot take the model" in caplog.text
    assert placed.features([torch.zeros(128, 40)]).shape == (1, 384)


def test_files_are_heard_on_the_device(encoder, sounds):
    audio_encoder = on_device(encoder(), "meta")
    paths = sorted(sounds.rglob("*.wav"))
    heard = dict(embed_files(audio_encoder, paths))
    assert {path: len(file.features) for path, file in heard.items()} == dict.fromkeys(paths, 1)
    tower = audio_encoder.model.audio_tower
    assert {device for device, _ in tower.heard} == {"meta"}
