"""One fact of every present sound at once: what a picture of the whole library is coloured by."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sqlalchemy import select

from engine.arrays import Integers
from engine.store import tables
from engine.store.library import Library
from engine.store.tables import PRESENT

Fact = Literal["path", "category", "duration_s", "lufs"]
_AT_ONCE = 50_000


def fact_of_all(library: Library, fact: Fact) -> tuple[Integers, list[Any]]:
    """Return the ids of present sounds, ascending, and a fact of each; None where it is unknown."""
    s = tables.sounds.c
    statement = select(s.id, s[fact]).where(s.state == PRESENT).order_by(s.id)
    ids: list[int] = []
    values: list[Any] = []
    with library.reading() as connection:
        result = connection.execute(statement.execution_options(yield_per=_AT_ONCE))
        for part in result.partitions():
            ids += [row[0] for row in part]
            values += [row[1] for row in part]
    return np.array(ids, np.int64), values
