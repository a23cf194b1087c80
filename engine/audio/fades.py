"""How a fade sounds: the same where a sound is played and where it is handed over."""

from __future__ import annotations

import numpy as np

from engine.arrays import Doubles


def equal_power(share: Doubles) -> Doubles:
    """Return the gain at shares of a fade, 0 at its silent end and 1 where it is over.

    It has equal power in the middle: a straight line would sag.
    """
    gain: Doubles = np.sin(0.5 * np.pi * np.clip(share, 0.0, 1.0))
    return gain
