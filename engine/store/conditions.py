"""What a sound must fulfil to be found: conditions, and their translation into SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    not_,
    select,
    text,
)

from engine.store import tables
from engine.store.library import Library
from engine.store.tables import PRESENT
from engine.store.words import search_words

Field = Literal["duration_s", "rate_hz", "channels", "bits", "added_ns"]


@dataclass(frozen=True)
class Range:
    """A number between two bounds (None: unbounded), which belong to it unless ``open_*``."""

    field: Field
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False


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
class Collection:
    """A collection of the user's, by its name."""

    name: str


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


Plain = Range | Format | Category | Tag | Collection | Words
Condition = Plain | Not


def sounds_where(library: Library, conditions: Sequence[Condition]) -> np.ndarray:
    """Return the ids of present sounds that fulfil every condition, sorted, as int64."""
    chosen = select(tables.sounds.c.id).where(where_all(conditions)).subquery()
    with library.reading() as connection:  # as one text: much faster than a row for each
        ids = connection.scalar(select(func.group_concat(chosen.c.id)))
    return np.sort(np.fromstring(ids or "", np.int64, sep=","))


def where_all(conditions: Sequence[Condition]) -> ColumnElement[bool]:
    """Return that a sound is present and fulfils every condition."""
    present = tables.sounds.c.state == PRESENT
    return and_(present, *(_clause(condition) for condition in conditions))


def match_expression(phrases: Sequence[str]) -> str:
    """Return an FTS5 expression for any of several phrases; empty if none holds a word."""
    terms = []
    for phrase in phrases:
        words = search_words(phrase)
        if words:
            terms.append(f'"{words}"' + (" *" if phrase.endswith("*") else ""))
    return " OR ".join(terms)


def _clause(condition: Condition) -> ColumnElement[bool]:
    s = tables.sounds.c
    if isinstance(condition, Not):
        return not_(func.coalesce(_clause(condition.condition), False))
    if isinstance(condition, Range):
        return _within(condition)
    if isinstance(condition, Format):
        name = condition.name.lower().lstrip(".")
        ending = func.lower(s.path).endswith("." + name, autoescape=True)
        return (func.lower(s.format) == name) | ending
    if isinstance(condition, Category):
        return _in_category(s.category, condition) | _tagged(
            _in_category(tables.tags.c.label, condition)
        )
    if isinstance(condition, Tag):
        if condition.label is None:
            return _tagged()
        return _tagged(func.lower(tables.tags.c.label) == condition.label.lower())
    if isinstance(condition, Collection):
        c, m = tables.collections.c, tables.collected.c
        named = select(c.id).where(func.lower(c.name) == condition.name.lower())
        return exists().where(m.sound_id == s.id, m.collection_id.in_(named))
    return _matching(condition)


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


def _within(condition: Range) -> ColumnElement[bool]:
    column = tables.sounds.c[condition.field]
    bounds: list[ColumnElement[bool]] = [column.is_not(None)]
    if condition.low is not None:
        low = condition.low
        bounds.append(column > low if condition.open_low else column >= low)
    if condition.high is not None:
        high = condition.high
        bounds.append(column < high if condition.open_high else column <= high)
    return and_(*bounds)


def _matching(condition: Words) -> ColumnElement[bool]:
    expression = match_expression(condition.phrases)
    if not expression:  # what holds no word occurs nowhere
        return false()
    if condition.column is not None:
        expression = f"{{{condition.column}}} : ({expression})"
    found: Select[Any] = select(literal_column("rowid")).select_from(text("words"))
    bound: BindParameter[str] = bindparam("expression", expression, unique=True)
    matched = text("words MATCH :expression").bindparams(bound)
    return tables.sounds.c.id.in_(found.where(matched))
