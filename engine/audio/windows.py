"""Cut a stream of samples into the windows that are embedded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.audio.decode import Samples


@dataclass(frozen=True)
class Window:
    """A stretch of one sound: mono samples, and where in the file they are, in seconds."""

    start_s: float
    end_s: float
    samples: Samples


def windows(
    blocks: Iterable[Samples],
    rate_hz: int,
    window_s: float,
    hop_s: float,
    start_s: float = 0.0,
) -> Iterator[Window]:
    """Yield windows of ``window_s`` seconds every ``hop_s`` seconds.

    ``start_s`` is where in the file the blocks begin, a multiple of the hop.

    A sound no longer than one window is one window.  Of a longer one the last window may be
    shorter, but is always longer than the hop: every moment is heard, and none alone in a
    splinter.  Memory is bounded by a window and a block.
    """
    width, hop = round(window_s * rate_hz), round(hop_s * rate_hz)
    held = np.zeros(0, np.float32)
    start = round(start_s * rate_hz)
    for block in blocks:
        held = np.concatenate([held, block]) if len(held) else block
        while len(held) > width:
            yield _window(held[:width].copy(), start, rate_hz)
            held = held[hop:]
            start += hop
    if len(held) > (hop if start else 0):
        yield _window(held, start, rate_hz)


def _window(samples: Samples, start: int, rate_hz: int) -> Window:
    return Window(start / rate_hz, (start + len(samples)) / rate_hz, samples)
