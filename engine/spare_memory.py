"""Memory that is free again, given back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Give back what was freed, between what is in use, too.

    glibc keeps it: after a model was loaded, that is as much as the model takes.  Other systems
    give it back on their own.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # else it is another C library
        trim(0)
