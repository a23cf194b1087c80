"""How many sounds a device has room for, and what its failures say."""

from __future__ import annotations

from dataclasses import dataclass

import torch

_ON_CPU, _ON_GPU = 16, 64  # sounds at once


@dataclass
class Room:
    """How many sounds a device has room for at once; it is found out by filling it."""

    sounds: int | None = None

    def on(self, device: torch.device) -> int:
        """Return how many sounds to embed at once."""
        return self.sounds or (_ON_CPU if device.type == "cpu" else _ON_GPU)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether a device had too little memory."""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error)


def forget_cached_memory(device: torch.device) -> None:
    """Give back what torch keeps of a GPU's memory for later."""
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).empty_cache()


def first_line(error: Exception) -> str:
    """Return the first line of what went wrong on a device, which tells many."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
