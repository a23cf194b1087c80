"""What may stand in ``model.json``: every field's type and bounds, and how fields go together.

The bounds are far above what any model of these kinds needs and far below what would make a
computer run out of memory or time; :mod:`engine.models.trial` finds out about the rest.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 100
_MOST_OF_A_CONFIG = 200


@dataclass(frozen=True)
class Whole:
    """A whole number from ``low`` to ``high``."""

    low: int
    high: int

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if type(value) is int and self.low <= value <= self.high:
            return None
        return f"must be a whole number from {self.low} to {self.high}"

    def allows(self, value: Any) -> bool:
        """Return whether a value is one."""
        return self.problem(value) is None


@dataclass(frozen=True)
class Number:
    """A finite number from ``low`` to ``high``."""

    low: float
    high: float

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if type(value) in (int, float) and self.low <= value <= self.high:
            return None
        return f"must be a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Numbers:
    """At most ``most`` numbers."""

    most: int
    each: Number

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if not isinstance(value, list) or len(value) > self.most:
            return f"must be a list of at most {self.most} numbers"
        wrong = next(filter(None, map(self.each.problem, value)), None)
        return f"has a number that {wrong}" if wrong else None


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        return None if isinstance(value, bool) else "must be true or false"


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        return None if value in self.words else f"must be one of {', '.join(self.words)}"


@dataclass(frozen=True)
class Text:
    """Text that can be shown: of ``longest`` characters at most, none that steers a terminal."""

    longest: int
    pattern: str = ""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if not isinstance(value, str) or len(value) > self.longest:
            return f"must be text of at most {self.longest} characters"
        if not value.isprintable() and any(_steers(character) for character in value):
            return "holds characters that cannot be shown"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return "is not as Soundsift writes it"
        return None


@dataclass(frozen=True)
class Name:
    """A name that can be shown, and be that of a folder."""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if isinstance(value, str) and is_plain_name(value):
            return None
        return f"must be a plain name of at most {LONGEST_NAME} characters, no path"


@dataclass(frozen=True)
class Texts:
    """At most ``most`` texts."""

    most: int
    each: Text

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if not isinstance(value, list) or len(value) > self.most:
            return f"must be a list of at most {self.most} texts"
        wrong = next(filter(None, map(self.each.problem, value)), None)
        return f"has a text that {wrong}" if wrong else None


@dataclass(frozen=True)
class Hashes:
    """SHA-256 of some of a model's files."""

    names: tuple[str, ...]

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if not isinstance(value, dict) or not set(value) <= set(self.names):
            return f"must name no files but {' and '.join(self.names)}"
        wrong = next(filter(None, map(Text(64, "[0-9a-f]{64}").problem, value.values())), None)
        return f"has a hash that {wrong}" if wrong else None


@dataclass(frozen=True)
class Config:
    """A tower's sizes, as its authors name them: small numbers, words, and short lists of them."""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, if anything."""
        if not isinstance(value, dict) or len(value) > _MOST_OF_A_CONFIG:
            return f"must hold at most {_MOST_OF_A_CONFIG} sizes"
        for key, held in value.items():
            several = held if isinstance(held, list) else [held]
            if len(several) > _MOST_OF_A_CONFIG or not all(map(_is_small, [key, *several])):
                return f"has an invalid {_short(key)}"
        return None


Rule = Whole | Number | Numbers | Flag | Choice | Text | Name | Texts | Hashes | Config
_ABOVE_0 = 1e-12

BOUNDS: dict[str, dict[str, Rule]] = {
    "": {
        "name": Name(),
        "audio_tower": Text(50),
        "window_s": Number(0.1, 60),
        "hop_s": Number(0.05, 60),
        "features": Whole(1, 1 << 14),
        "hidden": Whole(1, 1 << 14),
        "dimensions": Whole(1, 1 << 13),
        "rank": Whole(1, 1 << 13),
        "bank": Texts(50_000, Text(2000)),
        "provenance": Text(10_000),
        "licences": Texts(100, Text(10_000)),
        "sha256": Hashes(("weights.safetensors", "tokenizer.json")),
        "audio_sha256": Text(64, "([0-9a-f]{64})?"),
        "tower_config": Config(),
        "base": Text(64, "[0-9a-f]*"),
        "exemplars": Whole(0, 100_000),
        "tags": Whole(0, 1 << 13),
        "tag_hidden": Whole(0, 1 << 14),
        "memory_texts": Whole(0, 100_000),
        "memory_sounds": Whole(0, 100_000),
        "filed_sounds": Whole(0, 100_000),
        "categories": Texts(10_000, Text(100)),
        "audible": Numbers((1 << 13) + 1, Number(-1e4, 1e4)),
    },
    "front_end": {
        "rate_hz": Whole(4000, 192_000),
        "preemphasis": Number(0, 1),
        "fft_samples": Whole(64, 1 << 14),
        "window_samples": Whole(16, 1 << 14),
        "hop_samples": Whole(16, 1 << 14),
        "mel_bands": Whole(8, 512),
        "low_hz": Number(0, 96_000),
        "high_hz": Number(1, 96_000),
        "log_offset": Number(1e-30, 1),
        "shift": Number(-1000, 1000),
        "scale": Number(1e-3, 1000),
        "mel_scale": Choice(("kaldi", "slaney", "htk")),
        "clamped": Flag(),
        "periodic": Flag(),
        "fill_s": Number(0, 60),
    },
    "text_encoder": {
        "vocabulary": Whole(1, 1 << 20),
        "width": Whole(1, 1 << 13),
        "layers": Whole(0, 100),
        "heads": Whole(1, 256),
        "inner_width": Whole(1, 1 << 15),
        "positions": Whole(1, 1 << 15),
        "longest_tokens": Whole(1, 4096),
        "pooling": Choice(("mean", "first", "pooler")),
        "segments": Whole(1, 16),
        "first_position": Whole(0, 16),
        "norm_epsilon": Number(_ABOVE_0 / 1000, 0.1),
    },
    "ranking": {
        "epsilon": Number(1e-6, 100),
        "cost_scale": Number(1e-6, 1e6),
        "blend": Number(0, 1),
        "query_potential": Number(-1e6, 1e6),
        "audio_query_potential": Number(-1e6, 1e6),
        "divider": Number(0, 1),
        "familiar": Number(0, 1),
        "own_blend": Number(0, 1),
    },
}


def is_plain_name(name: str) -> bool:
    """Return whether a model may be called so: it is shown, and names a folder on any system."""
    return (
        0 < len(name) <= LONGEST_NAME
        and name.isprintable()
        and name == name.strip().strip(".")
        and not set(name) & set('/\\:*?"<>|')
    )


def parse_json(data: bytes) -> Any:
    """Return what a JSON document says, of which nothing may be doubtful.

    :raises ValueError: it is no JSON, says something twice, is nested too deeply, or holds a
        number that is none.
    """
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def check_document(document: Mapping[str, Any]) -> None:
    """Check every field of ``model.json`` that is there.

    :raises ValueError: a field is out of its bounds, or fields do not go together.
    """
    for part, rules in BOUNDS.items():
        held = document.get(part) if part else document
        if not isinstance(held, Mapping):
            raise ValueError(f"{part} is missing, or is not an object")
        for field, value in held.items():
            rule = rules.get(field)
            wrong = rule.problem(value) if rule else None
            if wrong:
                name = f"{part}.{field}" if part else field
                given = "" if isinstance(value, list | dict) else f" (it is {_short(value)})"
                raise ValueError(f"{name} {wrong}{given}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    raise ValueError(f"it says {_short(twice)} twice")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _steers(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in "\n\t"


def _is_small(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return math.isfinite(value) and abs(value) <= 1e5 if abs(value) < 1e300 else False
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _short(value: Any) -> str:
    """Return a value as it may be shown, however long or strange it is."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    text = ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."
