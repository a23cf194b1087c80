"""Samples as integers of a depth, which nothing is lost of that the depth can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.audio.facts import Frames

Integers = np.ndarray[Any, np.dtype[np.int32]]
_SEED = 17  # the same order gives the same file


class Quantiser:
    """Turns frames into integers of ``bits``, limited to full scale.

    With ``dither`` they are rounded with triangular noise of two steps, peak to peak (Lipshitz,
    Wannamaker, Vanderkooy: Quantization and Dither, JAES 1992).
    """

    def __init__(self, bits: int, dither: bool) -> None:
        self._full = 1 << (bits - 1)
        self._random = np.random.default_rng(_SEED) if dither else None

    def __call__(self, frames: Frames) -> Integers:
        """Return the next frames as integers."""
        scaled = frames.astype(np.float64) * self._full
        if self._random is not None:
            scaled += self._random.random(scaled.shape) - self._random.random(scaled.shape)
        limited: Integers = np.clip(np.rint(scaled), -self._full, self._full - 1).astype(np.int32)
        return limited


def little_endian(integers: Integers, bits: int) -> bytes:
    """Return integers as samples of 16 or 24 bits."""
    if bits == 16:
        return integers.astype("<i2").tobytes()
    four = np.ascontiguousarray(integers, "<i4").view(np.uint8).reshape(-1, 4)
    return four[:, :3].tobytes()
