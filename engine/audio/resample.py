"""Sound at another rate: the one resampler, FFmpeg's band-limited one, with a filter for each use.

A longer filter keeps more of what both rates can hold, and takes longer.  Of 44.1 kHz at 48 kHz,
where 20 kHz leave an image of -24 dB with FFmpeg's own (tests/engine/audio/test_resample.py):

=============== ========================== ===========================================
filter          image of 20 kHz            a stereo second takes, of one core
=============== ========================== ===========================================
AS_MODELS_HEAR  -24 dB                     0.9 ms
FOR_LISTENING   -92 dB                     1.0 ms
FOR_COPIES      -125 dB                    4 ms
=============== ========================== ===========================================
"""

from __future__ import annotations

from fractions import Fraction
from typing import NewType

import av
import av.error
import av.filter
import numpy as np

from engine.audio.facts import Frames

Filter = NewType("Filter", str)
# Embeddings of libraries were made with this one: with another, models would hear other sounds.
AS_MODELS_HEAR = Filter("")
FOR_LISTENING = Filter("filter_size=64:filter_type=kaiser:kaiser_beta=9:cutoff=0.985")
# Keeps what lies below 0.9 of half the lower rate within 1e-6.
FOR_COPIES = Filter("filter_size=256:filter_type=kaiser:kaiser_beta=12:cutoff=0.985")


class Resampler:
    """Converts a stream of frames, each channel by itself, so that any layout goes."""

    def __init__(self, source_hz: int, rate_hz: int, filter_: Filter) -> None:
        self._wanted = (source_hz, rate_hz, filter_)
        self._lanes: list[Lane] = []

    def __call__(self, frames: Frames, last: bool = False) -> Frames:
        """Return what the next frames give, (frames, channels); with ``last`` all that is left."""
        if not self._lanes:
            self._lanes = [Lane(*self._wanted) for _ in range(frames.shape[1])]
        made = [lane(samples, last) for lane, samples in zip(self._lanes, frames.T, strict=True)]
        return np.stack(made, axis=1)


class Lane:
    """Converts one channel."""

    def __init__(self, source_hz: int, rate_hz: int, filter_: Filter) -> None:
        self._source_hz, self._taken = source_hz, 0
        self._graph = av.filter.Graph()
        told = f"sample_rate={source_hz}:sample_fmt=fltp:channel_layout=mono"
        self._begin = self._graph.add("abuffer", f"{told}:time_base=1/{source_hz}")
        resample = self._graph.add("aresample", f"{rate_hz}:{filter_}".rstrip(":"))
        self._end = self._graph.add("abuffersink")
        self._begin.link_to(resample)
        resample.link_to(self._end)
        self._graph.configure()

    def __call__(self, samples: Frames, last: bool = False) -> Frames:
        """Return what some samples give, often fewer or more than they are."""
        if len(samples):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[None], np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = self._source_hz, self._taken
            frame.time_base = Fraction(1, self._source_hz)
            self._taken += len(samples)
            self._begin.push(frame)
        if last:
            self._begin.push(None)
        parts: list[Frames] = [np.zeros(0, np.float32)]
        while True:
            try:
                made = self._end.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return np.concatenate(parts)
            assert isinstance(made, av.AudioFrame)
            parts.append(made.to_ndarray()[0])
