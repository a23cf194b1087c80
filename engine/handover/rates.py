"""Frames of a copy at another rate, in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.audio.facts import Frames
from engine.audio.resample import FOR_COPIES, Resampler

_BEHIND_S = 0.1  # of silence after the end, so that the filter's memory comes out


def at_rate(blocks: Iterator[Frames], source_hz: float, rate_hz: int) -> Iterator[Frames]:
    """Convert a rate, all channels alike.

    More than the sound comes out at its end: silence, which the caller cuts off.
    """
    source = round(source_hz)
    if source == rate_hz:
        yield from blocks
        return
    resampler = Resampler(source, rate_hz, FOR_COPIES)
    for block in _with_silence(blocks, source):
        made = resampler(block)
        if len(made):
            yield made


def _with_silence(blocks: Iterator[Frames], rate_hz: int) -> Iterator[Frames]:
    channels = 0
    for block in filter(len, blocks):
        channels = block.shape[1]
        yield block
    if channels:
        yield np.zeros((round(_BEHIND_S * rate_hz), channels), np.float32)
