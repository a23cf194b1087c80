"""What goes into a library and comes out of it, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FileFacts:
    """A sound file as the scan and the decoder saw it; times of change in nanoseconds."""

    path: str
    size: int
    mtime_ns: int
    content_hash: str
    duration_s: float
    rate_hz: int
    channels: int
    bits: int | None
    format: str


@dataclass(frozen=True)
class StoredWindow:
    """A window of a sound: seconds, features and mapped vector as float16 bytes, potential."""

    start_s: float
    end_s: float
    features: bytes
    vector: bytes
    potential: float


@dataclass(frozen=True)
class Known:
    """What the library knows of a path it has seen."""

    id: int
    size: int
    mtime_ns: int
    content_hash: str
    missing: bool


@dataclass(frozen=True)
class Skipped:
    """A file that could not be heard, and why; ``ctime_ns`` tells when to try again."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    reason: str


@dataclass(frozen=True)
class SoundRow:
    """A sound as results show it."""

    id: int
    path: str
    duration_s: float
    rate_hz: int
    channels: int
    bits: int | None
    format: str
    missing: bool


@dataclass(frozen=True)
class KeywordHit:
    """A sound whose name matches, and how well (higher is better)."""

    sound_id: int
    score: float


@dataclass(frozen=True)
class Statistics:
    """Counts of a library; ``hours`` are of sounds that are present."""

    sounds: int
    windows: int
    embedded: int
    missing: int
    skipped: int
    hours: float
