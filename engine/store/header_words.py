"""Keywords that headers hold."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import select

from engine.store import tables
from engine.store.chunks import SOME, rows_of_some
from engine.store.library import Library

_KEYWORDS = ("keyword", "ikey", "genre", "tcon", "subject", "©gen")  # in names of fields
_LONGEST = 200  # characters


def keywords_of(library: Library, ids: Collection[int]) -> dict[int, str]:
    """Return the keywords in the headers of some sounds, of those that have any."""
    s = tables.sounds.c
    chosen = select(s.id, s.details).where(
        s.details.is_not(None), s.details != "{}", s.id.in_(SOME)
    )
    found = {}
    with library.reading() as connection:
        for row in rows_of_some(connection, chosen, ids):
            fields = json.loads(row.details)
            values = [
                str(value)
                for name, value in fields.items()
                if any(key in name.lower() for key in _KEYWORDS)
            ]
            if values:
                found[row.id] = " ".join(values)[:_LONGEST]
    return found
