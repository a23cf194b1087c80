"""Freed memory goes back to the system, where the system lets us tell it so."""

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.spare_memory import give_back

_STATUS = Path("/proc/self/status")
_BLOCK, _BLOCKS, _KEPT = 64 << 10, 2000, 100  # bytes: too small for pages of their own


def resident() -> int:
    """Return how many bytes of memory this process has."""
    (line,) = [row for row in _STATUS.read_text().splitlines() if row.startswith("VmRSS")]
    return int(line.split()[1]) << 10


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="this system gives memory back on its own",
)
def test_what_was_freed_between_what_is_in_use_is_given_back():
    give_back()  # of others
    blocks = [np.ones(_BLOCK, np.uint8) for _ in range(_BLOCKS)]
    full = resident()
    blocks = blocks[:: _BLOCKS // _KEPT]
    give_back()
    assert full - resident() > 0.8 * _BLOCK * (_BLOCKS - _KEPT)
    assert all(block.all() for block in blocks)


def test_where_nothing_can_be_given_back_nothing_happens(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    give_back()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(ctypes, "CDLL")
    give_back()
