"""Which windows a library has had, so that a cache can tell whether it is of this library.

Ids of windows never come twice in one library, but a library that was restored from a copy
counts on from where the copy was, and gives ids again to other windows.  So whatever adds windows
leaves a random mark in the setting ``window_marks``, and a cache notes the newest one: where
that is among the library's marks, all windows that the cache knew then are, or were, its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from engine.store import tables

_SETTING = "window_marks"
_MARK_BYTES = 8
_KEPT = 1024  # marks; an index run leaves one in five seconds at most


def insert_windows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add windows within a transaction, and leave a mark: the only way to add any."""
    if rows:
        connection.execute(insert(tables.windows), list(rows))
        leave_mark(connection)


def leave_mark(connection: Connection) -> None:
    """Make caches of what was there before this transaction tell apart what comes after it."""
    kept = _value(connection) + secrets.token_bytes(_MARK_BYTES)
    values = {"name": _SETTING, "value": kept[-_KEPT * _MARK_BYTES :]}
    connection.execute(tables.replacing(tables.settings, ["name"], ["value"]), values)


def begin_lineage(connection: Connection) -> None:
    """Let no cache be of this library any more: its windows were put together anew."""
    s = tables.settings.c
    connection.execute(delete(tables.settings).where(s.name == _SETTING))
    leave_mark(connection)


def marks(connection: Connection) -> list[str]:
    """Return the newest marks, in their order."""
    kept = _value(connection)
    places = range(0, len(kept), _MARK_BYTES)
    return [kept[place : place + _MARK_BYTES].hex() for place in places]


def _value(connection: Connection) -> bytes:
    s = tables.settings.c
    return connection.scalar(select(s.value).where(s.name == _SETTING)) or b""
