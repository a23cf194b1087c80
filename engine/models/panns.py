"""PANNs' ResNet38, the paper's audio encoder.

Kong et al., *PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern
Recognition*, IEEE/ACM TASLP 2020.  Module names are those of its authors' checkpoint
(``ResNet38_mAP=0.434.pth``), so that it loads unchanged; their copies of window and mel
matrices are left out, because the front end makes its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.models.checkpoints import read_state
from engine.models.encoders import AudioTowerEntry
from engine.models.layers import frame_mask
from engine.models.spec import FrontEnd

FRONT_END = FrontEnd(
    rate_hz=32000,
    preemphasis=0.0,
    fft_samples=1024,
    window_samples=1024,
    hop_samples=320,
    mel_bands=64,
    low_hz=50.0,
    high_hz=14000.0,
    log_offset=1e-10,
    shift=0.0,
    scale=0.2302585092994046,  # ln 10 / 10: values are decibels
    mel_scale="slaney",
    clamped=True,
    periodic=True,
)
FEATURES = 2048
_UNUSED = ("spectrogram_extractor.", "logmel_extractor.")
_DEPTHS = (3, 4, 6, 3)
_FLOOR_DB = -100.0  # what digital silence is heard as
_FEWEST_FRAMES = 64  # below, pooling would leave nothing


class ConvBlock(nn.Module):
    """Two 3×3 convolutions with batch normalisation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return (b, outputs, t, f); ``mask`` (b, 1, t, 1) is 1 on real frames."""
        x = torch.relu(self.bn1(self.conv1(_hidden(x, mask))))
        return torch.relu(self.bn2(self.conv2(_hidden(x, mask))))


class BasicBlock(nn.Module):
    """A residual block whose stride is an average pooling before its first convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            pool = [nn.AvgPool2d(2)] if stride == 2 else []
            project = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.downsample = nn.Sequential(*pool, project, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return (b, outputs, t / stride, f / stride); ``mask`` is that of the result."""
        out = nn.functional.avg_pool2d(x, 2) if self.stride == 2 else x
        out = torch.relu(self.bn1(self.conv1(_hidden(out, mask))))
        out = nn.functional.dropout(out, 0.1, self.training)
        out = self.bn2(self.conv2(_hidden(out, mask)))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet38(nn.Module):
    """PANNs' ResNet38; features are its 2048-d embedding, after the first dense layer.

    :param config: with ``discarded_layers`` 2 in place of 1 the first dense layer goes, too, as
        in the paper: features are then the last map, averaged over frequency, its largest plus
        its mean over time.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, classes: int = 527) -> None:
        super().__init__()
        self.embeds = int((config or {}).get("discarded_layers", 1)) < 2
        self.bn0 = nn.BatchNorm2d(FRONT_END.mel_bands)
        self.conv_block1 = ConvBlock(1, 64)
        stages = {}
        inputs = 64
        for number, depth in enumerate(_DEPTHS):
            outputs = 64 << number
            strides = [2 if number else 1] + [1] * (depth - 1)
            blocks = []
            for stride in strides:
                blocks.append(BasicBlock(inputs, outputs, stride))
                inputs = outputs
            stages[f"layer{number + 1}"] = nn.Sequential(*blocks)
        self.resnet = nn.ModuleDict(stages)
        self.conv_block_after1 = ConvBlock(inputs, FEATURES)
        self.fc1 = nn.Linear(FEATURES, FEATURES)
        self.fc_audioset = nn.Linear(FEATURES, classes)

    def forward(self, log_mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return features (b, 2048) of log-mels (b, 64, frames).

        Of clips of unequal ``lengths`` (b,) every convolution sees zeros where one has ended, as
        it would at the edge of that clip alone, so that padding changes nothing.
        """
        mask = None
        if lengths is not None:
            silence = frame_mask(lengths, log_mel.shape[-1])[:, 0] == 0
            log_mel = log_mel.masked_fill(silence, _FLOOR_DB)
        missing = max(0, _FEWEST_FRAMES - log_mel.shape[-1])
        log_mel = nn.functional.pad(log_mel, (0, missing), value=_FLOOR_DB)
        if lengths is not None:
            frames = lengths.clamp(min=_FEWEST_FRAMES)
            mask = frame_mask(frames, log_mel.shape[-1]).transpose(2, 3).to(log_mel.dtype)
        x = self.bn0(log_mel[:, :, :, None]).permute(0, 3, 2, 1)  # (b, 1, t, f)
        x, mask = _halved(self.conv_block1(x, mask), mask)
        x = nn.functional.dropout(x, 0.2, self.training)
        for stage in self.resnet.values():
            assert isinstance(stage, nn.Sequential)
            for block in stage:
                mask = _halved_mask(mask) if block.stride == 2 else mask
                x = block(x, mask)
        x, mask = _halved(x, mask)
        x = nn.functional.dropout(x, 0.2, self.training)
        x = nn.functional.dropout(self.conv_block_after1(x, mask), 0.2, self.training)
        x = _most_and_mean(x.mean(3), None if mask is None else mask[..., 0])
        if not self.embeds:
            return x
        return torch.relu(self.fc1(nn.functional.dropout(x, 0.5, self.training)))


def _hidden(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return x with zeros for the frames that are not real."""
    return x if mask is None else x * mask.to(x.dtype)


def _halved_mask(mask: Tensor | None) -> Tensor | None:
    """Return the mask after pooling by two: an odd last frame is left out, as of a clip alone."""
    return None if mask is None else mask[:, :, 1::2]


def _halved(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    return nn.functional.avg_pool2d(x, 2), _halved_mask(mask)


def _most_and_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return maximum plus mean over the real frames of (b, c, t)."""
    if mask is None:
        return x.amax(2) + x.mean(2)
    mask = mask.to(x.dtype)
    return x.masked_fill(mask == 0, -torch.inf).amax(2) + (x * mask).sum(2) / mask.sum(2)


def _read(source: Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint, without what the front end makes itself."""
    return {n: t for n, t in read_state(source).items() if not n.startswith(_UNUSED)}


TOWER = AudioTowerEntry(
    make=lambda spec: ResNet38(spec.tower_config),
    features=FEATURES,
    provenance="Audio tower by PANNs' authors (ResNet38_mAP=0.434.pth), unchanged",
    licence="Audio tower: PANNs, https://zenodo.org/record/3987831, under the licence told there.",
    front_end=FRONT_END,
    read=_read,
    options=("discarded_layers",),
)
