"""Whether sounds are heard in bfloat16: where that is faster, and hears the same.

Processors with instructions for bfloat16 run the towers' convolutions up to twice as fast in
it; the others emulate it, many times slower.  Their names do not tell reliably: a short
measurement does.  Weights, front end and everything behind the towers stay in float32.
"""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor

from engine.models.match_model import AudioEncoder

_SOUNDS, _FRAMES, _RUNS = 4, 300, 3
_HOPELESS = 3.0  # times as slow in its first run: it is emulated
_WORTH = 0.85  # of the time in float32
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
    short = replace(audio_encoder, precision=torch.bfloat16)
    _timed(audio_encoder, sounds)  # what comes first pays for what is set up
    whole_s, expected = min((_timed(audio_encoder, sounds) for _ in range(_RUNS)), key=_seconds)
    first_s, heard = _timed(short, sounds)
    alike = torch.nn.functional.cosine_similarity(heard, expected, dim=1).min()
    if first_s > _HOPELESS * whole_s + 0.1 or float(alike) < _ALIKE:
        return audio_encoder
    short_s, _ = min((_timed(short, sounds) for _ in range(_RUNS)), key=_seconds)
    return short if short_s < _WORTH * whole_s else audio_encoder


def _timed(audio_encoder: AudioEncoder, sounds: list[Tensor]) -> tuple[float, Tensor]:
    began = time.perf_counter()
    features = audio_encoder.features(sounds)
    return time.perf_counter() - began, features


def _seconds(run: tuple[float, Tensor]) -> float:
    return run[0]
