"""Frames between the thread that feeds and the callback that plays."""

from __future__ import annotations

import threading

import numpy as np

from engine.audio.clip import Frames


class Ring:
    """A ring of (frames, channels) float32; ``written`` and ``taken`` count from the beginning."""

    def __init__(self, frames: int, channels: int) -> None:
        self._frames: Frames = np.zeros((frames, channels), np.float32)
        self._lock = threading.Lock()  # held for a copy at most
        self.written = self.taken = 0

    @property
    def room(self) -> int:
        """Return how many frames can be written."""
        return len(self._frames) - (self.written - self.taken)

    def write(self, block: Frames) -> None:
        """Append frames, for which there must be room."""
        with self._lock:
            places = np.arange(self.written, self.written + len(block)) % len(self._frames)
            self._frames[places] = block
            self.written += len(block)

    def take(self, out: Frames) -> int:
        """Fill ``out`` with what waits, and silence; return how many frames waited."""
        with self._lock:
            size = len(self._frames)
            count = min(len(out), self.written - self.taken)
            first = self.taken % size
            before = min(count, size - first)
            out[:before] = self._frames[first : first + before]
            out[before:count] = self._frames[: count - before]
            self.taken += count
        out[count:] = 0.0
        return count

    def switch(self, block: Frames, fade: int) -> int:
        """Let other frames follow at once, while those that wait fade out under them.

        Return where the first of them is.
        """
        with self._lock:
            size = len(self._frames)
            keep = min(fade, self.written - self.taken, len(block))
            places = np.arange(self.taken, self.taken + len(block)) % size
            under = self._frames[places[:keep]]
            self._frames[places] = block
            self._frames[places[:keep]] += (
                under * np.linspace(1, 0, keep, dtype=np.float32)[:, None]
            )
            self.written = self.taken + len(block)
            return self.taken

    def cut(self, fade: int) -> None:
        """Drop what waits but for a short fade, so that stopping does not click."""
        with self._lock:
            keep = min(fade, self.written - self.taken)
            places = np.arange(self.taken, self.taken + keep) % len(self._frames)
            self._frames[places] *= np.linspace(1, 0, keep, dtype=np.float32)[:, None]
            self.written = self.taken + keep
