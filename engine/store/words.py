"""The words of a sound, as they are indexed and searched: one full-text row a sound."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import PurePath

from sqlalchemy import Connection, bindparam, select, text

from engine.store import tables

_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)")
_NOT_A_WORD = re.compile(r"[\W_]+", re.UNICODE)


def search_words(name: str) -> str:
    """Return the words in a name, in lower case and apart: ``DoorCreak_01`` → ``door creak 01``."""
    apart = _BOUNDARY.sub(" ", name)
    return " ".join(_NOT_A_WORD.sub(" ", apart).lower().split())


def index_words(connection: Connection, sound_ids: Iterable[int]) -> None:
    """Write the full-text rows of sounds anew, from their paths, headers and accepted tags."""
    s, t = tables.sounds.c, tables.tags.c
    one = select(s.path, s.details, s.category_words).where(s.id == bindparam("sound"))
    labels = select(t.label).where(t.sound_id == bindparam("sound"), t.state == "accepted")
    for sound_id in sound_ids:
        known = {"sound": sound_id}
        path, details, category = connection.execute(one, known).one()
        fields = json.loads(details) if details else {}
        row = {
            "id": sound_id,
            "name": search_words(PurePath(path).stem),
            "folders": search_words(" ".join(PurePath(path).parts[1:-1])),
            "details": search_words(" ".join(map(str, fields.values()))),
            "category": search_words(category or ""),
            "tags": search_words(" ".join(connection.scalars(labels, known))),
        }
        connection.execute(text("DELETE FROM words WHERE rowid = :id"), {"id": sound_id})
        connection.execute(_INSERT, row)


_INSERT = text(
    "INSERT INTO words (rowid, name, folders, details, category, tags) "
    "VALUES (:id, :name, :folders, :details, :category, :tags)"
)
