"""Tags of sounds: what was suggested, and what a person made of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from engine.store import tables
from engine.store.chunks import SOME, rows_of_some
from engine.store.history import recording
from engine.store.library import Library
from engine.store.records import SoundRow
from engine.store.sound_rows import read_sounds
from engine.store.words import index_words

PERSON = "person"
AGENT = "agent"  # another program, on a person's behalf
DECIDERS = (PERSON, AGENT)
_FILE = "file"  # what a file itself says
_FACTOR, _PRIME = 48_271, 65_537  # that put ids in an order which looks like chance
State = Literal["suggested", "accepted", "rejected", "edited"]


@dataclass(frozen=True)
class TagRow:
    """A label of a sound, and who said what of it: a model's id, ``file``, ``person`` or ``agent``.

    ``edited``: a person put another label in its place.  ``probability`` is what a model gave;
    the seconds are of the part that it was said of.
    """

    sound_id: int
    label: str
    state: State
    said_by: str
    probability: float | None = None
    start_s: float | None = None
    end_s: float | None = None


def put_tags(
    library: Library, rows: Iterable[TagRow], dropped: Iterable[tuple[int, str]] = ()
) -> None:
    """Record tags, whatever was said of them before, and forget others (sound id, label)."""
    _put(library.writing(), rows, dropped)


def decide_on_tags(library: Library, rows: Iterable[TagRow]) -> None:
    """Record what a user decided of tags: a step that can be undone."""
    decided = list(rows)
    scope = tables.tags.c.sound_id.in_(tables.chosen({row.sound_id for row in decided}))
    labels = {row.label for row in decided}
    name = labels.pop() if len(labels) == 1 else ""
    _put(recording(library, "tags", {"tags": scope}, name), decided)


def _put(
    transaction: AbstractContextManager[Connection],
    rows: Iterable[TagRow],
    dropped: Iterable[tuple[int, str]] = (),
) -> None:
    written, gone = [asdict(row) for row in rows], list(dropped)
    t = tables.tags.c
    with transaction as connection:
        if gone:
            theirs = and_(t.sound_id == bindparam("sound"), t.label == bindparam("said"))
            pairs = [{"sound": sound_id, "said": label} for sound_id, label in gone]
            connection.execute(delete(tables.tags).where(theirs), pairs)
        if written:
            connection.execute(_replacing(), written)
        index_words(connection, {row["sound_id"] for row in written} | {i for i, _ in gone})


def suggest_tags(
    library: Library,
    sound_ids: Collection[int],
    rows: Iterable[TagRow],
    see: Callable[[Sequence[TagRow], Sequence[TagRow]], None] | None = None,
) -> None:
    """Replace the suggestions for some sounds by what a model says now; see :func:`merge`.

    :param see: is given the tags of these sounds before and after, ere the change is committed.
    """
    t = tables.tags.c
    stale = delete(tables.tags).where(t.state == "suggested", t.sound_id == bindparam("sound"))
    with library.writing() as connection:
        old = _rows(connection, sound_ids, None)
        written = merge(old, rows)
        if old:
            connection.execute(stale, [{"sound": sound_id} for sound_id in sound_ids])
        if written:
            connection.execute(_replacing(), [asdict(row) for row in written])
        index_words(connection, {row.sound_id for row in written if row.state == "accepted"})
        if see is not None:
            see(old, _rows(connection, sound_ids, None))


def merge(old: Iterable[TagRow], new: Iterable[TagRow]) -> list[TagRow]:
    """Return those of ``new`` that count beside what is known of the same sounds.

    What a person or an agent said stays; what is accepted is not called a mere suggestion again.
    """
    known = {(row.sound_id, row.label): row for row in old}
    counting = []
    for row in new:
        before = known.get((row.sound_id, row.label))
        if before is not None and before.said_by in DECIDERS:
            continue
        if before is not None and before.state == "accepted" and row.state != "accepted":
            continue
        counting.append(row)
    return counting


def tag_rows(
    library: Library, ids: Collection[int] | None = None, state: State | None = None
) -> list[TagRow]:
    """Return the tags of sounds (of all if None), those in one state only if asked."""
    with library.reading() as connection:
        return _rows(connection, ids, state)


def filed_sounds(library: Library, most: int, told: bool) -> list[TagRow]:
    """Return under what sounds were filed that were heard, at most so many of each label.

    These are tags that somebody accepted, which come first, or a file has; what a model alone
    said is none.  Of many sounds some from all over are returned.

    :param told: whether categories that files themselves tell count as tags, too, unless somebody
        rejected or replaced them.
    """
    s, t, w = tables.sounds.c, tables.tags.c, tables.windows.c
    decided = t.said_by.in_((*DECIDERS, _FILE))
    rows = select(t.sound_id, t.label, t.said_by, t.start_s, t.end_s).where(
        t.state == "accepted", decided, exists().where(w.sound_id == t.sound_id)
    )
    if told:
        nothing = cast(null(), tables.tags.c.start_s.type)
        counted = and_(t.state == "accepted", decided)
        settled = or_(counted, t.state.in_(("rejected", "edited")))
        known = exists().where(t.sound_id == s.id, t.label == s.category, settled)
        categories = select(s.id, s.category, literal(_FILE), nothing, nothing).where(
            s.category.is_not(None), exists().where(w.sound_id == s.id), ~known
        )
        both = union_all(rows, categories).subquery()
    else:
        both = rows.subquery()
    sound = both.c.sound_id
    order = (case((both.c.said_by == _FILE, 1), else_=0), sound * _FACTOR % _PRIME, sound)
    place = func.row_number().over(partition_by=both.c.label, order_by=order)
    placed = select(both, place.label("place")).subquery()
    chosen = select(placed).where(placed.c.place <= most).order_by(placed.c.label, placed.c.place)
    with library.reading() as connection:
        found = connection.execute(chosen).all()
    return [
        TagRow(r.sound_id, r.label, "accepted", r.said_by, None, r.start_s, r.end_s) for r in found
    ]


def rejected_tags(library: Library, sound_id: int) -> set[str]:
    """Return the labels that were rejected of a sound, or replaced by others."""
    rows = tag_rows(library, [sound_id])
    return {row.label for row in rows if row.state in ("rejected", "edited")}


def accepted_tags(library: Library, ids: Collection[int] | None = None) -> dict[int, list[str]]:
    """Return the accepted labels of every sound (of ``ids``) that has any, sorted."""
    with library.reading() as connection:
        return _accepted(connection, ids)


def sounds_with_tags(
    library: Library, ids: Collection[int]
) -> tuple[dict[int, SoundRow], dict[int, list[str]]]:
    """Return sounds by id, and the accepted labels, sorted, of those that have any."""
    with library.reading() as connection:
        return read_sounds(connection, ids), _accepted(connection, ids)


def _accepted(connection: Connection, ids: Collection[int] | None) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in _rows(connection, ids, "accepted"):
        found.setdefault(row.sound_id, []).append(row.label)
    return found


def _rows(connection: Connection, ids: Collection[int] | None, state: State | None) -> list[TagRow]:
    chosen = _select_tags(ids is not None, state)
    rows = connection.execute(chosen) if ids is None else rows_of_some(connection, chosen, ids)
    return [TagRow(**row._mapping) for row in rows]


@cache
def _select_tags(of_some: bool, state: State | None) -> Select[Any]:
    t = tables.tags.c
    columns = (t.sound_id, t.label, t.state, t.said_by, t.probability, t.start_s, t.end_s)
    chosen = select(*columns).order_by(t.sound_id, t.label)
    if of_some:
        chosen = chosen.where(t.sound_id.in_(SOME))
    return chosen if state is None else chosen.where(t.state == state)


def _replacing() -> Any:
    changed = ("state", "said_by", "probability", "start_s", "end_s")
    return tables.replacing(tables.tags, ["sound_id", "label"], changed)


def sounds_tagged(library: Library, label: str) -> list[int]:
    """Return the sounds that have an accepted tag, whatever their state."""
    t = tables.tags.c
    found = select(t.sound_id).where(t.state == "accepted", t.label == label)
    with library.reading() as connection:
        return list(connection.scalars(found.order_by(t.sound_id)))


def tags_among(library: Library, ids: Collection[int]) -> dict[str, int]:
    """Return the accepted tags of some sounds, with how many of them have each; commonest first."""
    t = tables.tags.c
    counted = select(t.label, func.count()).where(t.state == "accepted")
    counted = counted.where(t.sound_id.in_(tables.chosen(ids))).group_by(t.label)
    with library.reading() as connection:
        rows = connection.execute(counted.order_by(func.count().desc(), func.lower(t.label)))
        return {row[0]: row[1] for row in rows}
