"""Which part of a sound is in view."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """What is in view: seconds across so many pixels."""

    start_s: float = 0.0
    end_s: float = 0.0
    width: int = 1

    def x(self, seconds: float) -> float:
        """Return where a place is."""
        return (seconds - self.start_s) / max(1e-9, self.end_s - self.start_s) * self.width

    def seconds(self, x: float) -> float:
        """Return which place is somewhere."""
        return self.start_s + x / max(1, self.width) * (self.end_s - self.start_s)
