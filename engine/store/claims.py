"""Which worker listens to which sounds of a library on a server.

A worker has a row with a lease, which it renews; its claims hang on that row.  Whoever finds a
lease that ran out frees the claims.  All moments are those of the server's clock.

Rows are locked in one order, so that nobody waits in a circle: of a worker, of sounds, of claims.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.errors import InputError, LibraryError
from engine.store import tables
from engine.store.library import Library, write_skipped
from engine.store.mounts import mounts_of
from engine.store.portable import is_at, mapped_by
from engine.store.records import EmbeddedPart, Known, Skipped, Worker
from engine.store.schema import begin_writing
from engine.store.tables import chosen
from engine.store.windows import write_embedded

DEATHS = 3  # of workers, after which nobody listens to a sound any more
CHANNEL = "soundsift_waiting"  # on which is told that sounds wait
_NOW_MS: ColumnElement[int] = literal_column(
    "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)", BigInteger()
)
_TERMS = ("model_id", "mapping")
_s, _c, _w = tables.sounds.c, tables.claims.c, tables.workers.c
# As the index of what waits has it, which parameters would hide from the server.
_WAITS = and_(literal_column("state") == literal_column("0"), text("content_hash = ''"))
_SAME = and_(_c.size == _s.size, _c.mtime_ns == _s.mtime_ns)


class ClaimsLostError(LibraryError):
    """What a worker heard is not wanted any more: its lease ran out, or the model changed."""


@dataclass(frozen=True)
class Place:
    """Where a worker can listen: below ``roots`` (None: anywhere), but not below those ``away``.

    It lacks the files of the sounds ``lacking``.
    """

    roots: Sequence[str] | None = None
    away: Sequence[str] = ()
    lacking: Collection[int] = ()

    def holds(self) -> list[ColumnElement[bool]]:
        """Return what holds for the sounds that can be heard there; in a transaction."""
        found = [not_(is_at(_s.path, root)) for root in self.away]
        if self.roots is not None:
            found.append(or_(*(is_at(_s.path, root) for root in self.roots)))
        if self.lacking:
            found.append(_s.id.not_in(chosen(self.lacking)))
        return found


def refuse_file(library: Library) -> None:
    """Refuse a library that is no server's.

    :raises InputError: it is a file.
    """
    if library.file is not None:
        raise InputError(
            f"{library.name} is the library of one computer: run `soundsift index` on its folders, "
            "which listens to all that waits"
        )


def terms(library: Library) -> tuple[bytes, ...]:
    """Return by what a library's windows are made: its model, and the mapping that it has now."""
    with library.reading() as connection:
        return _terms(connection)


# Workers


def enlist(library: Library, name: str, lease_s: float) -> int:
    """Begin to work, and return the worker's id."""
    row = {"name": name, "sounds": 0, "audio_s": 0.0, "busy_s": 0.0}
    moments = {"began_ms": _NOW_MS, "until_ms": _NOW_MS + round(lease_s * 1000)}
    statement = insert(tables.workers).values(row | moments).returning(_w.id)
    with _beside(library) as connection:
        return int(connection.execute(statement).scalar_one())


def renew(library: Library, worker: int, lease_s: float) -> bool:
    """Live on; return False where the worker already counts as dead."""
    statement = update(tables.workers).where(_w.id == worker)
    with _beside(library) as connection:
        until = _NOW_MS + round(lease_s * 1000)
        return connection.execute(statement.values(until_ms=until)).rowcount == 1


def dismiss(library: Library, worker: int) -> None:
    """End, and free all claims."""
    with _beside(library) as connection:
        if _own(connection, worker):
            _free(connection, worker)
            connection.execute(delete(tables.workers).where(_w.id == worker))
            _tell(connection)


def workers(library: Library) -> list[Worker]:
    """Return who works now, in the order in which they began."""
    if library.file is not None:
        return []
    held = select(func.count()).where(_c.worker_id == _w.id).scalar_subquery()
    rows = select(_w.name, _w.began_ms, _w.sounds, _w.audio_s, _w.busy_s, held)
    with _beside(library) as connection:
        living = rows.where(_w.until_ms >= _NOW_MS).order_by(_w.began_ms, _w.id)
        return [Worker(*row) for row in connection.execute(living)]


def bury(library: Library) -> int:
    """Free the claims of workers whose lease ran out, and return how many those were.

    Their sounds are heard one at a time from then on: whichever of them ends every worker, the
    others are not taken for it.
    """
    dead = _w.until_ms < _NOW_MS
    with _beside(library) as connection:
        if connection.scalar(select(_w.id).where(dead).limit(1)) is None:
            return 0
        which = select(_w.id).where(dead).with_for_update(skip_locked=True)
        ids = list(connection.scalars(which))
        blamed = update(tables.claims).where(_c.worker_id.in_(ids))
        connection.execute(blamed.values(worker_id=None, deaths=_c.deaths + 1))
        connection.execute(delete(tables.workers).where(_w.id.in_(ids)))
        _tell(connection)
    return len(ids)


# Claims


def claim(library: Library, worker: int, count: int, place: Place) -> list[tuple[str, Known]]:
    """Claim up to ``count`` waiting sounds, or one that a worker died of.

    Sounds begun come first, then the newest.

    :raises ClaimsLostError: the worker counts as dead.
    """
    columns = select(_s.path, _s.id, _s.size, _s.mtime_ns, _s.heard_s).where(_WAITS)
    claimed = select(_c.sound_id).where(_c.sound_id == _s.id).exists()
    order = (_s.heard_s.desc(), _s.mtime_ns.desc())
    fresh = columns.where(~claimed).order_by(*order).limit(count)
    suspect = columns.join(tables.claims, _c.sound_id == _s.id)
    suspect = suspect.where(_c.worker_id.is_(None), or_(_c.deaths < DEATHS, not_(_SAME)))
    suspect = suspect.order_by(_c.deaths, *order).limit(1)
    with _beside(library) as connection:
        _refuse_dead(connection, worker)
        here = place.holds()
        found = _claimed(connection, worker, fresh.where(*here))
        return found or _claimed(connection, worker, suspect.where(*here))


def let_go(library: Library, worker: int, ids: Collection[int] | None = None) -> None:
    """Free a worker's claims on sounds that it will not hear, on all without ``ids``."""
    with _beside(library) as connection:
        if _own(connection, worker):
            _free(connection, worker, ids)


def others_are_at(library: Library, worker: int | None, place: Place) -> bool:
    """Return whether others have claimed sounds that a worker could listen to."""
    at = select(_c.sound_id).join(tables.sounds).where(_WAITS, _c.worker_id.is_not(None))
    if worker is not None:
        at = at.where(_c.worker_id != worker)
    with library.reading() as connection:
        return connection.scalar(at.where(*place.holds()).limit(1)) is not None


def put_heard(
    library: Library,
    worker: int,
    made_by: tuple[bytes, ...],
    parts: Sequence[EmbeddedPart],
    refused: Sequence[tuple[int, Skipped]] = (),
    busy_s: float = 0.0,
) -> None:
    """Store what was heard of sounds, and free the claims on those that are finished, in one.

    What the worker has no claim on any more is left out, as are sounds that have changed since.

    :param made_by: the :func:`terms` by which the windows were made.
    :param refused: sounds that cannot be heard, and why.
    :raises ClaimsLostError: the worker counts as dead, or the terms have changed.
    """
    with library.writing() as connection:
        _refuse_dead(connection, worker)
        if _terms(connection) != made_by:
            raise ClaimsLostError("the library's model or mapping changed while sounds were heard")
        ids = {part.sound_id for part in parts} | {sound_id for sound_id, _ in refused}
        begun = _still_claimed(connection, worker, ids)
        until_s, done = _store(connection, begun, parts, refused)
        for sound_id, heard_s in until_s.items():
            mine = update(tables.claims).where(_c.sound_id == sound_id)
            connection.execute(mine.values(heard_s=heard_s))
        ended = delete(tables.claims).where(_c.sound_id.in_(chosen(done | (ids - begun.keys()))))
        connection.execute(ended.where(_c.worker_id == worker))
        counts = {
            "sounds": len(done & until_s.keys()),
            "audio_s": sum(heard_s - begun[i] for i, heard_s in until_s.items()),
            "busy_s": busy_s,
        }
        more = {name: _w[name] + count for name, count in counts.items()}
        connection.execute(update(tables.workers).where(_w.id == worker).values(more))


def put_unclaimed(
    library: Library,
    sounds: Mapping[int, Known],
    parts: Sequence[EmbeddedPart],
    refused: Sequence[tuple[int, Skipped]] = (),
) -> None:
    """Store what was heard by who claims nothing, but of sounds that workers are at or have heard.

    :param sounds: by id, as they were when the parts were begun.
    """
    ids = {part.sound_id for part in parts} | {sound_id for sound_id, _ in refused}
    claimed = select(_c.sound_id).where(_c.sound_id == _s.id, _c.worker_id.is_not(None)).exists()
    free = select(_s.id, _s.size, _s.mtime_ns, _s.heard_s).where(_s.id.in_(chosen(ids)), _WAITS)
    with library.writing() as connection:
        locked = free.where(~claimed).order_by(_s.id).with_for_update(key_share=True)
        begun = {
            row.id: row.heard_s
            for row in connection.execute(locked)
            if (row.size, row.mtime_ns, row.heard_s)
            == (sounds[row.id].size, sounds[row.id].mtime_ns, sounds[row.id].heard_s)
        }
        _store(connection, begun, parts, refused)


def _store(
    connection: Connection,
    begun: Collection[int],
    parts: Sequence[EmbeddedPart],
    refused: Sequence[tuple[int, Skipped]],
) -> tuple[dict[int, float], set[int]]:
    """Store of sounds that were ``begun``; return how far each is heard, and which are done."""
    stored = [part for part in parts if part.sound_id in begun]
    write_embedded(connection, stored)
    kept = [(sound_id, row) for sound_id, row in refused if sound_id in begun]
    if kept:
        write_skipped(connection, [row for _, row in kept])
    done = {part.sound_id for part in stored if part.content_hash}
    return {part.sound_id: part.heard_s for part in stored}, done | {i for i, _ in kept}


def given_up(library: Library) -> list[tuple[int, str]]:
    """Return the ids and paths of sounds that too many workers died of."""
    with library.reading() as connection:
        rows = connection.execute(_given_up())
        return [(row.id, row.path) for row in rows]


def give_up(library: Library, rows: Sequence[tuple[int, Skipped]]) -> None:
    """Record that sounds cannot be heard, if that is still so."""
    if rows:
        with library.writing() as connection:
            locked = _given_up().with_for_update(of=tables.sounds, key_share=True)
            there = {row.id for row in connection.execute(locked)}
            kept = {sound_id: row for sound_id, row in rows if sound_id in there}
            if kept:
                write_skipped(connection, list(kept.values()))
                connection.execute(delete(tables.claims).where(_c.sound_id.in_(chosen(kept))))


def announce(library: Library) -> None:
    """Tell workers that sounds wait; a library that is a file has none."""
    if library.file is None:
        with _beside(library) as connection:
            _tell(connection)


@contextmanager
def _beside(library: Library) -> Iterator[Connection]:
    """Give a connection in a transaction that keeps no writer away: it touches workers' rows only.

    Each statement sees what was committed before it.

    :raises LibraryError: the library was upgraded since it was opened.
    """
    refuse_file(library)
    with (
        library.database.sentences(),
        library.database.engine.begin() as connection,
    ):
        begin_writing(connection, library.name, alone=False)
        with mapped_by(mounts_of(connection)):
            yield connection


def _tell(connection: Connection) -> None:
    connection.execute(text(f"NOTIFY {CHANNEL}"))


def _terms(connection: Connection) -> tuple[bytes, ...]:
    n, value = tables.settings.c.name, tables.settings.c.value
    rows = connection.execute(select(n, value).where(n.in_(_TERMS)))
    found = {row.name: bytes(row.value) for row in rows}
    return tuple(found.get(name, b"") for name in _TERMS)


def _own(connection: Connection, worker: int) -> bool:
    """Lock a worker's row, and return whether there still is one."""
    mine = select(_w.id).where(_w.id == worker).with_for_update()
    return connection.scalar(mine) is not None


def _refuse_dead(connection: Connection, worker: int) -> None:
    if not _own(connection, worker):
        raise ClaimsLostError("the lease of this worker ran out, and others took its sounds")


def _free(connection: Connection, worker: int, ids: Collection[int] | None = None) -> None:
    """Free claims without blame; those with earlier deaths keep these."""
    mine = _c.worker_id == worker
    which = mine if ids is None else and_(mine, _c.sound_id.in_(chosen(ids)))
    connection.execute(delete(tables.claims).where(which, _c.deaths == 0))
    connection.execute(update(tables.claims).where(which).values(worker_id=None))


def _claimed(connection: Connection, worker: int, wanted: Select[Any]) -> list[tuple[str, Known]]:
    """Lock sounds that nobody else is about to claim, and claim them."""
    locked = wanted.with_for_update(of=tables.sounds, skip_locked=True, key_share=True)
    rows = {row.id: row for row in connection.execute(locked)}
    if not rows:
        return []
    new = upsert(tables.claims).values(
        [
            {
                "sound_id": row.id,
                "worker_id": worker,
                "size": row.size,
                "mtime_ns": row.mtime_ns,
                "heard_s": row.heard_s,
                "deaths": 0,
            }
            for row in rows.values()
        ]
    )
    given = new.excluded
    same = and_(_c.size == given.size, _c.mtime_ns == given.mtime_ns)
    taken = new.on_conflict_do_update(
        index_elements=["sound_id"],
        set_={
            "worker_id": given.worker_id,
            "size": given.size,
            "mtime_ns": given.mtime_ns,
            "heard_s": given.heard_s,
            "deaths": case((same, _c.deaths), else_=0),  # of another file nobody died
        },
        where=_c.worker_id.is_(None),
    ).returning(_c.sound_id)
    mine = set(connection.scalars(taken))
    return [
        (row.path, Known(row.id, row.size, row.mtime_ns, "", tables.PRESENT, row.heard_s, True))
        for row in rows.values()
        if row.id in mine
    ]


def _still_claimed(connection: Connection, worker: int, ids: Collection[int]) -> dict[int, float]:
    """Lock the sounds that are still a worker's and as they were, with how far they are heard."""
    mine = select(_s.id, _s.heard_s).join(tables.claims, _c.sound_id == _s.id)
    mine = mine.where(_c.worker_id == worker, _s.id.in_(chosen(ids)), _WAITS, _SAME)
    mine = mine.where(_c.heard_s == _s.heard_s).order_by(_s.id)
    locked = mine.with_for_update(of=tables.sounds, key_share=True)
    return {row.id: row.heard_s for row in connection.execute(locked)}


def _given_up() -> Select[Any]:
    found = select(_s.id, _s.path).join(tables.claims, _c.sound_id == _s.id)
    return found.where(_c.worker_id.is_(None), _c.deaths >= DEATHS, _WAITS, _SAME)
