"""The windows of a library: features, mapped vectors and potentials."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from engine.store import tables
from engine.store.library import Library, write_settings
from engine.store.lineage import insert_windows
from engine.store.records import EmbeddedPart
from engine.store.tables import PRESENT


def window_rows(
    library: Library, *columns: str, present: bool = True, after: int = 0
) -> list[Row[Any]]:
    """Return the named columns of all windows by id, of present sounds only if asked.

    :param after: only of windows of higher ids.
    """
    chosen = [tables.windows.c[name] for name in columns]
    statement = select(*chosen).where(tables.windows.c.id > after).order_by(tables.windows.c.id)
    if present:
        statement = statement.join(tables.sounds).where(tables.sounds.c.state == PRESENT)
    with library.reading(whole="features" in columns) as connection:
        return list(connection.execute(statement))


def put_embedded(library: Library, parts: Sequence[EmbeddedPart]) -> None:
    """Store what was heard of sounds, whole ones or the next part of long ones."""
    if not parts:
        return
    with library.writing() as connection:
        write_embedded(connection, parts)


def write_embedded(connection: Connection, parts: Sequence[EmbeddedPart]) -> None:
    """Store what was heard, within a transaction."""
    s = tables.sounds.c
    windows = [
        {"sound_id": part.sound_id, **asdict(window)} for part in parts for window in part.windows
    ]
    insert_windows(connection, windows)
    told = [(part.sound_id, _facts(part)) for part in parts]
    for names, some in groupby(told, lambda one: tuple(one[1])):  # those of a sound in order
        new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        rows = [{"sound": i, **{f"new_{n}": v for n, v in facts.items()}} for i, facts in some]
        of_sound = update(tables.sounds).where(s.id == bindparam("sound"))
        connection.execute(of_sound.values(new), rows)
    heard = [{"sound": part.sound_id} for part in parts if part.content_hash]
    if heard:  # what was skipped once and could be heard now
        path = select(s.path).where(s.id == bindparam("sound")).scalar_subquery()
        connection.execute(delete(tables.skipped).where(tables.skipped.c.path == path), heard)


def _facts(part: EmbeddedPart) -> dict[str, Any]:
    """Return what a part tells of its sound, by column."""
    facts: dict[str, Any] = {"heard_s": part.heard_s, "content_hash": part.content_hash}
    if part.duration_s is not None:
        facts |= {"duration_s": part.duration_s, "damage": part.damage}
    if part.loudness is not None:
        facts |= asdict(part.loudness)
    return facts


def sample_windows(library: Library, count: int) -> list[tuple[int, bytes]]:
    """Return sound ids and features of ``count`` evenly spread windows, in an order set by content.

    The order does not depend on when a sound was indexed, so that an interrupted run
    samples what an undisturbed one does.
    """
    w = tables.windows.c
    ordered = (
        select(w.id)
        .join(tables.sounds)
        .where(tables.sounds.c.state == PRESENT)
        .order_by(tables.sounds.c.content_hash, tables.sounds.c.path, w.start_s)
    )
    one = select(w.sound_id, w.features).where(w.id == bindparam("window"))
    with library.reading(whole=True) as connection:
        ids = list(connection.scalars(ordered))
        step = max(1, -(-len(ids) // count))
        rows = (connection.execute(one, {"window": i}).one() for i in ids[::step])
        return [(row.sound_id, row.features) for row in rows]


def remap_windows(
    library: Library,
    rows: Iterable[tuple[int, bytes, float]],
    settings: Mapping[str, bytes],
    newest: int | None = None,
) -> bool:
    """Replace (id, vector, potential) of windows, and settings, in one transaction.

    The setting ``mapping`` becomes another one, which tells caches of vectors that all changed.

    :param newest: the highest id that is known; where there are newer windows, nothing is changed,
        and False returned.
    """
    new: dict[str, Any] = {
        "vector": bindparam("new_vector"),
        "potential": bindparam("new_potential"),
    }
    values = [{"window": i, "new_vector": v, "new_potential": p} for i, v, p in rows]
    return _change_windows(library, new, values, settings, newest)


def rate_windows(
    library: Library,
    rows: Iterable[tuple[int, float]],
    settings: Mapping[str, bytes],
    newest: int | None = None,
) -> bool:
    """Replace (id, potential) of windows, and settings; as :func:`remap_windows`."""
    values = [{"window": i, "new_potential": p} for i, p in rows]
    new: dict[str, Any] = {"potential": bindparam("new_potential")}
    return _change_windows(library, new, values, settings, newest)


def _change_windows(
    library: Library,
    new: Mapping[str, Any],
    values: list[dict[str, Any]],
    settings: Mapping[str, bytes],
    newest: int | None,
) -> bool:
    statement = update(tables.windows).where(tables.windows.c.id == bindparam("window"))
    with library.writing() as connection:
        there = connection.scalar(select(func.max(tables.windows.c.id))) or 0
        if newest is not None and there > newest:
            return False
        if values:
            connection.execute(statement.values(**new), values)
        write_settings(connection, {**settings, "mapping": secrets.token_bytes(8)})
    return True


def forget_windows(library: Library, settings: Mapping[str, bytes]) -> None:
    """Drop all windows, so that every sound is heard anew, and write settings."""
    with library.writing() as connection:
        connection.execute(delete(tables.windows))
        connection.execute(update(tables.sounds).values(heard_s=0.0, content_hash="", damage=None))
        connection.execute(delete(tables.skipped))
        write_settings(connection, settings)
