"""What a sound must fulfil to be found: conditions, and their translation into SQL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)

from engine.roots import root_of
from engine.store import tables
from engine.store.dialects import Phrases, PhrasesType, joined, place_of, words_match
from engine.store.library import Library
from engine.store.portable import as_stored, is_at, mounts_in_effect
from engine.store.sharing import id_of
from engine.store.tables import PRESENT
from engine.store.words import search_words

Field = Literal["duration_s", "rate_hz", "channels", "bits", "added_ns", "lufs", "peak_db", "stars"]


@dataclass(frozen=True)
class Range:
    """A number between two bounds (None: unbounded), which belong to it unless ``open_*``."""

    field: Field
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True)
class Layout:
    """What channels are for: ``5.1``; ``ambisonic`` of any order, ``ambisonic 1`` of one.

    Of files that do not say it, so many ``channels`` count as that.
    """

    name: str
    channels: int | None = None


@dataclass(frozen=True)
class Format:
    """A file format by its name or extension, such as ``wav``."""

    name: str


@dataclass(frozen=True)
class Category:
    """A UCS CatID, in the header or as an accepted tag; with ``prefix`` all that begin so."""

    name: str
    prefix: bool = False


@dataclass(frozen=True)
class Tag:
    """An accepted tag; None: any."""

    label: str | None


@dataclass(frozen=True)
class Region:
    """A region that somebody named, by words of its name in their order; None: any."""

    name: str | None


@dataclass(frozen=True)
class Collection:
    """A collection of the user's, by its name."""

    name: str


@dataclass(frozen=True)
class Coloured:
    """A colour that a user gave; None: any."""

    name: str | None


@dataclass(frozen=True)
class Used:
    """That a sound was used: at all, for a project, since a moment, or not since one.

    ``never``: that it was not.
    """

    project: str | None = None
    since_ns: int | None = None
    before_ns: int | None = None
    never: bool = False


@dataclass(frozen=True)
class Noted:
    """Whole words of a user's note, one behind the other; None: any note.

    A text that ends in ``*`` matches words that begin so.
    """

    phrase: str | None


@dataclass(frozen=True)
class Folder:
    """A folder and all below it: an absolute path, or the end of one with a separator in it."""

    path: str


@dataclass(frozen=True)
class Words:
    """One of several phrases of whole words, in one column of the words or in any.

    A phrase that ends in ``*`` matches words that begin so.
    """

    phrases: tuple[str, ...]
    column: Literal["name", "folders"] | None = None


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    condition: Plain


@dataclass(frozen=True)
class Among:
    """One of some sounds, by their ids."""

    ids: tuple[int, ...]


Kept = Coloured | Used | Noted
Plain = (
    Range | Layout | Format | Category | Tag | Region | Collection | Folder | Words | Kept | Among
)
Condition = Plain | Not


def sounds_where(library: Library, conditions: Sequence[Condition]) -> np.ndarray:
    """Return the ids of present sounds that fulfil every condition, sorted, as int64."""
    with library.reading() as connection:  # as one text: much faster than a row for each
        chosen = select(tables.sounds.c.id).where(where_all(conditions)).subquery()
        ids = connection.scalar(select(joined(chosen.c.id)))
    return np.sort(np.fromstring(ids or "", np.int64, sep=","))


def where_all(conditions: Sequence[Condition]) -> ColumnElement[bool]:
    """Return that a sound is present and fulfils every condition; in a transaction."""
    present = tables.sounds.c.state == PRESENT
    return and_(present, *(_clause(condition) for condition in conditions))


def searched(phrases: Sequence[str]) -> tuple[str, ...]:
    """Return the words of phrases, as they are searched, of those that hold any."""
    found = []
    for phrase in phrases:
        words = search_words(phrase)
        if words:
            found.append(words + ("*" if phrase.endswith("*") else ""))
    return tuple(found)


def _clause(condition: Condition) -> ColumnElement[bool]:
    s = tables.sounds.c
    if isinstance(condition, Not):
        return not_(func.coalesce(_clause(condition.condition), False))
    if isinstance(condition, Range):
        return _starred(condition) if condition.field == "stars" else _within(condition)
    if isinstance(condition, Coloured | Used | Noted):
        return _kept(condition)
    if isinstance(condition, Layout):
        return _laid_out(condition)
    if isinstance(condition, Format):
        name = condition.name.lower().lstrip(".")
        ending = func.lower(as_stored(s.path)).endswith("." + name, autoescape=True)
        return (func.lower(s.format) == name) | ending
    if isinstance(condition, Category):
        return _in_category(s.category, condition) | _tagged(
            _in_category(tables.tags.c.label, condition)
        )
    if isinstance(condition, Tag):
        if condition.label is None:
            return _tagged()
        return _tagged(func.lower(tables.tags.c.label) == condition.label.lower())
    if isinstance(condition, Region):
        return _with_region(condition)
    if isinstance(condition, Collection):
        m = tables.collected.c
        named = id_of(tables.collections, condition.name)
        return exists().where(m.sound_id == s.id, m.collection_id == named)
    if isinstance(condition, Among):
        return s.id.in_(tables.chosen(condition.ids))
    if isinstance(condition, Folder):
        return _below(condition)
    return _matching(condition)


def _with_region(condition: Region) -> ColumnElement[bool]:
    r = tables.regions.c
    chosen = select(r.sound_id)
    if condition.name is not None:
        held = (" " + r.words + " ").contains(f" {search_words(condition.name)} ", autoescape=True)
        chosen = chosen.where(held)
    return tables.sounds.c.id.in_(chosen)


def _below(condition: Folder) -> ColumnElement[bool]:
    path = tables.sounds.c.path
    if os.path.isabs(condition.path) or root_of(condition.path):  # noqa: PTH117 - no file is meant
        return is_at(path, condition.path)
    words = _matching(Words((condition.path,), "folders"))  # of an index; few are left to compare
    lowered = func.lower(as_stored(path))
    parts = dict.fromkeys(
        f"{sep}{condition.path.replace(os.sep, sep)}{sep}" for sep in (os.sep, "/")
    )
    within = or_(*(place_of(lowered, func.lower(part)) > 0 for part in parts))
    ends = mounts_in_effect().ending(condition.path.replace(os.sep, "/"))
    above = [place_of(lowered + literal("/"), end + "/") == 1 for end in ends]
    return or_(and_(words, within), *above)


def _tagged(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return that a sound has an accepted tag that fulfils some conditions."""
    t = tables.tags.c
    chosen = select(t.sound_id).where(t.state == "accepted", *conditions)
    return tables.sounds.c.id.in_(chosen)  # looked up once, not once for every sound


def _in_category(column: Any, condition: Category) -> ColumnElement[bool]:
    name = condition.name.lower()
    if condition.prefix:
        return func.coalesce(func.lower(column).startswith(name, autoescape=True), False)
    return func.coalesce(func.lower(column) == name, False)


def _kept(condition: Kept) -> ColumnElement[bool]:
    """Return what a user keeps of a sound; looked up once, not once for every sound."""
    m, u = tables.marks.c, tables.uses.c
    if isinstance(condition, Coloured):
        own = m.colour.is_not(None) if condition.name is None else m.colour == condition.name
        return tables.sounds.c.id.in_(select(m.sound_id).where(own))
    if isinstance(condition, Noted):
        own = m.note.is_not(None) if condition.phrase is None else _says(condition.phrase)
        return tables.sounds.c.id.in_(select(m.sound_id).where(own))
    chosen = select(u.sound_id)
    if condition.project is not None:
        chosen = chosen.where(func.lower(u.project) == condition.project.lower())
    if condition.since_ns is not None:
        chosen = chosen.where(u.used_ns >= condition.since_ns)
    if condition.before_ns is not None:
        latest = func.max(u.used_ns) < condition.before_ns
        chosen = chosen.group_by(u.sound_id).having(latest)
    found = tables.sounds.c.id.in_(chosen)
    return not_(found) if condition.never else found


def _says(phrase: str) -> ColumnElement[bool]:
    """Return that a note holds words."""
    words = search_words(phrase)
    if not words:
        return false()
    wanted = f" {words}" if phrase.endswith("*") else f" {words} "
    return (literal(" ") + tables.marks.c.note_words + literal(" ")).contains(
        wanted, autoescape=True
    )


def _starred(condition: Range) -> ColumnElement[bool]:
    """Return how many stars a sound has; most sounds have none, and no row that says so."""
    m = tables.marks.c
    low, high = condition.low, condition.high
    takes_none = (low is None or low < 0 or (low == 0 and not condition.open_low)) and (
        high is None or high > 0 or (high == 0 and not condition.open_high)
    )
    own = _within(condition, m.stars)
    chosen = select(m.sound_id).where(not_(own) if takes_none else own)
    found = tables.sounds.c.id.in_(chosen)
    return not_(found) if takes_none else found


def _within(condition: Range, column: ColumnElement[Any] | None = None) -> ColumnElement[bool]:
    if column is None:
        column = tables.sounds.c[condition.field]
    bounds: list[ColumnElement[bool]] = [column.is_not(None)]
    if condition.low is not None:
        low = condition.low
        bounds.append(column > low if condition.open_low else column >= low)
    if condition.high is not None:
        high = condition.high
        bounds.append(column < high if condition.open_high else column <= high)
    return and_(*bounds)


def _laid_out(condition: Layout) -> ColumnElement[bool]:
    s = tables.sounds.c
    said = func.coalesce(s.layout, "")
    found = or_(said == condition.name, said.startswith(f"{condition.name} ", autoescape=True))
    if condition.channels is None:
        return found
    return or_(found, and_(said == "", s.channels == condition.channels))


def _matching(condition: Words) -> ColumnElement[bool]:
    phrases = searched(condition.phrases)
    if not phrases:  # what holds no word occurs nowhere
        return false()
    wanted = Phrases((phrases,), condition.column)
    held = words_match(bindparam("phrases", wanted, PhrasesType(), unique=True))
    found = tables.sounds.c.id.in_(select(tables.words.c.rowid).where(held))
    return or_(found, *_mounted_as(phrases)) if condition.column == "folders" else found


def _mounted_as(phrases: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return what lies under roots whose folders here are called so, which no word says."""
    found = []
    for folder in mounts_in_effect().folders.values():
        called = f" {search_words(folder)} "
        if any(f" {p[:-1]}" in called if p.endswith("*") else f" {p} " in called for p in phrases):
            found.append(is_at(tables.sounds.c.path, folder))
    return found
