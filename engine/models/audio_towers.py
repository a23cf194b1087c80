"""Audio towers: log-mel frames in, pooled features out.

Two convolutional networks behind one call, ``tower(log_mel, lengths) -> features``:

* :class:`EfficientAt`, the MobileNetV3 of *Efficient large-scale audio tagging via
  transformer-to-CNN knowledge distillation* (Schmid et al., ICASSP 2023), whose modules
  carry the names of its authors' checkpoints;
* :class:`Compact`, a small residual network of our own that ships with the project.

Both give 384 features, so that projections, metric, text tower and bank fit either.
Batches of unequal clips are padded; every convolution that looks sideways sees zeros where
a clip has ended, exactly as it would at the edge of an unpadded clip, and pooling counts
real frames only.  Padding and batch composition therefore never change an embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

FEATURES = 384


def frame_mask(lengths: Tensor, frames: int) -> Tensor:
    """Return a (b, 1, 1, frames) mask that is 1 on each clip's first ``lengths`` frames."""
    steps = torch.arange(frames, device=lengths.device)
    return (steps[None, :] < lengths[:, None]).to(torch.float32)[:, None, None, :]


def masked_mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """Average (b, c, f, t) over frequency and real frames; return (b, c)."""
    if mask is None:
        return x.mean((2, 3), dtype=torch.float32)
    real = mask.sum((2, 3), dtype=torch.float32) * x.shape[2]
    return (x * mask.to(x.dtype)).sum((2, 3), dtype=torch.float32) / real


def pooled_features(
    tower: EfficientAt | Compact, log_mel: Tensor, lengths: Tensor | None
) -> Tensor:
    """Return pooled features (b, 384) of log-mels (b, bands, frames).

    :param lengths: (b,) real frames of each clip; None when none is padded.
    """
    mask = None if lengths is None else frame_mask(lengths, log_mel.shape[-1])
    maps, mask = tower.maps(log_mel, mask)
    return masked_mean(maps[-1], mask)


def by_length(tower: Callable[[Tensor], Tensor], log_mel: Tensor, lengths: Tensor | None) -> Tensor:
    """Apply ``tower`` to clips of one length at a time; return features in their order."""
    if lengths is None:
        return tower(log_mel)
    distinct = sorted(set(lengths.tolist()))
    if len(distinct) == 1:
        return tower(log_mel[..., : distinct[0]])
    rows: list[Tensor | None] = [None] * len(log_mel)
    for length in distinct:
        own = (lengths == length).nonzero()[:, 0].tolist()
        for row, features in zip(own, tower(log_mel[own][..., :length]), strict=True):
            rows[row] = features
    return torch.stack([row for row in rows if row is not None])


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation and (perhaps) an activation, aware of padding."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: type[nn.Module] | None = None,
        eps: float = 1e-3,
        momentum: float = 0.01,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=eps, momentum=momentum),
        ]
        if activation is not None:
            layers.append(activation(inplace=True))
        super().__init__(*layers)
        self.looks_sideways = kernel > 1
        self.stride = stride

    def run(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Apply the unit to (b, c, f, t); return the result and its mask."""
        if mask is not None and self.looks_sideways:
            x = x * mask.to(x.dtype)
        return self(x), mask if mask is None else mask[..., :: self.stride]


class SqueezeExcitation(nn.Module):
    """Scale channels by a gate computed from their mean (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def run(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return (b, c, f, t) gated; padded frames do not count."""
        gate = torch.sigmoid(self.fc2(torch.relu(self.fc1(masked_mean(x, mask)))))
        return x * gate[:, :, None, None]


class ConcurrentSqueezeExcitation(nn.Module):
    """The checkpoint's wrapper around its single, channel-wise squeeze-excitation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = _divisible(channels // 4)
        self.conc_se_layers = nn.ModuleList([SqueezeExcitation(channels, squeezed)])

    def run(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return (b, c, f, t) gated."""
        layer = self.conc_se_layers[0]
        assert isinstance(layer, SqueezeExcitation)
        return layer.run(x, mask)


def _divisible(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of 8, never losing more than a tenth (MobileNetV2's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


@dataclass(frozen=True)
class _Bottleneck:
    """One row of MobileNetV3-large's table, at width 1."""

    kernel: int
    expanded: int
    outputs: int
    gated: bool
    hard_swish: bool
    stride: int


_MOBILENET_V3_LARGE = (
    _Bottleneck(3, 16, 16, False, False, 1),
    _Bottleneck(3, 64, 24, False, False, 2),
    _Bottleneck(3, 72, 24, False, False, 1),
    _Bottleneck(5, 72, 40, True, False, 2),
    _Bottleneck(5, 120, 40, True, False, 1),
    _Bottleneck(5, 120, 40, True, False, 1),
    _Bottleneck(3, 240, 80, False, True, 2),
    _Bottleneck(3, 200, 80, False, True, 1),
    _Bottleneck(3, 184, 80, False, True, 1),
    _Bottleneck(3, 184, 80, False, True, 1),
    _Bottleneck(3, 480, 112, True, True, 1),
    _Bottleneck(3, 672, 112, True, True, 1),
    _Bottleneck(5, 672, 160, True, True, 2),
    _Bottleneck(5, 960, 160, True, True, 1),
    _Bottleneck(5, 960, 160, True, True, 1),
)


class InvertedResidual(nn.Module):
    """MobileNetV3's block: expand, depthwise, gate, project (Howard et al., ICCV 2019)."""

    def __init__(self, inputs: int, row: _Bottleneck, width: float) -> None:
        super().__init__()
        expanded, outputs = _divisible(row.expanded * width), _divisible(row.outputs * width)
        activation = nn.Hardswish if row.hard_swish else nn.ReLU
        layers: list[nn.Module] = []
        if expanded != inputs:
            layers.append(ConvNorm(inputs, expanded, 1, activation=activation))
        layers.append(
            ConvNorm(expanded, expanded, row.kernel, row.stride, expanded, activation=activation)
        )
        if row.gated:
            layers.append(ConcurrentSqueezeExcitation(expanded))
        layers.append(ConvNorm(expanded, outputs, 1))
        self.block = nn.Sequential(*layers)
        self.outputs = outputs
        self.residual = row.stride == 1 and inputs == outputs

    def run(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Apply the block to (b, c, f, t); return the result and its mask."""
        y = x
        for layer in self.block:
            if isinstance(layer, ConvNorm):
                y, mask = layer.run(y, mask)
            elif isinstance(layer, ConcurrentSqueezeExcitation):
                y = layer.run(y, mask)
        return (x + y if self.residual else y), mask


class EfficientAt(nn.Module):
    """EfficientAT's MobileNetV3 at a width; state-dict names are its authors'.

    The last stage has ``6 × _divisible(160 × width)`` channels: 384 at width 0.4 (mn04).
    """

    def __init__(self, width: float = 0.4, classes: int = 527) -> None:
        super().__init__()
        channels = _divisible(16 * width)
        layers: list[nn.Module] = [ConvNorm(1, channels, 3, 2, activation=nn.Hardswish)]
        for row in _MOBILENET_V3_LARGE:
            block = InvertedResidual(channels, row, width)
            layers.append(block)
            channels = block.outputs
        layers.append(ConvNorm(channels, 6 * channels, 1, activation=nn.Hardswish))
        self.features = nn.Sequential(*layers)
        hidden = _divisible(1280 * width)
        self.classifier = nn.Sequential(
            nn.Identity(),
            nn.Identity(),
            nn.Linear(6 * channels, hidden),
            nn.Hardswish(),
            nn.Identity(),
            nn.Linear(hidden, classes),
        )

    def maps(
        self, log_mel: Tensor, mask: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor | None]:
        """Return every stage's map (b, c, f, t), first to last, and the last one's mask."""
        x = log_mel[:, None]
        maps = []
        for layer in self.features:
            assert isinstance(layer, ConvNorm | InvertedResidual)
            x, mask = layer.run(x, mask)
            maps.append(x)
        return maps, mask

    def forward(self, log_mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return pooled features (b, 384); see :func:`pooled_features`."""
        return pooled_features(self, log_mel, lengths)

    def logits(self, features: Tensor) -> Tensor:
        """Return AudioSet logits (b, 527) of pooled features (b, 384)."""
        logits: Tensor = self.classifier(features)
        return logits


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
        return torch.relu(x + y), inner


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
        x = torch.relu(x + self.frequency_bias)
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
        return pooled_features(self, log_mel, lengths)
