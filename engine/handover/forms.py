"""As what a sound leaves: the original, or a file format at a rate and depth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from engine.errors import InputError

Kind = Literal["original", "wav", "flac", "aiff"]
DEFAULT_BITS = 24
FLOAT = 32  # a depth of 32 bits is always floating point
SUFFIXES: dict[Kind, str] = {"wav": ".wav", "flac": ".flac", "aiff": ".aif"}
DEPTHS: dict[Kind, tuple[int, ...]] = {"wav": (16, 24, FLOAT), "flac": (16, 24), "aiff": (16, 24)}
RATES_HZ = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
_LEAST_HZ, _MOST_HZ = 8_000, 384_000
_KINDS: dict[str, Kind] = {
    **{"original": "original", "wav": "wav", "bwf": "wav"},
    **{"flac": "flac", "aif": "aiff", "aiff": "aiff"},
}
_SPELLING = re.compile(r"([a-z]+)(\d+(?:\.\d+)?)?(?:/(\d+)f?)?", re.IGNORECASE)


@dataclass(frozen=True)
class Form:
    """A format; without a rate that of the source is kept, without a depth it is 24 bits.

    Every WAV file is a broadcast one, with a bext chunk.
    """

    kind: Kind = "original"
    rate_hz: int | None = None
    bits: int | None = None

    def __str__(self) -> str:
        """Return what :func:`parse_form` reads: ``wav48/24``."""
        rate = f"{self.rate_hz / 1000:g}" if self.rate_hz else ""
        return f"{self.kind}{rate}" + (f"/{self.bits}" if self.bits else "")

    @property
    def depth(self) -> int:
        """Return the bits of a sample; 32 are floating point."""
        return self.bits or DEFAULT_BITS


ORIGINAL, WAV = Form(), Form("wav")


def parse_form(text: str) -> Form:
    """Return the form that is meant by ``wav48/24``, ``bwf/32``, ``flac44.1`` or ``original``.

    :raises InputError: it is none.
    """
    match = _SPELLING.fullmatch(text.strip())
    kind = _KINDS.get(match[1].lower()) if match is not None else None
    if match is None or kind is None:
        raise InputError(
            f"{text} is no format: write original, wav, bwf, flac or aiff, with a rate and a "
            "depth if you like: wav48/24"
        )
    if kind == "original":
        if match[2] or match[3]:
            raise InputError("an original keeps its rate and depth: write wav48/24 to convert it")
        return ORIGINAL
    return Form(kind, _rate(text, match[2]), _bits(text, kind, match[3]))


def _rate(text: str, said: str | None) -> int | None:
    if said is None:
        return None
    rate_hz = round(float(said) * (1 if float(said) >= 1000 else 1000))
    if not _LEAST_HZ <= rate_hz <= _MOST_HZ:
        raise InputError(f"the rate of {text} must be from 8 to 384 kHz: write wav48/24")
    return rate_hz


def _bits(text: str, kind: Kind, said: str | None) -> int | None:
    if said is None:
        return None
    if int(said) not in DEPTHS[kind]:
        known = ", ".join(map(str, DEPTHS[kind][:-1])) + f" or {DEPTHS[kind][-1]}"
        raise InputError(f"the depth of {text} must be {known} bits")
    return int(said)
