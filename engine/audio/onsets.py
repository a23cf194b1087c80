"""Where something is struck: sudden rises of energy in a stream of frames."""

from __future__ import annotations

from collections import deque

import numpy as np

from engine.audio.facts import Frames

_HOP_S = 0.0025
_BEFORE = 12  # hops that a rise is measured against
_RISE = 8.0  # of the energy of differences, in which slow movement counts little
_LEAST = 1e-7  # mean square; quieter ones are no onsets
_APART_S = 0.05
_EDGE = 0.25  # of the highest difference in its hop, at which an onset begins


class Onsets:
    """Listens to consecutive blocks of any length; places are frames from the first one on."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._hop = max(1, round(_HOP_S * rate_hz))
        self._apart = _APART_S * rate_hz
        self._rest: Frames = np.zeros(0, np.float32)
        self._before: Frames = np.zeros((1, channels), np.float32)
        self._energies = deque([0.0] * _BEFORE, _BEFORE)
        self._found: deque[float] = deque()
        self._latest = -np.inf
        self.heard = 0  # up to here it is known where onsets are

    def listen(self, frames: Frames) -> None:
        """Listen to more."""
        if not len(frames):
            return
        moved = np.abs(np.diff(frames, axis=0, prepend=self._before)).max(axis=1)
        self._before = frames[-1:].copy()
        samples = np.concatenate([self._rest, moved])
        count = len(samples) // self._hop
        self._rest = samples[count * self._hop :]
        hops = samples[: count * self._hop].reshape(count, self._hop)
        for number, energy in enumerate(np.mean(hops * hops, axis=1).tolist()):
            place = self.heard + number * self._hop
            least = max(_LEAST, _RISE * sum(self._energies) / _BEFORE)
            if energy > least and place - self._latest > self._apart:
                hop = hops[number]
                self._latest = place + int(np.argmax(hop >= _EDGE * hop.max()))
                self._found.append(self._latest)
            self._energies.append(energy)
        self.heard += count * self._hop

    def first(self, start: float, stop: float) -> float | None:
        """Return the first onset between two places, and forget those before; None without one."""
        while self._found and self._found[0] < start:
            self._found.popleft()
        if self._found and self._found[0] < stop:
            return self._found[0]
        return None
