"""What goes into a library and comes out of it, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.roots import root_of


@dataclass(frozen=True)
class FileFacts:
    """A sound file as the scan and the decoder saw it; times of change in nanoseconds.

    ``layout`` says what its channels are for (:mod:`engine.metadata.layouts`), empty if it does
    not say that.
    """

    path: str
    size: int
    mtime_ns: int
    content_hash: str
    duration_s: float
    rate_hz: int
    channels: int
    bits: int | None
    format: str
    layout: str = ""


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

    The last part has the hash, the true duration, what could not be heard, if anything, and how
    loud all of it is, if that was measured.
    """

    sound_id: int
    windows: Sequence[StoredWindow]
    heard_s: float
    content_hash: str = ""
    duration_s: float | None = None
    damage: str | None = None
    loudness: MeasuredLoudness | None = None


@dataclass(frozen=True)
class MeasuredLoudness:
    """Integrated loudness (LUFS), its range (LU; None of what is short), true peak (dBTP)."""

    lufs: float
    range_lu: float | None
    peak_db: float


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
class Marks:
    """What a user keeps of a sound: stars (0: none), a colour, a note, and the latest use.

    ``used_ns`` is when it was used last, None if it never was; ``project`` for what, if known.
    """

    stars: int = 0
    colour: str | None = None
    note: str = ""
    used_ns: int | None = None
    project: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values, the moment as ISO 8601 in UTC."""
        return {
            "stars": self.stars,
            "colour": self.colour,
            "note": self.note,
            "used": moment(self.used_ns) if self.used_ns is not None else None,
            "project": self.project,
        }


def moment(time_ns: int) -> str:
    """Return a moment as ISO 8601, in UTC."""
    return datetime.fromtimestamp(time_ns // 10**9, UTC).isoformat()


UNMARKED = Marks()


@dataclass(frozen=True)
class SoundRow:
    """A sound as results show it.

    ``damage`` says what of it could not be heard; ``lufs``, ``range_lu`` and ``peak_db`` are its
    :class:`MeasuredLoudness`, None until measured.  ``layout`` is that of :class:`FileFacts`, None
    until somebody has looked.  ``root`` is the indexed folder that it lies in,
    if any, and ``added_ns`` when the library first saw it.
    """

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
    lufs: float | None = None
    range_lu: float | None = None
    peak_db: float | None = None
    layout: str | None = ""
    marks: Marks = UNMARKED
    added_ns: int = 0
    root: str = ""

    def loudness_dict(self) -> dict[str, float | None]:
        """Return how loud it is as plain values, null where that was not measured."""
        return {"lufs": self.lufs, "range_lu": self.range_lu, "peak_db": self.peak_db}

    @property
    def not_mounted(self) -> str:
        """Return the name of its root if that is not mounted on this computer, or nothing."""
        return root_of(self.path) or ""

    @property
    def is_away(self) -> bool:
        """Return whether its drive is away, or was never here."""
        return self.offline or bool(self.not_mounted)

    @property
    def presence(self) -> str:
        """Return whether its file is ``present``, ``missing``, ``offline`` or ``not mounted``."""
        if self.not_mounted:
            return "not mounted"
        return "offline" if self.offline else "missing" if self.missing else "present"


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


@dataclass(frozen=True)
class Worker:
    """Who listens to a library on a server: the machine, since when, and how much it has heard.

    ``audio_s`` of sound took it ``busy_s``; ``at`` is how many sounds it is at.
    """

    name: str
    began_ms: int
    sounds: int
    audio_s: float
    busy_s: float
    at: int

    @property
    def rate(self) -> float:
        """Return how many seconds of sound it hears in one."""
        return self.audio_s / self.busy_s if self.busy_s else 0.0

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values, the moment as ISO 8601 in UTC."""
        return {
            "name": self.name,
            "since": moment(self.began_ms * 10**6),
            "sounds": self.sounds,
            "audio_s": self.audio_s,
            "rate": self.rate,
            "at": self.at,
        }


@dataclass(frozen=True)
class MarkCounts:
    """How many sounds of a library are starred, coloured, noted or used, whatever their state."""

    starred: int
    coloured: int
    noted: int
    used: int


@dataclass(frozen=True)
class Behind:
    """Why a copy near its user does not follow its server, and since when.

    ``at_s`` is when it showed what the server holds, in seconds since 1970; ``is_away`` whether the
    server does not answer, and not that it refuses something, or that this computer's disk is full.
    """

    why: str
    at_s: float
    is_away: bool

    def __str__(self) -> str:
        """Return that as a sentence."""
        at = datetime.fromtimestamp(self.at_s).astimezone().strftime("%Y-%m-%d %H:%M")
        return f"{self.why} (you see what this computer knew at {at})"

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON has it."""
        as_of = datetime.fromtimestamp(int(self.at_s), UTC).isoformat()
        return {"why": self.why, "as_of": as_of}
