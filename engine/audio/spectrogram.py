"""Spectrograms to look at: excerpts of a file on an axis of frequency, linear or mel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from engine.audio.clip import Clip
from engine.progress import Control, Progress

Shades = np.ndarray[Any, np.dtype[np.uint8]]
Scale = Literal["mel", "linear"]
_FRAME = 2048  # samples of one column
_RANGE_DB = 90.0
_SHORT_S = 30.0
_MEL_HZ = 700.0  # below which mel (HTK's) is nearly linear
_MARKS_HZ = (  # the most telling first
    *(1000, 10_000, 5000, 20_000, 2000, 500, 200, 40_000, 100, 15_000, 3000, 30_000, 8000),
)


def read_spectrogram(
    path: Path,
    start_s: float,
    end_s: float,
    columns: int,
    bands: int,
    control: Control,
    scale: Scale = "mel",
) -> Shades:
    """Return (bands, columns) levels of a file's mean channel, 255 = 0 dBFS, 0 = −90 dB.

    Bands go up from the bottom row, from 0 Hz to half the rate, evenly on the scale; a band has
    its highest level.  Each column is one Hann window in the middle of its stretch, so that any
    length takes the same time.

    :raises AudioError: the file cannot be read.
    :raises Cancelled: the user asked to stop.
    """
    with Clip(path) as clip:
        edges = np.linspace(start_s, end_s, columns + 1) * clip.rate_hz
        middles = ((edges[:-1] + edges[1:]) / 2).astype(int)
        window = np.hanning(_FRAME).astype(np.float32)
        spectra = np.zeros((columns, _FRAME // 2 + 1), np.float32)
        begin = max(0, int(edges[0]) - _FRAME)
        length = int(edges[-1]) + _FRAME - begin
        # a short stretch is read at once, of a long one only what is looked at
        whole = clip.read(begin, length) if length <= _SHORT_S * clip.rate_hz else None
        for column, middle in enumerate(middles):
            first = max(0, int(middle) - _FRAME // 2)
            if whole is None:
                block = clip.read(first, _FRAME).mean(axis=1)
            else:
                block = whole[first - begin : first - begin + _FRAME].mean(axis=1)
            filled = np.zeros(_FRAME, np.float32)
            filled[: len(block)] = block
            spectra[column] = np.abs(np.fft.rfft(filled * window)) * (4 / _FRAME)
            control.report(Progress("spectrogram", column + 1, columns))
        highest = clip.rate_hz / 2
    hertz = _hertz_at(np.linspace(0, 1, bands + 1), highest, scale)
    bins = hertz / highest * (_FRAME // 2)
    at, middle_bins = np.arange(_FRAME // 2 + 1), (bins[:-1] + bins[1:]) / 2
    between = np.stack([np.interp(middle_bins, at, spectrum) for spectrum in spectra], axis=1)
    within = np.maximum.reduceat(spectra, np.ceil(bins[:-1]).astype(int), axis=1).T
    holds_bin = np.ceil(bins[:-1]) < bins[1:]  # else the frequency lies between two bins
    rows = np.where(holds_bin[:, None], np.maximum(within, between), between)
    decibels = 20 * np.log10(np.maximum(rows, 1e-9))
    shades: Shades = np.clip(255 * (1 + decibels / _RANGE_DB), 0, 255).astype(np.uint8)
    return shades[::-1].copy()


def place_of(hertz: float, rate_hz: int, scale: Scale) -> float:
    """Return where a frequency is: 0 at the bottom of a spectrogram, 1 at the top."""
    highest = rate_hz / 2
    if scale == "linear":
        return hertz / highest
    return float(np.log1p(hertz / _MEL_HZ) / np.log1p(highest / _MEL_HZ))


def marks_of(rate_hz: int, scale: Scale, most: int) -> list[tuple[float, int]]:
    """Return places and frequencies in Hz for an axis, ``most`` at most, not too near together."""
    found: list[tuple[float, int]] = []
    apart = 1 / max(1, most)
    for hertz in _MARKS_HZ:
        place = place_of(hertz, rate_hz, scale)
        is_free = all(abs(place - other) >= apart for other, _ in found)
        if is_free and apart / 2 <= place <= 1 - apart / 2:
            found.append((place, hertz))
    return sorted(found)


def _hertz_at(places: Any, highest: float, scale: Scale) -> Any:
    if scale == "linear":
        return places * highest
    return _MEL_HZ * np.expm1(places * np.log1p(highest / _MEL_HZ))
