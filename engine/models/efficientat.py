"""EfficientAT's mn04: the teacher of our compact tower, and an audio tower of its own.

The MobileNetV3 of *Efficient large-scale audio tagging via transformer-to-CNN knowledge
distillation* (Schmid et al., ICASSP 2023).  Modules carry the names of its authors' checkpoint
(``mn04_as_mAP_432.pt``), so that it loads unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from engine.models.encoders import AudioTowerEntry
from engine.models.layers import ConvNorm, SqueezeExcitation, pooled_features

FEATURES = 384


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
        return pooled_features(self.maps, log_mel, lengths)

    def logits(self, features: Tensor) -> Tensor:
        """Return AudioSet logits (b, 527) of pooled features (b, 384)."""
        logits: Tensor = self.classifier(features)
        return logits


TOWER = AudioTowerEntry(
    make=lambda spec: EfficientAt(),
    features=FEATURES,
    provenance="Audio tower by EfficientAT's authors (mn04_as_mAP_432.pt), unchanged",
    licence="Audio tower: EfficientAT, https://github.com/fschmid56/EfficientAT, MIT.",
)
