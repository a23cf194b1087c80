"""CLAP's audio tower (HTSAT), through transformers.

Wu et al., *Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation*, ICASSP 2023; Chen et al., *HTS-AT*, ICASSP 2022.  The front
end is that of its feature extractor without fusion.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from engine.models import panns
from engine.models.audio_towers import by_length
from engine.torch_setup import prepare_torchaudio

# Decibels of slaney's bands, as PANNs hears, at 48 kHz; short sounds are repeated.
FRONT_END = replace(panns.FRONT_END, rate_hz=48000, hop_samples=480, fill_s=10.0)

_SIZES = (
    *("window_size", "num_mel_bins", "spec_size", "hidden_act", "patch_size", "patch_stride"),
    *("num_classes", "hidden_size", "projection_dim", "depths", "num_attention_heads"),
    *("enable_fusion", "hidden_dropout_prob", "fusion_type", "patch_embed_input_channels"),
    *("flatten_patch_embeds", "patch_embeds_hidden_size", "enable_patch_layer_norm"),
    *("drop_path_rate", "attention_probs_dropout_prob", "qkv_bias", "mlp_ratio", "aff_block_r"),
    *("num_hidden_layers", "projection_hidden_act", "layer_norm_eps", "initializer_factor"),
)


def sizes_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return what describes the network, without what would tell transformers to load code."""
    return {name: value for name, value in config.items() if name in _SIZES}


class Htsat(nn.Module):
    """``transformers.ClapAudioModel`` on log-mels; state-dict names are transformers'.

    :param config: what differs from ``ClapAudioConfig``'s defaults.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        prepare_torchaudio()
        from transformers import ClapAudioConfig, ClapAudioModel

        self.model = ClapAudioModel(ClapAudioConfig(**sizes_of(config)))
        self.features = int(self.model.config.hidden_size)
        self.longest_frames = self.model.config.spec_size * (
            self.model.config.spec_size // self.model.config.num_mel_bins
        )

    def forward(self, log_mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return features (b, hidden_size) of log-mels (b, 64, frames).

        The network takes about ten seconds at most; what is longer is cut.  The front end fills
        what is shorter up to ten, so that sounds are of one length, but for a few frames.
        """
        if lengths is not None:
            lengths = lengths.clamp(max=self.longest_frames)
        return by_length(self._features, log_mel[..., : self.longest_frames], lengths)

    def _features(self, log_mel: Tensor) -> Tensor:
        frames = log_mel[:, None].transpose(2, 3).contiguous()
        fused = torch.zeros(len(log_mel), 1, dtype=torch.bool, device=log_mel.device)
        features: Tensor = self.model(input_features=frames, is_longer=fused).pooler_output
        return features
