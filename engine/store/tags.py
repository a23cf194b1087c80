"""Tags of sounds: what was suggested, and what a person made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.store import tables
from engine.store.library import Library, in_chunks
from engine.store.words import index_words

PERSON = "person"


def accept_tags(library: Library, tags: Iterable[tuple[int, str]], said_by: str = PERSON) -> None:
    """Record (sound id, label) as accepted, whatever was said of them before."""
    _say(library, tags, "accepted", said_by)


def reject_tags(library: Library, tags: Iterable[tuple[int, str]], said_by: str = PERSON) -> None:
    """Record (sound id, label) as rejected, whatever was said of them before."""
    _say(library, tags, "rejected", said_by)


def rejected_tags(library: Library, sound_id: int) -> set[str]:
    """Return the labels that were rejected of a sound."""
    t = tables.tags.c
    with library.reading() as connection:
        chosen = select(t.label).where(t.sound_id == sound_id, t.state == "rejected")
        return set(connection.scalars(chosen))


def _say(library: Library, tags: Iterable[tuple[int, str]], state: str, said_by: str) -> None:
    listed = list(tags)
    rows = [
        {"sound_id": sound_id, "label": label, "state": state, "said_by": said_by}
        for sound_id, label in listed
    ]
    if not rows:
        return
    statement = upsert(tables.tags)
    changed = {name: statement.excluded[name] for name in ("state", "said_by")}
    statement = statement.on_conflict_do_update(index_elements=["sound_id", "label"], set_=changed)
    with library.writing() as connection:
        connection.execute(statement, rows)
        index_words(connection, {sound_id for sound_id, _ in listed})


def accepted_tags(library: Library, ids: Collection[int] | None = None) -> dict[int, list[str]]:
    """Return the accepted labels of every sound (of ``ids``) that has any, sorted."""
    t = tables.tags.c
    chosen = select(t.sound_id, t.label).where(t.state == "accepted").order_by(t.label)
    found: dict[int, list[str]] = {}
    with library.reading() as connection:
        rows = (r for part in in_chunks(chosen, t.sound_id, ids) for r in connection.execute(part))
        for row in rows:
            found.setdefault(row.sound_id, []).append(row.label)
    return found
