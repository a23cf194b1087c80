"""What users did to tags, marks, regions, collections and searches, and back, and forth again.

A step holds the rows that it changed, as they were and as they became.  Going back changes those
that still are as the step left them; what was decided on since stays.  Steps lie in the library
itself, so that they are kept, copied and repaired with what they are about.  Where several people
share one, everybody goes back over their own.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from engine.errors import InputError
from engine.plain_text import one_line
from engine.store import tables
from engine.store.dialects import SERVER, is_own
from engine.store.library import Library
from engine.store.step_rows import COLUMNS, KEYS, NAMED, Row, Rows, read, written
from engine.store.words import index_words

Kind = Literal[
    "tags",
    "stars",
    "colour",
    "note",
    "used",
    "not used",
    "new collection",
    "collect",
    "take out",
    "rename collection",
    "drop collection",
    "save search",
    "rename search",
    "drop search",
    "share",
    "keep",
    "add region",
    "rename region",
    "remove region",
    "edit",
    "write",
    "rename",
]
RunKind = Literal["edit", "write", "rename"]  # texts, tags and names of files
RUNS = frozenset(get_args(RunKind))  # have journals of their own, which know how to undo them
Outcome = Literal["done", "stays", "passed"]  # a step stays to be tried again, or is passed over
_STEPS = 200  # that are kept
_MOST_BYTES = 64 << 20  # of them all
_SEARCHED = ("tags", "regions")  # whose rows are in the full text of their sounds
_OWN = is_own(tables.history.c.author)


@dataclass(frozen=True)
class Step:
    """Something that was done: to how many sounds, and under which name, if any."""

    kind: str
    count: int
    name: str = ""


@dataclass(frozen=True)
class Restored:
    """A step that was taken back or done again, and the sounds that it was on.

    ``left`` counts rows that stay as they are, because they were changed since; ``refused`` are
    sentences on files that could not be restored.  Where none could, ``outcome`` says whether the
    step stays the one to restore next.
    """

    step: Step
    sounds: tuple[int, ...]
    left: int = 0
    refused: tuple[str, ...] = ()
    outcome: Outcome = "done"


@contextmanager
def recording(
    library: Library, kind: Kind, scope: Mapping[str, ColumnElement[bool]], name: str = ""
) -> Iterator[Connection]:
    """Give a write transaction whose changes within ``scope`` become a step.

    :param scope: which rows of which tables may change.
    """
    with library.writing() as connection:
        before = {table: _rows(connection, table, where) for table, where in scope.items()}
        yield connection
        after = {table: _rows(connection, table, where) for table, where in scope.items()}
        _note(connection, kind, name, *_difference(before, after))


def note_run(library: Library, kind: RunKind, run: str, count: int) -> None:
    """Record that a run changes files: a step whose name is the run's."""
    with library.writing() as connection:
        _insert(connection, kind, run, count, {})


def settle_run(library: Library, run: str, count: int) -> None:
    """Record how many files a run has written in the end; one that wrote none is no step."""
    with library.writing() as connection:
        if count:
            connection.execute(update(tables.history).where(*_of_run(run)).values(count=count))
        else:
            connection.execute(delete(tables.history).where(*_of_run(run)))


def turn_run(library: Library, run: str, undone: bool) -> None:
    """Record that a run was taken back, or done again; it may be no step any more."""
    with library.writing() as connection:
        turned = update(tables.history).where(*_of_run(run))
        connection.execute(turned.values(undone=int(undone)))


def undo(library: Library) -> Restored | None:
    """Take the latest step back; None if there is none.

    A run's step is returned as it is: see :mod:`engine.tags.undoing`, which undoes it.

    :raises InputError: its record is damaged; the next call takes the one before.
    """
    return _go(library, forth=False)


def redo(library: Library) -> Restored | None:
    """Do again what was taken back last; None if there is nothing.

    A run's step is returned as it is, too.

    :raises InputError: its record is damaged.
    """
    return _go(library, forth=True)


def steps(library: Library) -> list[Step]:
    """Return what can be taken back, the latest first."""
    h = tables.history.c
    listed = (
        select(h.kind, h["count"].label("sounds"), h.name)
        .where(h.undone == 0, _OWN)
        .order_by(h.id.desc())
    )
    with library.reading() as connection:
        return [Step(row.kind, row.sounds, row.name) for row in connection.execute(listed)]


# Recording


def _of_run(run: str) -> tuple[ColumnElement[bool], ...]:
    h = tables.history.c
    return h.kind.in_(sorted(RUNS)), h.name == run, _OWN


def _rows(connection: Connection, table: str, where: ColumnElement[bool]) -> list[Row]:
    columns = [tables.metadata.tables[table].c[name] for name in COLUMNS[table]]
    return [tuple(row) for row in connection.execute(select(*columns).where(where))]


def _difference(before: Rows, after: Rows) -> tuple[Rows, Rows]:
    """Return the rows that are in only one of the two."""
    was, becomes = {}, {}
    for table in before:
        old, new = set(before[table]), set(after[table])
        was[table] = sorted(old - new, key=repr)
        becomes[table] = sorted(new - old, key=repr)
    return was, becomes


def _note(connection: Connection, kind: Kind, name: str, was: Rows, becomes: Rows) -> None:
    """Record a step, if anything has changed; what was taken back cannot be done again then."""
    changed = {t: [was[t], becomes[t]] for t in was if was[t] or becomes[t]}
    if changed:
        _insert(connection, kind, name, len(_sounds_of(changed)), changed)


def _insert(
    connection: Connection,
    kind: Kind,
    name: str,
    count: int,
    changed: Mapping[str, Sequence[Sequence[Row]]],
) -> None:
    h = tables.history.c
    connection.execute(delete(tables.history).where(h.undone == 1, _OWN))
    values = {
        "done_ns": time.time_ns(),
        "undone": 0,
        "kind": kind,
        "name": name,
        "count": count,
        "change": written(changed),
    }
    connection.execute(insert(tables.history).values(values))
    _forget_old(connection)


def _forget_old(connection: Connection) -> None:
    h = tables.history.c
    sizes = select(h.id, func.length(h.change).label("size")).where(_OWN).order_by(h.id.desc())
    room = _MOST_BYTES
    for number, row in enumerate(connection.execute(sizes).all()):
        room -= row.size
        if number >= _STEPS or (room < 0 and number):
            connection.execute(delete(tables.history).where(h.id <= row.id, _OWN))
            return


def _sounds_of(changed: Mapping[str, Sequence[Sequence[Row]]]) -> list[int]:
    found = {
        row[COLUMNS[table].index("sound_id")]
        for table, both in changed.items()
        if "sound_id" in COLUMNS[table]
        for rows in both
        for row in rows
    }
    return sorted(found)


# There and back


def _go(library: Library, forth: bool) -> Restored | None:
    h = tables.history.c
    wanted = select(h.id, h.kind, h.name, h["count"].label("sounds"), h.change).where(
        h.undone == int(forth), _OWN
    )
    wanted = wanted.order_by(h.id.asc() if forth else h.id.desc()).limit(1)
    with library.writing() as connection:
        row = connection.execute(wanted).one_or_none()
        if row is None:
            return None
        if row.kind in RUNS:
            return Restored(Step(row.kind, row.sounds, row.name), ())
        changed = read(row.change)
        if changed is None:
            connection.execute(delete(tables.history).where(h.id == row.id))
        else:
            known = {t: _with_authors(connection, t, both) for t, both in changed.items()}
            changes = {t: both if forth else both[::-1] for t, both in known.items()}
            left = sum(_take_away(connection, t, *changes[t]) for t in reversed(changes))
            left += sum(_put_back(connection, t, *changes[t]) for t in changes)
            connection.execute(
                update(tables.history).where(h.id == row.id).values(undone=int(not forth))
            )
            searched = {table: changed[table] for table in _SEARCHED if table in changed}
            if searched:
                index_words(connection, _sounds_of(searched))
    if changed is None:
        raise InputError("the record of the last step is damaged: it cannot be undone")
    return Restored(Step(row.kind, row.sounds, row.name), tuple(_sounds_of(changed)), left)


def _take_away(connection: Connection, name: str, now: Sequence[Row], then: Sequence[Row]) -> int:
    """Delete rows that were not there then; return how many stay, as they were changed since."""
    table, keys = tables.metadata.tables[name], KEYS[name]
    kept = _by_key(name, then)
    was = {key: row for key, row in _by_key(name, now).items() if key not in kept}
    held = _held(connection, name, was)
    gone = [key for key, row in was.items() if held.get(key) == row]
    if gone:
        clauses = [table.c[column] == bindparam(f"k{n}") for n, column in enumerate(keys)]
        rows = [{f"k{n}": part for n, part in enumerate(key)} for key in gone]
        connection.execute(delete(table).where(*clauses), rows)
    return len(was) - len(gone)


def _with_authors(
    connection: Connection, name: str, both: tuple[list[Row], list[Row]]
) -> tuple[list[Row], list[Row]]:
    """Return rows with their authors: older steps do not say whose they are, mostly one's own."""
    if name not in NAMED:
        return both
    mine = ""
    if connection.dialect.name == SERVER:
        mine = str(connection.scalar(select(func.session_user())))
    held = _held(connection, name, {row[:1] for rows in both for row in rows})
    was, becomes = (
        [
            row if row[-1] is not None else (*row[:-1], held.get(row[:1], (mine,))[-1])
            for row in rows
        ]
        for rows in both
    )
    return was, becomes


def _put_back(connection: Connection, name: str, now: Sequence[Row], then: Sequence[Row]) -> int:
    """Let rows be what they were then; return how many are not, as they were changed since.

    Rows of sounds or collections that are gone are among these.
    """
    was, wanted = _by_key(name, now), _by_key(name, then)
    held = _held(connection, name, wanted)
    taken = _taken_names(connection, name, then)
    alive = _alive(connection, name, then)
    back = [
        dict(zip(COLUMNS[name], row, strict=True))
        for key, row in wanted.items()
        if held.get(key) == was.get(key) and key in alive and key not in taken
    ]
    if back:
        table, keys = tables.metadata.tables[name], KEYS[name]
        others = [column for column in COLUMNS[name] if column not in (*keys, "author")]
        statement = tables.replacing(table, keys, others) if others else insert(table)
        if name in NAMED:
            _put_back_named(connection, name, statement, back)
        else:
            connection.execute(statement, back)
    return len(wanted) - len(back)


def _put_back_named(
    connection: Connection, name: str, statement: Executable, back: Sequence[Mapping[str, Any]]
) -> None:
    """Put back what is somebody's, one by one, as theirs.

    :raises InputError: it would become one's own, or they have one of that name, perhaps hidden.
    """
    for row in back:
        with suppress(IntegrityError):
            connection.execute(statement, row)
            key = (row["id"],)
            if _held(connection, name, {key})[key][-1] == row["author"]:
                continue
        raise InputError(
            f"{one_line(row['name'])} cannot be put back as {one_line(row['author'])}'s, whose it "
            "was: ask them to make it again"
        )


def _by_key(name: str, rows: Sequence[Row]) -> dict[Row, Row]:
    places = [COLUMNS[name].index(key) for key in KEYS[name]]
    return {tuple(row[place] for place in places): row for row in rows}


def _held(connection: Connection, name: str, keys: Collection[Row]) -> dict[Row, Row]:
    """Return the rows that are there now under some keys, and perhaps others."""
    first = tables.metadata.tables[name].c[KEYS[name][0]]
    return _by_key(
        name, _rows(connection, name, first.in_(tables.chosen({key[0] for key in keys})))
    )


def _taken_names(connection: Connection, name: str, then: Sequence[Row]) -> set[Row]:
    """Return the keys of rows whose names others of the same author have by now."""
    if name not in NAMED or not then:
        return set()
    places = [COLUMNS[name].index(column) for column in ("id", "author", "name")]
    c = tables.metadata.tables[name].c
    rows = connection.execute(select(c.id, c.author, c.name))
    owners = {(row.author, row.name): row.id for row in rows}
    found = (tuple(row[place] for place in places) for row in then)
    return {(at,) for at, *of in found if owners.get(tuple(of), at) != at}


def _alive(connection: Connection, name: str, then: Sequence[Row]) -> set[Row]:
    """Return the keys of rows whose sounds and collections are there."""
    keys, columns = KEYS[name], COLUMNS[name]
    found = list(then)
    for column, parent in (("sound_id", tables.sounds), ("collection_id", tables.collections)):
        if column in columns and found:
            place = columns.index(column)
            ids = tables.chosen({row[place] for row in found})
            living = set(connection.scalars(select(parent.c.id).where(parent.c.id.in_(ids))))
            found = [row for row in found if row[place] in living]
    return {tuple(row[columns.index(key)] for key in keys) for row in found}
