"""The filters of the search grammar, a row each: how it is written, what it asks for, what fits.

The search bar's menu, its chips and its completion read :data:`FILTERS`; what a filter can ask of
the sounds are the conditions of :mod:`engine.store.conditions`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import InputError
from engine.metadata.ucs_names import categories
from engine.paths import spelled_out
from engine.store.conditions import (
    Category,
    Collection,
    Coloured,
    Field,
    Folder,
    Format,
    Layout,
    Noted,
    Plain,
    Range,
    Region,
    Tag,
    Used,
    Words,
)
from engine.store.listing import Facets
from engine.store.marks import COLOURS, MOST_STARS, colour_named
from engine.store.words import search_words

_NUMBER = re.compile(r"([-−]?)(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_SPAN = re.compile(
    r"([-−]?\d+(?:\.\d+)?\s*[A-Za-z]*)\s*(?:\.\.|-)\s*([-−]?\d.*)"
)  # -30--20, -30..-20
_SEPARATORS = re.compile(r"[/\\]" if os.sep == "\\" else "/")
_DAY_NS = 86_400 * 10**9
_SECONDS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0}
_HERTZ = {"": 1.0, "hz": 1.0, "k": 1000.0, "khz": 1000.0}
_DECIBELS = {"": 1.0, "db": 1.0, "lu": 1.0, "lufs": 1.0, "dbtp": 1.0}
_SIGNED: frozenset[Field] = frozenset({"lufs", "peak_db"})  # fields whose numbers may be negative
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.25}
_CHANNELS = {"mono": "1", "stereo": "2"}
_MEANT = {"quad": 4, "5.1": 6, "7.1": 8}  # by so many channels, where a file says nothing
_LAYOUT = re.compile(r"quad|\d\.\d(\.\d)?( wide)?|ambisonic( \d+)?")
_NEAR_LU = 0.5


@dataclass(frozen=True)
class Token:
    """A word, a phrase or a filter as it was written; ``key`` stands before the colon, if any."""

    text: str
    key: str = ""
    value: str = ""
    negated: bool = False
    quoted: bool = False

    def wrong(self) -> InputError:
        """Return that a filter is not understood, with a right one."""
        return InputError(f"{self.text} is not understood: write {FILTERS[self.key].example}")


Asks = Callable[[Token], Plain]
Completes = Callable[[Facets, Iterable[str]], Sequence[str]]


def _nothing(facets: Facets, collections: Iterable[str]) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Filter:
    """What may stand before a colon.

    ``examples`` teach: menus, completion and errors show them.  ``asks`` makes a condition of what
    was written, or raises ``token.wrong()``.  ``completes`` returns what a value can be in a
    library, of its facets and the names of its collections; where that is nothing, the examples
    are offered.  ``spelt`` is the key of the same filter in another spelling, which is not shown.
    """

    examples: tuple[str, ...]
    asks: Asks
    completes: Completes = _nothing
    spelt: str = ""

    @property
    def example(self) -> str:
        """Return the examples as a sentence has them."""
        return " or ".join(self.examples)


def _number_in(field: Field, units: dict[str, float], near: float = 0.0) -> Asks:
    """Return what asks for a number: ``<2``, ``1-5``, or one that is as near as ``near``."""
    return lambda token: _range(token, field, units, near)


def _range(token: Token, field: Field, units: dict[str, float], near: float) -> Range:
    value = token.value.lower()
    for sign in ("<=", ">=", "<", ">"):
        if value.startswith(sign):
            bound = _number(token, value[len(sign) :], units, field in _SIGNED)
            is_open = len(sign) == 1
            if sign[0] == "<":
                return Range(field, None, bound, open_high=is_open)
            return Range(field, bound, None, open_low=is_open)
    span = _SPAN.fullmatch(value)
    if span is None:
        bound = _number(token, value, units, field in _SIGNED)
        return Range(field, bound - near, bound + near)
    low, high = span[1], span[2]
    last = _number(token, high, units, field in _SIGNED)
    bare = re.fullmatch(r"[-−\d.]+", low) is not None  # of 1-5m the unit counts for both
    unit = re.sub(r"[-−\d.]+", "", high) if bare else ""
    first = _number(token, low + unit, units, field in _SIGNED)
    if first > last:
        raise InputError(f"{token.text} goes from high to low: write {FILTERS[token.key].example}")
    return Range(field, first, last)


def _number(token: Token, text: str, units: dict[str, float], signed: bool = False) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[3].lower() not in units or (match[1] and not signed):
        raise token.wrong()
    return float(match[2]) * units[match[3].lower()] * (-1 if match[1] else 1)


def _channels(token: Token) -> Range | Layout:
    """Return a number of channels, or what they are for: ``5.1`` is no number of them."""
    name = token.value.lower()
    if _LAYOUT.fullmatch(name):
        return Layout(name, _MEANT.get(name))
    number = _CHANNELS.get(name, token.value)
    return _range(Token(token.text, token.key, number), "channels", {"": 1.0}, 0.0)


def _added(token: Token) -> Range:
    """Return the range of an age: ``<7d`` means within the last seven days."""
    sign = token.value[:1]
    if sign not in "<>":
        raise token.wrong()
    days = _number(token, token.value[1:].lstrip("="), _DAYS)
    moment = time.time_ns() - days * _DAY_NS
    return Range("added_ns", moment, None) if sign == "<" else Range("added_ns", None, moment)


def _folder(token: Token) -> Folder | Words:
    """Return the folder of a path, of a part of one, or those that are called so."""
    path = Path(os.path.expanduser(token.value))  # noqa: PTH111 - it may be nobody's home
    if path.is_absolute():
        return Folder(spelled_out(path))
    if not search_words(token.value):
        raise InputError(f"{token.text} names no folder: write {FILTERS['in'].example}")
    parts = [part for part in _SEPARATORS.split(token.value) if part]
    if len(parts) > 1:
        return Folder(str(Path(*parts)))
    return Words((token.value,), "folders")


def _region(token: Token) -> Region:
    if token.value == "*":
        return Region(None)
    if not search_words(token.value):
        raise token.wrong()
    return Region(token.value)


def _has(token: Token) -> Plain:
    known: dict[str, Plain] = {
        "tags": Tag(None),
        "regions": Region(None),
        "note": Noted(None),
        "colour": Coloured(None),
    }
    value = token.value.lower()
    found = known.get({"color": "colour", "notes": "note"}.get(value, value))
    if found is None:
        raise token.wrong()
    return found


def _stars(token: Token) -> Range:
    found = _range(token, "stars", {"": 1.0}, 0.0)
    if max(bound for bound in (found.low, found.high) if bound is not None) > MOST_STARS:
        raise token.wrong()
    return found


def _colour(token: Token) -> Coloured:
    return Coloured(colour_named(token.value))


def _used(token: Token) -> Used:
    """Return when or what for: ``<30d`` is a use within the last thirty days."""
    sign = token.value[:1]
    if token.quoted or (sign not in "<>" and token.value.lower() != "never"):
        return Used(token.value)
    if sign not in "<>":
        return Used(never=True)
    days = _number(token, token.value[1:].lstrip("="), _DAYS)
    moment = time.time_ns() - round(days * _DAY_NS)
    return Used(since_ns=moment) if sign == "<" else Used(before_ns=moment)


def _note(token: Token) -> Noted:
    if not search_words(token.value):
        raise InputError(f"{token.text} holds no word: write {FILTERS['note'].example}")
    return Noted(token.value)


FILTERS = {  # in the order in which they are offered
    "dur": Filter(("dur:<2s", "dur:1-5s"), _number_in("duration_s", _SECONDS, near=0.5)),
    "sr": Filter(("sr:48k", "sr:>=96k"), _number_in("rate_hz", _HERTZ)),
    "ch": Filter(
        ("ch:2", "ch:>2", "ch:5.1"),
        _channels,
        lambda facets, _: ("mono", "stereo", ">2", "quad", "5.1", "7.1", "ambisonic"),
    ),
    "bits": Filter(("bits:24", "bits:>=24"), _number_in("bits", {"": 1.0, "bit": 1.0})),
    "fmt": Filter(("fmt:wav",), lambda token: Format(token.value)),
    "cat": Filter(
        ("cat:DOORWood", "cat:DOOR*"),
        lambda token: Category(token.value.rstrip("*"), token.value.endswith("*")),
        lambda facets, _: sorted(facets.categories) or [c.id for c in categories().values()],
    ),
    "tag": Filter(
        ("tag:metal",), lambda token: Tag(token.value), lambda facets, _: list(facets.tags)
    ),
    "in": Filter(
        ('in:"Boom Library"', 'in:"Boom Library/Doors"'),
        _folder,
        lambda facets, _: [Path(folder).name for folder in facets.folders],
    ),
    "coll": Filter(
        ('coll:"My doors"',),
        lambda token: Collection(token.value),
        lambda _, collections: list(collections),
    ),
    "added": Filter(("added:<7d",), _added),
    "lufs": Filter(("lufs:<-23", "lufs:-30--20"), _number_in("lufs", _DECIBELS, near=_NEAR_LU)),
    "peak": Filter(("peak:>-1",), _number_in("peak_db", _DECIBELS, near=_NEAR_LU)),
    "region": Filter(
        ('region:"slow creak"',),
        _region,
        lambda facets, _: ("*", *facets.regions) if facets.regions else (),
    ),
    "stars": Filter(("stars:>=4", "stars:3-5"), _stars),
    "colour": Filter(("colour:red",), _colour, lambda facets, _: COLOURS),
    "used": Filter(
        ("used:never", "used:<30d", 'used:"My film"'),
        _used,
        lambda facets, _: ["never", "<30d", ">1y", *facets.projects],
    ),
    "note": Filter(("note:scene",), _note),
    "has": Filter(
        ("has:tags", "has:note"), _has, lambda facets, _: ("tags", "regions", "note", "colour")
    ),
}
FILTERS["color"] = replace(FILTERS["colour"], examples=("color:blue",), spelt="colour")
