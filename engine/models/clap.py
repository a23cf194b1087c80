"""CLAP's audio tower (HTSAT), through transformers.

Wu et al., *Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation*, ICASSP 2023; Chen et al., *HTS-AT*, ICASSP 2022.  The front
end is that of its feature extractor without fusion.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from engine.models.panns import by_length
from engine.models.spec import FrontEnd
from engine.torch_setup import prepare_torchaudio

FRONT_END = FrontEnd(
    rate_hz=48000,
    preemphasis=0.0,
    fft_samples=1024,
    window_samples=1024,
    hop_samples=480,
    mel_bands=64,
    low_hz=50.0,
    high_hz=14000.0,
    log_offset=1e-10,
    shift=0.0,
    scale=0.2302585092994046,  # ln 10 / 10: values are decibels
    mel_scale="slaney",
    clamped=True,
    periodic=True,
    fill_s=10.0,
)


class Htsat(nn.Module):
    """``transformers.ClapAudioModel`` on log-mels; state-dict names are transformers'.

    :param config: what differs from ``ClapAudioConfig``'s defaults.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        prepare_torchaudio()
        from transformers import ClapAudioConfig, ClapAudioModel

        self.model = ClapAudioModel(ClapAudioConfig(**config))
        self.features = int(self.model.config.hidden_size)
        self.longest_frames = self.model.config.spec_size * (
            self.model.config.spec_size // self.model.config.num_mel_bins
        )

    def forward(self, log_mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return features (b, hidden_size) of log-mels (b, 64, frames).

        The network takes about ten seconds at most; what is longer is cut.
        """
        return by_length(self._features, log_mel, lengths)

    def _features(self, log_mel: Tensor) -> Tensor:
        frames = log_mel[:, None, :, : self.longest_frames].transpose(2, 3).contiguous()
        fused = torch.zeros(len(log_mel), 1, dtype=torch.bool, device=log_mel.device)
        features: Tensor = self.model(input_features=frames, is_longer=fused).pooler_output
        return features
