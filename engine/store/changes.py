"""What has changed in a library on a server since a moment, as its triggers note it.

A moment is a snapshot of the server's: which transactions it sees.  What one snapshot sees and an
earlier one does not is what was committed between them, whatever the order in which transactions
began, took numbers and ended; see docs/decisions/0034.

Notes on what a collection holds, ``COLLECTION/SOUND``, are seen by who sees the collection.  That
it is shared, kept or removed is noted of the collection itself: all that it holds goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ARRAY, BigInteger, Connection, bindparam, text

CHANNEL = "soundsift_changes"  # on which is told that there are some
KEYS: Mapping[str, str] = {  # by table, the column by whose values changes are noted
    "roots": "id",
    "folders": "id",
    "sounds": "id",
    "windows": "sound_id",
    "skipped": "path",
    "settings": "name",
    "tags": "sound_id",
    "interest": "folder",
    "thumbnails": "sound_id",
    "collections": "id",
    "collected": "sound_id",
    "regions": "sound_id",
    "marks": "sound_id",
    "uses": "sound_id",
    "saved_searches": "id",
    "history": "id",
    "words": "rowid",
}


@dataclass(frozen=True)
class Moment:
    """What a transaction on a server sees, and whose it is.

    ``server`` tells one database of one server from every other, also from its own restored copy.
    """

    server: str
    snapshot: str
    revision: str = ""
    member: str = ""


@dataclass(frozen=True)
class Changes:
    """The keys of changed rows by table (None: all rows), and which transactions changed them."""

    rows: Mapping[str, set[str] | None]
    transactions: frozenset[int]


def moment(connection: Connection) -> Moment:
    """Return what a read transaction sees.

    :raises DBAPIError: the server cannot be asked.
    """
    row = connection.execute(_MOMENT).one()
    return Moment(row.server, row.snapshot, row.revision or "", row.member)


def can_follow(connection: Connection, then: Moment, now: Moment) -> bool:
    """Return whether all that changed between two moments is still noted, for the same member.

    Another one sees other rows, which no note tells of.  What ``then`` did not see yet are the
    transactions from its last on, and those that ran at that time, however long ago they began.
    """
    if then.server != now.server or then.member != now.member:
        return False
    (ends, ran), (new_end, running) = _unseen(then), _unseen(now)
    gone = connection.scalar(_GONE) or 0
    if gone >= new_end:  # of a server that this one was restored from
        gone = 0
    ended = ran - running
    return gone < ends <= new_end and all(number > gone for number in ended)


def changes_since(connection: Connection, then: Moment) -> Changes:
    """Return what the transaction of a connection sees, and ``then`` did not."""
    rows: dict[str, set[str] | None] = {}
    transactions = set()
    ends, ran = _unseen(then)
    for row in connection.execute(_SINCE, {"ends": ends, "ran": sorted(ran)}):
        transactions.add(row.transaction_id)
        if not row.row_key:  # all of it, or a row whose name is empty: more is no harm
            rows[row.table_name] = None
        else:
            known = rows.setdefault(row.table_name, set())
            if known is not None:
                known.add(row.row_key)
    return Changes(rows, frozenset(transactions))


def own_transaction(connection: Connection) -> int | None:
    """Return the number of a connection's transaction, None if it has changed nothing."""
    number = connection.scalar(_OWN)
    return None if number is None else int(number)


def _unseen(moment: Moment) -> tuple[int, frozenset[int]]:
    """Return from which transaction on a moment sees none, and which of those before that ran."""
    _, ends, ran = moment.snapshot.split(":")  # as PostgreSQL documents pg_snapshot
    return int(ends), frozenset(map(int, filter(None, ran.split(","))))


# The timeline is another after a restored backup, or when a standby took over.
_MOMENT = text(
    "SELECT pg_current_snapshot()::text AS snapshot, session_user::text AS member, "
    "(SELECT version_num FROM alembic_version) AS revision, "
    "concat_ws('/', (SELECT system_identifier FROM pg_control_system()), "
    "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), "
    "(SELECT oid FROM pg_database WHERE datname = current_database()), "
    "to_regclass('changes')::oid) AS server"
)
_GONE = text("SELECT max(CAST(row_key AS bigint)) FROM changes WHERE transaction_id = 0")
_SINCE = text(
    "SELECT transaction_id, table_name, "
    "CASE table_name WHEN 'collected' THEN split_part(row_key, '/', 2) ELSE row_key END AS row_key "
    "FROM changes WHERE (transaction_id >= :ends OR transaction_id = ANY(:ran)) "
    "AND pg_visible_in_snapshot("
    "CAST(CAST(transaction_id AS text) AS xid8), pg_current_snapshot())"
).bindparams(bindparam("ends", type_=BigInteger()), bindparam("ran", type_=ARRAY(BigInteger())))
_OWN = text("SELECT CAST(pg_current_xact_id_if_assigned() AS text)")
