"""The words of a sound, as they are indexed and searched: one full-text row a sound."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath, PurePosixPath
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select, text

from engine.roots import PREFIX
from engine.store import tables
from engine.store.dialects import SERVER
from engine.store.lexemes import tsvectors
from engine.store.portable import as_stored

_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)")
_NOT_A_WORD = re.compile(r"[\W_]+", re.UNICODE)


def search_words(name: str) -> str:
    """Return the words in a name, in lower case and apart: ``DoorCreak_01`` → ``door creak 01``."""
    apart = _BOUNDARY.sub(" ", name)
    return " ".join(_NOT_A_WORD.sub(" ", apart).lower().split())


def index_words(connection: Connection, sound_ids: Iterable[int]) -> None:
    """Write the full-text rows of sounds anew, from paths, headers, accepted tags and regions.

    Of a sound under a root they hold its name, not where it is mounted: so all find the same.
    """
    s, t, r = tables.sounds.c, tables.tags.c, tables.regions.c
    chosen: BindParameter[Any] = bindparam("chosen", expanding=True)
    known = select(s.id, as_stored(s.path).label("path"), s.details, s.category_words).where(
        s.id.in_(chosen)
    )
    labels = select(t.sound_id, t.label).where(t.sound_id.in_(chosen), t.state == "accepted")
    named = select(r.sound_id, r.name).where(r.sound_id.in_(chosen))
    listed = list(sound_ids)
    for start in range(0, len(listed), _AT_ONCE):
        some = {"chosen": listed[start : start + _AT_ONCE]}
        tags: dict[int, list[str]] = {}
        for statement in (labels, named):
            for sound_id, said in connection.execute(statement, some):
                tags.setdefault(sound_id, []).append(said)
        rows = [
            {
                "id": row.id,
                "name": search_words(_pure(row.path).stem),
                "folders": search_words(" ".join(_pure(row.path).parts[1:-1])),
                "details": search_words(" ".join(map(str, _values(row.details)))),
                "category": search_words(row.category_words or ""),
                "tags": search_words(" ".join(tags.get(row.id, ()))),
            }
            for row in connection.execute(known, some)
        ]
        if rows:
            connection.execute(_DELETE, [{"id": row["id"]} for row in rows])
            put_words(connection, rows)


def put_words(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write the full-text rows of sounds that have none.

    :param rows: ``id`` of the sound, and its texts by column, apart and in lower case.
    """
    if not rows:
        return
    if connection.dialect.name == SERVER:
        vectors = zip(rows, tsvectors(rows), strict=True)
        connection.execute(
            _INSERT_ON_SERVER, [{**row, "vector": vector} for row, vector in vectors]
        )
    else:
        connection.execute(_INSERT, rows)


def _pure(stored: str) -> PurePath:
    """Return a path as the library holds it, the first part being what it begins at."""
    return PurePosixPath(stored) if stored.startswith(PREFIX) else PurePath(stored)


def _values(details: str | None) -> Iterable[object]:
    values: Iterable[object] = json.loads(details).values() if details else ()
    return values


_AT_ONCE = 500  # bound parameters in one statement
_DELETE = text("DELETE FROM words WHERE rowid = :id")
_INSERT = text(
    "INSERT INTO words (rowid, name, folders, details, category, tags) "
    "VALUES (:id, :name, :folders, :details, :category, :tags)"
)
_INSERT_ON_SERVER = text(
    "INSERT INTO words (rowid, name, folders, details, category, tags, vector) "
    "VALUES (:id, :name, :folders, :details, :category, :tags, CAST(:vector AS tsvector))"
)
