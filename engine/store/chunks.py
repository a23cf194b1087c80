"""Rows of many ids, or of many paths: some in each statement."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam

SOME: BindParameter[Any] = bindparam(
    "some", expanding=True
)  # what a statement compares a column with, by in_()
_AT_ONCE = 500  # bound parameters


def rows_of_some(
    connection: Connection, statement: Select[Any], some: Collection[int] | Collection[str]
) -> Iterator[Row[tuple[Any, ...]]]:
    """Yield the rows of a statement on :data:`SOME` ids or paths.

    A statement that is kept, and not made for every call, is compiled once.
    """
    listed: list[Any] = list(some)
    for start in range(0, len(listed), _AT_ONCE):
        yield from connection.execute(statement, {"some": listed[start : start + _AT_ONCE]})
