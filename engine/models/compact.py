"""Our own audio tower, which ships with the project: a small residual network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.models.encoders import AudioTowerEntry
from engine.models.layers import ConvNorm, SqueezeExcitation, pooled_features

FEATURES = 384  # as EfficientAT's, so that projections, metric, text tower and bank fit either


def _unit(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    activation: type[nn.Module] | None = None,
) -> ConvNorm:
    """Return a unit with PyTorch's usual normalisation, as the compact tower has it."""
    return ConvNorm(inputs, outputs, kernel, stride, activation=activation, eps=1e-5, momentum=0.1)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around a shortcut, with an optional channel gate."""

    def __init__(self, inputs: int, outputs: int, stride: int, gated: bool) -> None:
        super().__init__()
        self.first = _unit(inputs, outputs, 3, stride, nn.ReLU)
        self.second = _unit(outputs, outputs, 3)
        self.gate = SqueezeExcitation(outputs, max(16, outputs // 8)) if gated else None
        same = stride == 1 and inputs == outputs
        self.shortcut = None if same else _unit(inputs, outputs, 1, stride)

    def run(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Apply the block to (b, c, f, t); return the result and its mask."""
        y, inner = self.first.run(x, mask)
        y, inner = self.second.run(y, inner)
        if self.gate is not None:
            y = self.gate.run(y, inner)
        if self.shortcut is not None:
            x, _ = self.shortcut.run(x, mask)
        return torch.relu_(y.add_(x)), inner


class Compact(nn.Module):
    """Our shipped audio tower: a residual network on log-mel frames.

    A 7×7 stem takes four bands and four frames at a step, a learned bias tells each
    position its frequency (a spectrogram is not shift-invariant along it), then four stages
    of dense 3×3 convolutions at strides 4, 8, 16 and 32.  Dense convolutions, unlike the
    depthwise ones of mobile networks, run near the arithmetic limit of a desktop CPU.
    """

    def __init__(
        self,
        bands: int = 128,
        widths: tuple[int, ...] = (32, 64, 128, 256),
        depths: tuple[int, ...] = (2, 2, 2, 2),
    ) -> None:
        super().__init__()
        self.stem = _unit(1, widths[0], 7, 4)
        self.frequency_bias = nn.Parameter(torch.zeros(1, widths[0], -(-bands // 4), 1))
        inputs = widths[0]
        stages = []
        for index, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = []
            for step in range(depth):
                stride = 2 if index and not step else 1
                blocks.append(ResidualBlock(inputs, width, stride, gated=index > 0))
                inputs = width
            stages.append(nn.ModuleList(blocks))
        self.stages = nn.ModuleList(stages)
        self.head = nn.Conv2d(inputs, FEATURES, 1)

    def maps(
        self, log_mel: Tensor, mask: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor | None]:
        """Return the maps (b, c, f, t) at strides 4, 8, 16, 32 and of the head, and the mask."""
        x, mask = self.stem.run(log_mel[:, None], mask)
        x = torch.relu_(x.add_(self.frequency_bias.to(x.dtype)))
        maps = []
        for stage in self.stages:
            assert isinstance(stage, nn.ModuleList)
            for block in stage:
                assert isinstance(block, ResidualBlock)
                x, mask = block.run(x, mask)
            maps.append(x)
        maps.append(nn.functional.hardswish(self.head(x)))
        return maps, mask

    def forward(self, log_mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return pooled features (b, 384); see :func:`pooled_features`."""
        return pooled_features(self.maps, log_mel, lengths)


TOWER = AudioTowerEntry(
    make=lambda spec: Compact(spec.front_end.mel_bands),
    features=FEATURES,
    provenance="Audio tower trained from a random start by distillation",
    licence="Weights: Apache-2.0.",
)
