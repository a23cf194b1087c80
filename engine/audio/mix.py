"""Several channels as one."""

from __future__ import annotations

from typing import Literal

import numpy as np

from engine.audio.facts import Frames

Mix = Literal["all", "mono", "mid", "side"]


def mixed(frames: Frames, mix: Mix) -> Frames:
    """Return (frames, channels) as they are, or as one channel, shape (frames, 1).

    ``mono`` is the mean of all, ``mid`` and ``side`` are half the sum and half the difference of
    the first two.
    """
    if mix == "all" or frames.shape[1] == 1:
        return frames
    if mix == "mono":
        mean: Frames = frames.mean(axis=1, keepdims=True)
        return mean
    sign = np.float32(1 if mix == "mid" else -1)
    one: Frames = (frames[:, :1] + sign * frames[:, 1:2]) * np.float32(0.5)
    return one
