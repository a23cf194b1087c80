"""How loud a sound is, moment by moment: momentary loudness by ITU-R BS.1770-4, EBU Tech 3341."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.arrays import Doubles
from engine.audio.loudness import SILENT_LUFS, metered
from engine.progress import Control


@dataclass(frozen=True, eq=False)
class LoudnessCurve:
    """Momentary loudness in LUFS, of the 400 ms around ``first_s`` and each ``step_s`` later."""

    lufs: Doubles
    first_s: float = 0.2
    step_s: float = 0.1


def read_loudness(path: Path, control: Control) -> LoudnessCurve:
    """Return the momentary loudness of a file; of one shorter than 400 ms, a single value.

    :raises AudioError: it cannot be read.
    :raises Cancelled: the user asked to stop.
    """
    meter = metered(path, control)
    curve = meter.momentary if len(meter.momentary) else np.array([meter.loudness().lufs])
    return LoudnessCurve(np.maximum(SILENT_LUFS, curve))
