"""A copy of a server's library near its user: a file of SQLite's, in which searches are answered.

It holds the server's rows with their ids, all but features of windows and what belongs to workers,
as one of the server's snapshots sees them, for one member of its team.  First all rows are copied,
some at a time: killed, it goes on behind the last.  Then what has changed since is fetched, and put
in place in one transaction.  Several processes may share a copy; one at a time lets it follow.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import (
    BigInteger,
    Connection,
    String,
    any_,
    bindparam,
    delete,
    event,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.expression import TableClause

from engine.errors import LibraryError
from engine.log import logger
from engine.paths import remove_own
from engine.progress import Control, Progress
from engine.store import tables
from engine.store.changes import (
    KEYS,
    Changes,
    Moment,
    can_follow,
    changes_since,
)
from engine.store.connection import REVISION
from engine.store.copies import damaged
from engine.store.database import File
from engine.store.portions import rows_behind
from engine.store.tables import FOLLOWING, MEMBER

_log = logger(__name__)
_AT_ONCE = 4000  # rows that are copied in a transaction
_KEYS_AT_ONCE = 1000
_PATIENCE_S = 120.0  # while another process lets the copy follow
_LEFT_OUT = {("windows", "features")}  # for listening and training only, and half of all bytes
_OWN = (FOLLOWING, MEMBER)  # settings that are not the server's
Writing = Callable[[], AbstractContextManager[Connection]]
_HELD: dict[str, TableClause] = {**tables.metadata.tables, "words": tables.words}


@dataclass(frozen=True)
class State:
    """Which of the server's moments a copy shows, if it ``is_whole``, and when it was the last.

    ``at_s`` is by this computer's clock, in seconds since 1970.
    """

    moment: Moment
    is_whole: bool
    at_s: float


class Replica:
    """The copy, in a file that no other version of the schema has."""

    def __init__(self, beside: Path, member: str) -> None:
        """Open the copy, or make an empty one, also where it is damaged.

        :param beside: where this computer keeps what belongs to the library.
        :param member: who reads it; another one may see other rows, and has another copy.
        :raises LibraryError: it cannot be opened.
        """
        self.member = member
        kind = f"{REVISION}-{hashlib.sha256(member.encode()).hexdigest()[:16]}"
        self.path = beside.with_name(f"{beside.name}.copy-{kind}.db")
        try:
            self.file = self._opened()
        except LibraryError as error:
            if str(error) != damaged(self.path):
                raise
            _log.warning("the copy of a library on a server was damaged, and is made anew")
            remove_own(beside.parent, _files(beside, kind))
            self.file = self._opened()
        # Of older Soundsifts, which had other schemas, or one copy for all members.
        remove_own(beside.parent, _files(beside, rf"(?!{REVISION}-)\w+(-\w+)?"))

    def _opened(self) -> File:
        making: AbstractContextManager[object] = nullcontext()
        if not self.path.exists():
            with suppress(OSError):  # which whoever opens the file tells
                self.path.parent.mkdir(parents=True, exist_ok=True)
            making = self.following(wait=True)
        with making:
            file = File(self.path)

        @event.listens_for(file.engine, "connect")
        def prepare(connection: Any, record: Any) -> None:
            # Rows go and come in any order; what the server's own rules made of them is noted.
            connection.execute("PRAGMA foreign_keys = OFF")

        file.engine.dispose()
        with file.sentences():
            with file.reading() as connection:
                has_trigger = connection.scalar(_HAS_TRIGGER)
            if has_trigger:
                with file.writing() as connection:
                    connection.execute(_FORGET_TRIGGER)
        return file

    def state(self) -> State | None:
        """Return how far the copy is, None for an empty one."""
        with self.file.reading() as connection:
            return _state(connection)

    @contextmanager
    def following(self, wait: bool) -> Iterator[bool]:
        """Keep other processes from letting the copy follow; give False if one does.

        :param wait: until it has finished.
        :raises LibraryError: it takes too long.
        """
        lock = FileLock(f"{self.path}.lock", timeout=_PATIENCE_S if wait else 0)
        try:
            lock.acquire()
        except Timeout:
            if wait:
                raise LibraryError(
                    f"{self.path} is in use by another program: try again when it has finished"
                ) from None
            yield False
            return
        except OSError as error:
            raise LibraryError(f"{self.path} cannot be locked: {error.strerror or error}") from None
        try:
            yield True
        finally:
            lock.release()

    def follow(self, source: Connection, now: Moment, control: Control) -> None:
        """Let the copy show what a read transaction on the server sees.

        A copy that the server cannot tell of any more is made anew, in one transaction.

        :param source: a connection that sees the moment ``now``.
        :raises Cancelled: the user asked to stop.
        """
        state = self.state()
        if state is None or not can_follow(source, state.moment, now):
            if state is not None and state.is_whole:
                self._make_anew(source, now, control)
                return
            with self.file.writing() as connection:
                _empty(connection)
                state = State(now, False, time.time())
                _put_state(connection, state)
        if not state.is_whole:
            self._fill(source, control, self.file.writing)
        changes = changes_since(source, state.moment)
        if changes.rows or not state.is_whole or state.moment.member != now.member:
            with self.file.writing() as connection:
                _apply(connection, source, changes, control)
                _put_state(connection, State(now, True, time.time()))

    def _make_anew(self, source: Connection, now: Moment, control: Control) -> None:
        """Copy everything while others go on to read what was there."""
        with self.file.writing() as connection:
            _empty(connection)
            self._fill(source, control, lambda: nullcontext(connection))
            _put_state(connection, State(now, True, time.time()))

    def _fill(self, source: Connection, control: Control, writing: Writing) -> None:
        """Copy the rows of all tables behind the last ones that are there; then index them."""
        indexes = [i for t in tables.metadata.sorted_tables if t.name in KEYS for i in t.indexes]
        with writing() as connection:
            for index in indexes:  # row by row they take much longer
                index.drop(connection, checkfirst=True)
        for name in KEYS:
            _copy(_HELD[name], source, control, writing)
        for number, index in enumerate(indexes):
            control.report(Progress("indexing", number, len(indexes)))
            with writing() as connection:
                index.create(connection, checkfirst=True)

    def note_time(self) -> None:
        """Note that the copy shows what the server holds now."""
        with self.file.writing() as connection:
            state = _state(connection)
            if state is not None:
                _put_state(connection, State(state.moment, state.is_whole, time.time()))

    def close(self) -> None:
        """Close every connection."""
        self.file.close()


# By which words go with their sound: the server notes that.
_HAS_TRIGGER = text("SELECT 1 FROM sqlite_master WHERE name = 'sound_gone'")
_FORGET_TRIGGER = text("DROP TRIGGER IF EXISTS sound_gone")


def _files(beside: Path, kind: str) -> re.Pattern[str]:
    """Return what the files of a copy are called."""
    return re.compile(rf"{re.escape(beside.name)}\.copy-{kind}\.db(-wal|-shm|-journal|\.lock)?")


def _setting(connection: Connection, name: str) -> bytes | None:
    s = tables.settings.c
    return connection.scalar(select(s.value).where(s.name == name))


def _state(connection: Connection) -> State | None:
    value = _setting(connection, FOLLOWING)
    if value is None:
        return None
    said = json.loads(value)
    member = (_setting(connection, MEMBER) or b"").decode()
    now = Moment(said["server"], said["snapshot"], REVISION, member)
    return State(now, said["is_whole"], said["at_s"])


def _put_state(connection: Connection, state: State) -> None:
    said = {
        "server": state.moment.server,
        "snapshot": state.moment.snapshot,
        "is_whole": state.is_whole,
        "at_s": state.at_s,
    }
    rows = [
        {"name": FOLLOWING, "value": json.dumps(said).encode()},
        {"name": MEMBER, "value": state.moment.member.encode()},
    ]
    connection.execute(tables.replacing(tables.settings, ["name"], ["value"]), rows)


def _empty(connection: Connection) -> None:
    for name in KEYS:
        connection.execute(delete(_HELD[name]))


def _copy(table: TableClause, source: Connection, control: Control, writing: Writing) -> None:
    """Copy the rows of a table behind the last one that is there."""
    keys = _primary_key(table)
    with writing() as connection:
        held = _but_own(select(*keys), table).order_by(*(key.desc() for key in keys))
        last: Sequence[Any] | None = connection.execute(held.limit(1)).first()
        done = connection.scalar(select(func.count()).select_from(table)) or 0
    total = source.scalar(select(func.count()).select_from(table)) or 0
    control.report(Progress(f"fetching {table.name}", min(done, total), total))
    for some in rows_behind(source, select(*_columns(table)), keys, last, _AT_ONCE):
        with writing() as connection:
            _insert(connection, table, some)
        done += len(some)
        control.report(Progress(f"fetching {table.name}", min(done, total), total))


def _apply(connection: Connection, source: Connection, changes: Changes, control: Control) -> None:
    """Replace the rows that changed: all go before any comes, as unique values may change hands."""
    replaced = [(_HELD[name], KEYS[name], keys) for name, keys in changes.rows.items()]
    if "collections" in changes.rows:  # what they hold is seen, or hidden, with them
        replaced.append((tables.collected, "collection_id", changes.rows["collections"]))
    for table, key, keys in replaced:
        for some in _portions(table.c[key], keys):
            gone = _but_own(delete(table), table)
            gone = gone if some is None else gone.where(_is_one_of(table.c[key], some))
            connection.execute(gone)
    for table, key, keys in replaced:
        field, done = table.c[key], 0
        for some in _portions(field, keys):
            control.report(Progress(f"fetching {table.name}", done, len(keys or ())))
            wanted = select(*_columns(table)).execution_options(yield_per=_AT_ONCE)
            if some is not None:
                kind = BigInteger() if isinstance(some[0], int) else String()
                wanted = wanted.where(field == any_(bindparam("k", some, ARRAY(kind))))
            with source.execute(wanted) as result:
                for part in result.partitions():
                    _insert(connection, table, part)
            done += len(some or ())


def _portions(field: Any, keys: Collection[str] | None) -> Iterator[Sequence[Any] | None]:
    """Give keys of a column some at a time, or None for all rows."""
    if keys is None:
        yield None
        return
    is_number = field.name in ("id", "sound_id", "collection_id", "rowid")
    listed: list[Any] = sorted(int(key) for key in keys) if is_number else sorted(keys)
    for start in range(0, len(listed), _KEYS_AT_ONCE):
        yield listed[start : start + _KEYS_AT_ONCE]


def _is_one_of(field: Any, keys: Sequence[Any]) -> Any:
    """Return the condition, in a file, that a column is one of some keys, as one parameter."""
    values = func.json_each(json.dumps(list(keys))).table_valued("value")
    return field.in_(select(values.c.value))


def _insert(connection: Connection, table: TableClause, rows: Sequence[Any]) -> None:
    """Insert rows of a server's; those of which a copy begun earlier has the name give way."""
    values: dict[str, Any] = {c.name: bindparam(c.name) for c in _columns(table)}
    values |= {name: literal_column("x''") for of, name in _LEFT_OUT if of == table.name}
    statement = insert(table).prefix_with("OR REPLACE").values(values)
    compiled = statement.compile(dialect=connection.dialect)
    given = [c.name for c in _columns(table)]
    in_its_order = itemgetter(*(given.index(name) for name in compiled.positiontup or ()))
    connection.exec_driver_sql(str(compiled), list(map(in_its_order, rows)))


def _columns(table: TableClause) -> list[Any]:
    return [c for c in table.columns if (table.name, c.name) not in _LEFT_OUT]


def _primary_key(table: TableClause) -> list[Any]:
    return [table.c.rowid] if table is tables.words else list(table.primary_key)


def _but_own(statement: Any, table: TableClause) -> Any:
    """Return a statement on all rows but our own."""
    if table is tables.settings:
        return statement.where(tables.settings.c.name.not_in(_OWN))
    return statement
