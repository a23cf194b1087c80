"""What goes into a library and comes out of it, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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
class Header:
    """What a file says about its sound, beside the facts of :class:`FileFacts`.

    ``fields`` are all texts found, by name such as ``bext.description``, empty where there is one
    that cannot be read; ``category`` is a UCS CatID and ``category_words`` the words that stand for
    it.
    """

    description: str | None = None
    category: str | None = None
    category_words: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EmbeddedPart:
    """Windows of one sound, up to ``heard_s``.

    The last part has the hash, the true duration, and what could not be heard, if anything.
    """

    sound_id: int
    windows: Sequence[StoredWindow]
    heard_s: float
    content_hash: str = ""
    duration_s: float | None = None
    damage: str | None = None


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
    """What the library knows of a path it has seen; without a hash it is not wholly heard."""

    id: int
    size: int
    mtime_ns: int
    content_hash: str
    state: int
    heard_s: float
    has_header: bool


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
    """A sound as results show it; ``damage`` says what of it could not be heard."""

    id: int
    path: str
    duration_s: float
    rate_hz: int
    channels: int
    bits: int | None
    format: str
    missing: bool
    offline: bool = False
    description: str | None = None
    category: str | None = None
    damage: str | None = None


@dataclass(frozen=True)
class Statistics:
    """Counts of a library; ``hours`` are of sounds that are present."""

    sounds: int
    windows: int
    embedded: int
    missing: int
    offline: int
    skipped: int
    hours: float
    damaged: int = 0
