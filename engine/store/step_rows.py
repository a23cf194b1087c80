"""How a step of history is written down: the rows that it changed, before and after, by table."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Float, Integer, String

from engine.store import tables

Row = tuple[Any, ...]
Rows = Mapping[str, Sequence[Row]]  # by table
KEYS: Mapping[str, tuple[str, ...]] = {  # parents before their children
    "collections": ("id",),
    "collected": ("sound_id", "collection_id"),
    "saved_searches": ("id",),
    "marks": ("sound_id",),
    "uses": ("id",),
    "tags": ("sound_id", "label"),
    "regions": ("id",),
}
_SQL_TYPES = {"text": String, "whole": Integer, "number": Float}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "text": str,
    "whole": int,
    "number": (int, float),
}
NAMED = ("collections", "saved_searches")  # whose rows have names that are unique to each author
_LATER = (0, None)  # of their rows in older steps: not shared, and nobody said whose
COLUMNS = {
    name: tuple(
        c.name
        for c in tables.metadata.tables[name].columns
        if c.name != "author" and (name, c.name) != ("tags", "id")
    )
    + (("author",) if name in NAMED else ())  # the last
    for name in KEYS
}


def written(changed: Mapping[str, Sequence[Sequence[Row]]]) -> bytes:
    """Return what is stored of the rows of a step."""
    document = json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(document.encode("utf-8", "surrogatepass"))


def read(change: bytes) -> dict[str, tuple[list[Row], list[Row]]] | None:
    """Return the rows of a step by table, parents first; None if its record is damaged."""
    try:
        document = json.loads(zlib.decompress(change))
        if not isinstance(document, dict) or set(document) - set(KEYS):
            return None
        found = {}
        for table in KEYS:
            if table in document:
                was, becomes = ([_grown(table, row) for row in rows] for rows in document[table])
                if not all(_fits(table, row) for row in (*was, *becomes)):
                    return None
                found[table] = (was, becomes)
    except (zlib.error, ValueError, TypeError):
        return None
    return found


def _grown(table: str, row: Sequence[Any]) -> Row:
    """Return a row of a step, with what columns hold that were added since."""
    missing = len(COLUMNS[table]) - len(row) if table in NAMED else 0
    return (*row, *_LATER[-missing:]) if 0 < missing <= len(_LATER) else tuple(row)


def _fits(table: str, row: Row) -> bool:
    columns = tables.metadata.tables[table].columns
    if len(row) != len(COLUMNS[table]):
        return False
    return all(
        columns[name].nullable or name == "author"
        if value is None
        else isinstance(value, _TYPES[_kind(columns[name])])
        for name, value in zip(COLUMNS[table], row, strict=True)
    )


def _kind(column: Column[Any]) -> str:
    return next(kind for kind, of in _SQL_TYPES.items() if isinstance(column.type, of))
