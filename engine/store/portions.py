"""Rows of a table in the order of their keys, some at a time, so that a copy can go on later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, tuple_


def rows_behind(
    source: Connection,
    rows: Select[Any],
    keys: Sequence[Any],
    last: Sequence[Any] | None,
    at_once: int,
) -> Iterator[Sequence[Row[Any]]]:
    """Give rows behind the one of some keys, or from the first.

    :param rows: which ones, their keys among their columns.
    :param keys: the columns of their order, which no two rows have alike.
    :param at_once: how many are read, and given, together.
    """
    ordered = rows.order_by(*keys).limit(at_once)
    while True:
        some = source.execute(
            ordered if last is None else ordered.where(_is_behind(keys, last))
        ).all()
        if not some:
            return
        yield some
        last = [some[-1]._mapping[key.name] for key in keys]


def _is_behind(keys: Sequence[Any], last: Sequence[Any]) -> Any:
    bound = [bindparam(None, value, key.type) for key, value in zip(keys, last, strict=True)]
    return tuple_(*keys) > tuple_(*bound)
