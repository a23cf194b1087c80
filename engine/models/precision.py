"""Whether sounds are heard in bfloat16: where that is faster, and hears the same.

Processors with instructions for bfloat16 run the towers' convolutions up to twice as fast in
it; the others emulate it, many times slower.  Their names do not tell reliably: a short
measurement does.  Weights, front end and everything behind the towers stay in float32.
"""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from engine.models.match_model import AudioEncoder

_SOUNDS, _FRAMES, _RUNS = 4, 300, 3
_HOPELESS = 3.0  # times as slow in its first run: it is emulated
_WORTH = 0.95  # of the time in float32
_ALIKE = 0.999  # cosine of features in both precisions; seen: 0.9999


def in_best_precision(audio_encoder: AudioEncoder) -> AudioEncoder:
    """Return the encoder in bfloat16 if its processor is faster so, else as it is.

    It takes a fifth of a second to find out.
    """
    model = audio_encoder.model
    if audio_encoder.device.type != "cpu":
        return audio_encoder
    generator = torch.Generator().manual_seed(0)
    bands = model.spec.front_end.mel_bands
    sounds = list(torch.randn(_SOUNDS, bands, _FRAMES, generator=generator))
    short = _in_bfloat16(audio_encoder)
    _timed(audio_encoder, sounds)  # what comes first pays for what is set up
    whole_s, expected = _timed(audio_encoder, sounds)
    first_s, heard = _timed(short, sounds)
    alike = torch.nn.functional.cosine_similarity(heard, expected, dim=1).min()
    if first_s > _HOPELESS * whole_s + 0.1 or float(alike) < _ALIKE:
        return audio_encoder
    both = (short, audio_encoder)  # in turns, as something else may take a processor's time
    runs = [[_timed(encoder, sounds)[0] for encoder in both] for _ in range(_RUNS)]
    short_s, whole_s = map(min, zip(*runs, strict=True))
    return short if short_s < _WORTH * whole_s else audio_encoder


def _in_bfloat16(audio_encoder: AudioEncoder) -> AudioEncoder:
    """Return an encoder with a tower in bfloat16, whose large weights are converted once."""
    model = deepcopy(audio_encoder.model)
    for layer in cast(nn.Module, model.audio_tower).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.to(torch.bfloat16)
    return replace(audio_encoder, model=model, precision=torch.bfloat16)


def _timed(audio_encoder: AudioEncoder, sounds: list[Tensor]) -> tuple[float, Tensor]:
    began = time.perf_counter()
    features = audio_encoder.features(sounds)
    return time.perf_counter() - began, features
