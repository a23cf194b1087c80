"""The search grammar: query text in, a :class:`Query` out, or an error that shows the right form.

========================  ==================================================================
``heavy door creaking``   free words: what the sound is like, and words of its name
``"door slam"``           these words must occur, in this order
``-wood``, ``-"a b"``     must not occur; a filter can be excluded too: ``-fmt:mp3``
``door OR gate``          either will do
``metal*``                words that begin so
``dur:<2s dur:1-5s``      filters; also ``sr: ch: bits: fmt: cat: tag: in: coll: added: has:tags``
========================  ==================================================================
"""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import dataclass, field

from engine.errors import InputError
from engine.paths import is_unicode
from engine.store.conditions import (
    Category,
    Collection,
    Condition,
    Format,
    Not,
    Plain,
    Range,
    Tag,
    Words,
)
from engine.store.words import search_words

_TOKEN = re.compile(r'(-?)(?:([A-Za-z]+):)?("[^"]*"|[^\s"]+)?')
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_MOST_ALTERNATIVES = 8
_MOST_CONDITIONS = 200  # filters, exact and excluded words; a database nests no deeper than 1000
_DAY_NS = 86_400 * 10**9
_SOFT_WORDS = frozenset(
    {"a", "an", "and", "at", "by", "for", "from", "in", "into", "is", "of", "on", "or", "over"}
    | {"the", "this", "to", "with", "sound", "sounds", "noise", "very", "some", "being", "while"}
)
_SECONDS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0}
_HERTZ = {"": 1.0, "hz": 1.0, "k": 1000.0, "khz": 1000.0}
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.25}
_CHANNELS = {"mono": "1", "stereo": "2", "quad": "4"}
FILTERS = {  # each with an example
    "dur": "dur:<2s or dur:1-5s",
    "sr": "sr:48k or sr:>=96k",
    "ch": "ch:2 or ch:>2",
    "bits": "bits:24 or bits:>=24",
    "fmt": "fmt:wav",
    "cat": "cat:DOORWood or cat:DOOR*",
    "tag": "tag:metal",
    "in": 'in:"Boom Library"',
    "coll": 'coll:"My doors"',
    "added": "added:<7d",
    "has": "has:tags",
}


@dataclass(frozen=True)
class Query:
    """A parsed query.

    ``groups`` are the free words and required phrases in order, each with its alternatives;
    ``conditions`` must hold of every result.
    """

    text: str
    groups: tuple[tuple[str, ...], ...] = ()
    conditions: tuple[Condition, ...] = ()
    folders: tuple[str, ...] = field(default=())

    @property
    def descriptions(self) -> list[str]:
        """Return what the sound is like, one description for each choice of alternatives."""
        choices = itertools.product(*self.groups)
        return [" ".join(words).replace("*", "") for words in choices] if self.groups else []

    @property
    def keywords(self) -> tuple[tuple[str, ...], ...]:
        """Return the groups that tell sounds apart by their words."""
        return tuple(g for g in self.groups if not all(w.lower() in _SOFT_WORDS for w in g))


@dataclass
class _Token:
    text: str
    key: str = ""
    value: str = ""
    negated: bool = False
    quoted: bool = False


def parse(text: str) -> Query:
    """Parse ``text`` into a query.

    :raises InputError: a token makes no sense; the message names it and shows a right one.
    """
    groups: list[list[str]] = []
    conditions: list[Condition] = []
    folders: list[str] = []
    joining = False
    for token in _tokens(text):
        if token.text == "OR":
            if not groups or joining:
                raise InputError("OR goes between two words: door OR gate")
            joining = True
            continue
        if token.key or token.negated:
            if joining:
                raise InputError(f"OR joins words, not {token.text}: door OR gate")
            condition: Plain = _filter(token) if token.key else Words((_word(token),))
            conditions.append(Not(condition) if token.negated else condition)
            if token.key == "in" and not token.negated:
                folders.append(token.value)
            continue
        word = _word(token)
        if joining:
            groups[-1].append(word)
        else:
            groups.append([word])
        joining = False
        if token.quoted:
            _require(conditions, groups[-1])
    if joining:
        raise InputError("OR goes between two words: door OR gate")
    if len(conditions) > _MOST_CONDITIONS:
        raise InputError(
            f"the search has {len(conditions)} filters and exact or excluded words; "
            f"{_MOST_CONDITIONS} is the most: leave some out"
        )
    query = Query(text.strip(), tuple(map(tuple, groups)), tuple(conditions), tuple(folders))
    if not query.groups and not query.conditions:
        raise InputError('the search is empty: describe a sound, like "heavy door creaking"')
    count = 1
    for group in groups:
        count *= len(group)
    if count > _MOST_ALTERNATIVES:
        raise InputError(
            f"the ORs give {count} descriptions; {_MOST_ALTERNATIVES} is the most: "
            "split the search in two"
        )
    return query


def _tokens(text: str) -> list[_Token]:
    if not is_unicode(text):  # bytes of a terminal or a file name that are no characters
        raise InputError("the search contains bytes that are not text: type it again")
    if text.count('"') % 2:
        rest = text.rsplit('"', 1)[1].strip()
        raise InputError(f'the quote before {rest or "the end"} is not closed: write "door slam"')
    found = []
    for match in _TOKEN.finditer(text):
        whole, negated, key, value = match[0], match[1], match[2] or "", match[3] or ""
        if not whole:
            continue
        quoted = value.startswith('"')
        bare = value.strip('"').strip() if quoted else value
        if key and key.lower() not in FILTERS:
            shown = "  ".join(FILTERS[name] for name in ("dur", "sr", "cat", "in"))
            raise InputError(f"there is no filter {key}: in {whole}; filters are like {shown}")
        if key and not bare:
            raise InputError(f"{whole} has nothing after the colon: write {FILTERS[key.lower()]}")
        if not key and not search_words(bare):
            if negated or quoted:
                raise InputError(f'{whole} holds no word: write -wood or "door slam"')
            continue  # a lone dash or comma
        found.append(_Token(whole, key.lower(), bare, bool(negated), quoted))
    return found


def _word(token: _Token) -> str:
    if "*" in token.value.rstrip("*"):
        raise InputError(f"in {token.text} the star must come at the end of a word: metal*")
    return token.value


def _require(conditions: list[Condition], group: list[str]) -> None:
    """Let some alternative of the last group occur; earlier ones of it are joined."""
    earlier = Words(tuple(group[:-1]))
    if earlier in conditions:
        conditions.remove(earlier)
    conditions.append(Words(tuple(group)))


def _filter(token: _Token) -> Plain:
    value = token.value
    if token.key == "dur":
        return _range(token, "duration_s", _SECONDS, near=0.5)
    if token.key == "sr":
        return _range(token, "rate_hz", _HERTZ)
    if token.key == "ch":
        return _range(
            _Token(token.text, "ch", _CHANNELS.get(value.lower(), value)), "channels", {"": 1.0}
        )
    if token.key == "bits":
        return _range(token, "bits", {"": 1.0, "bit": 1.0})
    if token.key == "added":
        return _added(token)
    if token.key == "fmt":
        return Format(value)
    if token.key == "cat":
        return Category(value.rstrip("*"), value.endswith("*"))
    if token.key == "tag":
        return Tag(value)
    if token.key == "in":
        if not search_words(value):
            raise InputError(f"{token.text} names no folder: write {FILTERS['in']}")
        return Words((value,), "folders")
    if token.key == "coll":
        return Collection(value)
    if value.lower() != "tags":
        raise _wrong(token)
    return Tag(None)


def _range(token: _Token, name: str, units: dict[str, float], near: float = 0.0) -> Range:
    value = token.value.lower()
    for sign in ("<=", ">=", "<", ">"):
        if value.startswith(sign):
            bound = _number(token, value[len(sign) :], units)
            is_open = len(sign) == 1
            if sign[0] == "<":
                return Range(name, None, bound, open_high=is_open)  # type: ignore[arg-type]
            return Range(name, bound, None, open_low=is_open)  # type: ignore[arg-type]
    low, dash, high = value.partition("-")
    if not dash:
        bound = _number(token, low, units)
        return Range(name, bound - near, bound + near)  # type: ignore[arg-type]
    last = _number(token, high, units)
    bare = re.fullmatch(r"[\d.]+", low) is not None  # of 1-5m the unit counts for both
    unit = re.sub(r"[\d.]+", "", high) if bare else ""
    first = _number(token, low + unit, units)
    if first > last:
        raise InputError(f"{token.text} goes from high to low: write {FILTERS[token.key]}")
    return Range(name, first, last)  # type: ignore[arg-type]


def _added(token: _Token) -> Range:
    """Return the range of an age: ``<7d`` means within the last seven days."""
    sign = token.value[:1]
    if sign not in "<>":
        raise _wrong(token)
    days = _number(token, token.value[1:].lstrip("="), _DAYS)
    moment = time.time_ns() - days * _DAY_NS
    return Range("added_ns", moment, None) if sign == "<" else Range("added_ns", None, moment)


def _number(token: _Token, text: str, units: dict[str, float]) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[2].lower() not in units:
        raise _wrong(token)
    return float(match[1]) * units[match[2].lower()]


def _wrong(token: _Token) -> InputError:
    return InputError(f"{token.text} is not understood: write {FILTERS[token.key]}")
