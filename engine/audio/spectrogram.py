"""Spectrograms to look at: excerpts of a file on a logarithmic axis of frequency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.clip import Clip
from engine.progress import Control, Progress

Shades = np.ndarray[Any, np.dtype[np.uint8]]
_FRAME = 2048  # samples of one column
_LOWEST_HZ = 30.0
_RANGE_DB = 90.0


def read_spectrogram(
    path: Path, start_s: float, end_s: float, columns: int, bands: int, control: Control
) -> Shades:
    """Return (bands, columns) levels of a file's mean channel, 255 = 0 dBFS, 0 = −90 dB.

    Bands go up from the bottom row, from 30 Hz to half the rate, evenly in pitch.  Each column
    is one Hann window in the middle of its stretch, so that any length takes the same time.

    :raises AudioError: the file cannot be read.
    :raises Cancelled: the user asked to stop.
    """
    with Clip(path) as clip:
        edges = np.linspace(start_s, end_s, columns + 1) * clip.rate_hz
        middles = ((edges[:-1] + edges[1:]) / 2).astype(int)
        window = np.hanning(_FRAME).astype(np.float32)
        spectra = np.zeros((columns, _FRAME // 2 + 1), np.float32)
        for column, middle in enumerate(middles):
            block = clip.read(max(0, int(middle) - _FRAME // 2), _FRAME).mean(axis=1)
            filled = np.zeros(_FRAME, np.float32)
            filled[: len(block)] = block
            spectra[column] = np.abs(np.fft.rfft(filled * window)) * (4 / _FRAME)
            control.report(Progress("spectrogram", column + 1, columns))
        highest = clip.rate_hz / 2
        centres = np.geomspace(min(_LOWEST_HZ, highest / 2), highest, bands)
        bins = np.clip(centres / highest * (_FRAME // 2), 0, _FRAME // 2)
    at = np.arange(_FRAME // 2 + 1)
    rows = np.stack([np.interp(bins, at, spectrum) for spectrum in spectra], axis=1)
    decibels = 20 * np.log10(np.maximum(rows, 1e-9))
    shades: Shades = np.clip(255 * (1 + decibels / _RANGE_DB), 0, 255).astype(np.uint8)
    return shades[::-1].copy()
