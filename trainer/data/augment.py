"""Augmentation of log-mel frames: crop, stretch, shift, filter, gain, mix and mask.

Everything happens on mel power, where two sounds at once are (nearly) the sum of their
powers, so that no waveform is needed: one cached spectrogram gives endless new scenes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.models.frontend import mel_power, normalised
from engine.models.spec import FrontEnd
from engine.torch_setup import prepare_torchaudio
from trainer.data.cache import Cache

_DB = np.log(10.0) / 10.0


@dataclass(frozen=True)
class Mixing:
    """How scenes are made; gains in dB, shifts in mel bands."""

    second_probability: float = 0.6
    third_probability: float = 0.2
    relative_gain_db: tuple[float, float] = (-4.0, 7.0)  # mean and deviation
    gain_db: tuple[float, float] = (-18.0, 6.0)
    filter_db: float = 4.0
    filter_knots: int = 7
    warp_probability: float = 0.4
    speed: tuple[float, float] = (0.75, 1.33)
    shift_bands: int = 6
    tile_probability: float = 0.5


@dataclass(frozen=True)
class SpecAugment:
    """How training sounds are changed on the device; 0 switches a change off.

    ``gain_db`` is the largest gain either way, ``filter_db`` the deviation of a smooth curve
    over frequency; masks are SpecAugment's (Park et al., Interspeech 2019), at most so many
    bands high and frames long.
    """

    gain_db: float = 6.0
    filter_db: float = 3.0
    mask_bands: int = 16
    mask_frames: int = 64
    filter_knots: int = 7


def augmented(log_mel: Tensor, front_end: FrontEnd, augment: SpecAugment) -> Tensor:
    """Return log-mels (b, bands, frames) changed at random, where they are, with torch's seed."""
    d, (batch, bands, _) = augment, log_mel.shape
    if d.gain_db or d.filter_db:
        gain_db = torch.empty(batch, 1, 1).uniform_(-d.gain_db, d.gain_db)
        change = gain_db + _curve(d.filter_db * torch.randn(batch, 1, d.filter_knots), bands)
        power = mel_power(log_mel, front_end) * torch.exp(change * float(_DB)).to(log_mel)
        log_mel = normalised(power, front_end)
    prepare_torchaudio()
    from torchaudio.functional import mask_along_axis

    for length, axis in ((d.mask_bands, 1), (d.mask_frames, 2)):
        if length:
            log_mel = mask_along_axis(log_mel, length, front_end.floor, axis, 0.3)
    return log_mel


def _curve(knots: Tensor, bands: int) -> Tensor:
    """Return smooth curves (b, bands, 1) through ``knots`` (b, 1, n)."""
    line = torch.nn.functional.interpolate(knots, bands, mode="linear", align_corners=True)
    return line.transpose(1, 2)


def scenes(
    caches: list[Cache],
    front_end: FrontEnd,
    mixing: Mixing,
    rng: np.random.Generator,
    batch: int,
    frames: int,
) -> Tensor:
    """Return ``batch`` new scenes as normalised log-mels, shape (batch, bands, frames)."""
    totals = np.array([len(cache.lengths) for cache in caches])
    power = _layer(caches, totals, front_end, mixing, rng, np.arange(batch), frames)
    for probability in (mixing.second_probability, mixing.third_probability):
        rows = np.flatnonzero(rng.random(batch) < probability)
        if len(rows):
            gain = rng.normal(*mixing.relative_gain_db, len(rows)) * _DB
            layer = _layer(caches, totals, front_end, mixing, rng, rows, frames)
            power[rows] += layer * torch.from_numpy(np.exp(gain)).float()[:, None, None]
    gain = rng.uniform(*mixing.gain_db, batch) * _DB
    power *= torch.from_numpy(np.exp(gain)).float()[:, None, None]
    return normalised(power, front_end)


def _layer(
    caches: list[Cache],
    totals: np.ndarray,
    front_end: FrontEnd,
    mixing: Mixing,
    rng: np.random.Generator,
    rows: np.ndarray,
    frames: int,
) -> Tensor:
    """Return one crop for each of ``rows`` as filtered mel power, (rows, bands, frames)."""
    crops = np.full((len(rows), frames, front_end.mel_bands), front_end.floor, np.float16)
    for row in range(len(rows)):
        pick = int(rng.integers(totals.sum()))
        which = int(np.searchsorted(np.cumsum(totals), pick, side="right"))
        clip = caches[which].clip(pick - int(totals[:which].sum()))
        _crop(crops[row], clip, mixing, rng)
    power = mel_power(torch.from_numpy(crops).float(), front_end).transpose(1, 2)
    knots = rng.normal(0.0, mixing.filter_db, (len(rows), 1, mixing.filter_knots)) * _DB
    return power * _curve(torch.from_numpy(knots).float(), front_end.mel_bands).exp()


def _crop(out: np.ndarray, clip: np.ndarray, mixing: Mixing, rng: np.random.Generator) -> None:
    """Fill ``out`` (frames, bands) with a crop of ``clip``, perhaps stretched and shifted."""
    frames, bands = out.shape
    warped = rng.random() < mixing.warp_probability
    speed = float(np.exp(rng.uniform(*np.log(mixing.speed)))) if warped else 1.0
    shift = int(rng.integers(-mixing.shift_bands, mixing.shift_bands + 1)) if warped else 0
    span = int(frames * speed)
    if len(clip) > span:
        start = int(rng.integers(len(clip) - span + 1))
        at, length = 0, frames
    elif rng.random() < mixing.tile_probability:
        start, at, length = 0, 0, frames
    else:
        start, length = 0, min(frames, max(1, int(len(clip) / speed)))
        at = int(rng.integers(frames - length + 1))
    steps = (start + np.arange(length) * speed).astype(np.int64) % len(clip)
    crop = (
        clip[steps]
        if warped or steps[-1] != steps[0] + length - 1
        else clip[start : start + length]
    )
    if shift > 0:
        out[at : at + length, shift:] = crop[:, : bands - shift]
    else:
        out[at : at + length, : bands + shift] = crop[:, -shift:]
