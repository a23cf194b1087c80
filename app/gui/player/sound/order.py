"""What is to be played, and how: everything that is heard follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.audio.clip import Frames
from engine.audio.mix import Mix, mixed

SLOWEST, FASTEST = 0.25, 4.0
MOST_SEMITONES = 24.0
_LAYOUTS = {  # in the order of WAV files
    2: ("L", "R"),
    3: ("L", "R", "C"),
    4: ("L", "R", "Ls", "Rs"),
    5: ("L", "R", "C", "Ls", "Rs"),
    6: ("L", "R", "C", "LFE", "Ls", "Rs"),
    8: ("L", "R", "C", "LFE", "Lrs", "Rrs", "Ls", "Rs"),
}


@dataclass(frozen=True)
class Listening:
    """Which channels of a file are heard: all, their mean, middle or side; some muted, or alone."""

    mode: Mix = "all"
    muted: frozenset[int] = frozenset()
    alone: frozenset[int] = frozenset()

    def __call__(self, frames: Frames) -> Frames:
        """Return what is heard of (frames, channels); one channel is heard in the middle."""
        count = frames.shape[1]
        heard = list(self.heard(count))
        if len(heard) == 1 and self.alone and self.mode == "all":
            return frames[:, heard]
        if len(heard) < count:
            kept = np.zeros(count, np.float32)
            kept[heard] = 1.0
            frames = frames * kept
        if self.mode == "mono" and heard:
            frames = frames[:, heard]
        return mixed(frames, self.mode)

    def heard(self, count: int) -> tuple[int, ...]:
        """Return which of so many channels are heard."""
        alone = tuple(channel for channel in sorted(self.alone) if channel < count)
        return alone or tuple(channel for channel in range(count) if channel not in self.muted)


@dataclass(frozen=True)
class Order:
    """What to play: a file from a place, in seconds, and how.

    ``range_s`` bounds it, as does the file, and ``fades_s`` are how long it fades in and out at
    both; ``speed`` takes the pitch along, as tape does, unless that is kept; ``semitones`` move the
    pitch alone.  ``serial`` tells a new wish from an old one.
    """

    path: Path
    start_s: float = 0.0
    range_s: tuple[float, float] | None = None
    loop: bool = False
    reverse: bool = False
    speed: float = 1.0
    gain: float = 1.0
    serial: int = 0
    keeps_pitch: bool = False
    semitones: float = 0.0
    fades_s: tuple[float, float] = (0.0, 0.0)
    listening: Listening = Listening()

    def at(self, start_s: float) -> Order:
        """Return the same from another place."""
        return replace(self, start_s=start_s)

    @property
    def pitch(self) -> float:
        """Return how many semitones higher it sounds in all."""
        tape = 0.0 if self.keeps_pitch else 12 * float(np.log2(self.speed))
        return self.semitones + tape

    @property
    def is_tape(self) -> bool:
        """Return whether pitch and speed go together, so that nothing need be stretched."""
        return not self.semitones and (not self.keeps_pitch or self.speed == 1.0)


def channel_names(count: int) -> tuple[str, ...]:
    """Return what the channels of a file are called."""
    return _LAYOUTS.get(count) or tuple(str(number + 1) for number in range(count))
