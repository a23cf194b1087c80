"""What a file's header says of its sound, and what no recording can say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import AudioError
from engine.paths import why_no_file
from engine.roots import not_mounted, root_of

Frames = np.ndarray[Any, np.dtype[np.float32]]  # (frames, channels)
_HIGHEST_RATE_HZ, _MOST_CHANNELS = 384_000, 128
_LONG_S = 600.0
_FEWEST_BYTES_A_SECOND = 100.0  # even FLAC spends more on silence


@dataclass(frozen=True)
class AudioFacts:
    """What a file's header says; ``bits`` is None where the codec has no fixed depth."""

    duration_s: float
    rate_hz: int
    channels: int
    bits: int | None
    format: str


def refuse_unreadable(path: Path) -> None:
    """Tell in a sentence why a file cannot be opened.

    :raises AudioError: it is empty, not there, no regular file, or may not be read.
    """
    root = root_of(str(path))
    if root is not None:
        raise AudioError(f"{path.name} is not here: {not_mounted(root)}")
    try:
        if (other := why_no_file(path)) is not None:
            raise AudioError(f"{path.name} {other}, not a sound file")
        with path.open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{path.name} is empty")
    except FileNotFoundError:
        raise AudioError(f"{path.name} does not exist") from None
    except PermissionError:
        raise AudioError(f"{path.name} cannot be read: permission denied") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        said = getattr(error, "strerror", None) or error
        raise AudioError(f"{path.name} cannot be read: {said}") from None


def refuse_absurd(path: Path, facts: AudioFacts) -> None:
    """Refuse what no recording is: it would cost hours or all memory, and be no sound.

    :raises AudioError: it is so.
    """
    name = path.name
    if not 0 < facts.rate_hz <= _HIGHEST_RATE_HZ:
        most = _HIGHEST_RATE_HZ // 1000
        raise AudioError(f"{name} claims {facts.rate_hz} samples a second; {most} kHz is the most")
    if not 0 < facts.channels <= _MOST_CHANNELS:
        raise AudioError(
            f"{name} claims {facts.channels} channels; 1 to {_MOST_CHANNELS} can be read"
        )
    if not (math.isfinite(facts.duration_s) and facts.duration_s >= 0):
        raise AudioError(f"{name} claims an impossible length: its header is damaged")
    if is_thin(facts.duration_s, size := path.stat().st_size):
        rate, hours = size / facts.duration_s, facts.duration_s / 3600
        raise AudioError(
            f"{name} claims {hours:.0f} hours in {rate:.0f} bytes a second: its header is "
            "damaged, or it is empty"
        )


def is_thin(duration_s: float, size: int) -> bool:
    """Return whether so many bytes cannot hold a recording of this length."""
    return duration_s > _LONG_S and size < duration_s * _FEWEST_BYTES_A_SECOND
