"""An audio tower as a newcomer would write it: one module, which a line of the registry names."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.models.encoders import AudioTowerEntry
from engine.models.layers import ConvNorm, frame_mask, masked_mean
from engine.models.spec import FrontEnd

FEATURES = 12


class Toy(nn.Module):
    """One convolution."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 1, bands, 1))
        self.layer = ConvNorm(1, FEATURES, 3, activation=nn.ReLU)

    def forward(self, log_mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        mask = None if lengths is None else frame_mask(lengths, log_mel.shape[-1])
        x, mask = self.layer.run(log_mel[:, None] + self.bias, mask)
        return masked_mean(x, mask)


TOWER = AudioTowerEntry(
    make=lambda spec: Toy(spec.front_end.mel_bands),
    features=FEATURES,
    provenance="Audio tower made for a test",
    licence="Audio tower: none.",
    front_end=FrontEnd(rate_hz=16000, high_hz=8000.0, mel_bands=32),
)
