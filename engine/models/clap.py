"""CLAP's audio tower (HTSAT), through transformers.

Wu et al., *Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation*, ICASSP 2023; Chen et al., *HTS-AT*, ICASSP 2022.  The front
end is that of its feature extractor without fusion.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import InputError
from engine.models import panns
from engine.models.checkpoints import read_config, read_folder
from engine.models.encoders import AudioTowerEntry
from engine.models.layers import by_length
from engine.models.spec import ModelSpec
from engine.torch_setup import prepare_torchaudio

# Decibels of slaney's bands, as PANNs hears, at 48 kHz; short sounds are repeated.
FRONT_END = replace(panns.FRONT_END, rate_hz=48000, hop_samples=480, fill_s=10.0)
FEATURES = 768  # where its configuration says nothing else

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


def read_configs(folder: Path) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return CLAP's audio and text configurations and the width of its projections.

    :raises InputError: the folder has no ``config.json``, or one of a CLAP with fusion.
    """
    config = read_config(folder)
    audio = config.get("audio_config", config)
    audio = {k: v for k, v in audio.items() if isinstance(v, int | float | list | str | bool)}
    if audio.get("enable_fusion"):
        raise InputError(
            f"{folder} is a CLAP model with fusion: use one without, such as clap-htsat-unfused"
        )
    dropped = ("model_type", "transformers_version", "torch_dtype", "dtype", "_name_or_path")
    audio = {k: v for k, v in audio.items() if k not in dropped}
    return audio, dict(config.get("text_config", {})), int(config.get("projection_dim", 512))


def _read(folder: Path) -> dict[str, Tensor]:
    """Return the audio tower's weights of a folder with all of CLAP, or with that tower alone."""
    tensors, prefix = read_folder(folder), "audio_model."
    if not any(name.startswith(prefix) for name in tensors):
        prefix = ""
    own = {f"model.{n.removeprefix(prefix)}": t for n, t in tensors.items() if n.startswith(prefix)}
    return {n: t for n, t in own.items() if not n.startswith("model.text_")}


def _sized(spec: ModelSpec, folder: Path) -> ModelSpec:
    """Return a spec with the sizes that stand in a folder."""
    config = read_configs(folder)[0]
    front_end = replace(spec.front_end, mel_bands=config.get("num_mel_bins", 64))
    width = int(config.get("hidden_size", FEATURES))
    return replace(spec, front_end=front_end, features=width, tower_config=config)


TOWER = AudioTowerEntry(
    make=lambda spec: Htsat(spec.tower_config),
    features=FEATURES,
    provenance="Audio tower by CLAP's authors (laion/clap-htsat-unfused), unchanged",
    licence="Audio tower: CLAP, https://huggingface.co/laion/clap-htsat-unfused, Apache-2.0.",
    front_end=FRONT_END,
    read=_read,
    sized=_sized,
)
