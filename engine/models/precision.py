"""Whether a tower computes in bfloat16: where that is faster, and says the same.

Processors with instructions for bfloat16 run convolutions and products of matrices up to twice as
fast in it; the others emulate it, many times slower.  Their names do not tell reliably: a short
measurement does.  Front end, norms and everything behind the towers stay in float32.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from engine.models.match_model import AudioEncoder, TextEncoder

_SOUNDS, _FRAMES, _RUNS = 4, 300, 3
_CAPTIONS = ("rain on a tin roof", "This is a sound of rain on a tin roof.")
_HOPELESS = 3.0  # times as slow in its first run: it is emulated
_WORTH = 0.95  # of the time in float32
_ALIKE = 0.999  # cosine of features in both precisions; seen: 0.9999

Encoder = TypeVar("Encoder", AudioEncoder, TextEncoder)


def in_best_precision(encoder: Encoder) -> Encoder:
    """Return the encoder in bfloat16 if its processor is faster so, else as it is.

    It takes a fifth of a second to find out, for an audio encoder, and a tenth for captions.
    """
    if encoder.device.type != "cpu" or encoder.precision != torch.float32:
        return encoder
    short, inputs = _in_bfloat16(encoder), _inputs(encoder)
    _timed(encoder, inputs)  # what comes first pays for what is set up
    whole_s, expected = _timed(encoder, inputs)
    first_s, read = _timed(short, inputs)
    alike = torch.nn.functional.cosine_similarity(read, expected, dim=1).min()
    if first_s > _HOPELESS * whole_s + 0.1 or float(alike) < _ALIKE:
        return encoder
    both = (short, encoder)  # in turns, as something else may take a processor's time
    runs = [[_timed(one, inputs)[0] for one in both] for _ in range(_RUNS)]
    short_s, whole_s = map(min, zip(*runs, strict=True))
    return short if short_s < _WORTH * whole_s else encoder


def _in_bfloat16(encoder: Encoder) -> Encoder:
    """Return an encoder with a tower in bfloat16; all but its large weights are shared."""
    model = encoder.model
    is_audio = isinstance(encoder, AudioEncoder)
    tower = cast(nn.Module, model.audio_tower if is_audio else model.text_tower)
    large = {id(weight) for layer in _large(tower) for weight in layer.parameters()}
    tensors = chain(model.parameters(), model.buffers())
    model = deepcopy(model, {id(kept): kept for kept in tensors if id(kept) not in large})
    tower = cast(nn.Module, model.audio_tower if is_audio else model.text_tower)
    for layer in _large(tower):
        layer.to(torch.bfloat16)
    return replace(encoder, model=model, precision=torch.bfloat16)


def _large(tower: nn.Module) -> list[nn.Module]:
    """Return the layers whose weights are worth converting."""
    return [layer for layer in tower.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def _inputs(encoder: AudioEncoder | TextEncoder) -> Sequence[Any]:
    """Return something to read."""
    if isinstance(encoder, TextEncoder):
        return _CAPTIONS
    generator = torch.Generator().manual_seed(0)
    bands = encoder.model.spec.front_end.mel_bands
    return list(torch.randn(_SOUNDS, bands, _FRAMES, generator=generator))


def _timed(encoder: AudioEncoder | TextEncoder, inputs: Sequence[Any]) -> tuple[float, Tensor]:
    began = time.perf_counter()
    features = encoder.features(inputs)
    return time.perf_counter() - began, features
