"""Memory for arrays that are made again and again, such as those of every block of a sound."""

from __future__ import annotations

import math
import threading

import numpy as np

from engine.arrays import Floats

_LARGE = 1 << 20  # numbers that are not worth keeping memory for

_kept = threading.local()


def scratch(purpose: str, *shape: int) -> Floats:
    """Return memory for an array, with anything in it.

    A thread gets the same for a purpose until it asks again: new pages would take longer than the
    sums in them.  What is very large is not kept.
    """
    kept: dict[str, Floats] = _kept.__dict__
    numbers = math.prod(shape)
    if purpose not in kept or len(kept[purpose]) < numbers:
        memory: Floats = np.empty(numbers, np.float32)
        if numbers > _LARGE:
            return memory.reshape(shape)
        kept[purpose] = memory
    return kept[purpose][:numbers].reshape(shape)
