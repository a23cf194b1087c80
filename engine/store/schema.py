"""Of which schema a library on a server is, and who may change or write it at a time.

Admins of a library may make functions, and views in the place of tables, that whoever works there
runs.  Guarded connections (:func:`engine.store.server.connected`) run none: they look for names
among the server's own only, and read nothing but tables.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sqlalchemy import Connection, CursorResult, text

from engine.errors import LibraryError
from engine.store.connection import REVISION, is_newer
from engine.store.roles import schema_of
from engine.store.tables import COPYING

INDEXING = 1_936_683_876  # of advisory locks, as those below
_WRITING, _SCHEMA = 1_936_683_875, 1_936_683_877
_OLDEST = 15  # version of the server
NO_LIBRARY = "{name} is not a Soundsift library, or it is damaged: restore a backup of the server"


def lock_schema(connection: Connection) -> None:
    """Keep others from changing the schema, or who may what, until the transaction ends."""
    connection.execute(_TAKE_LOCK, {"kind": _SCHEMA})


def lock_writing(connection: Connection) -> None:
    """Wait until nobody else writes, and keep others from it until the transaction ends."""
    connection.execute(_TAKE_LOCK, {"kind": _WRITING})


def begin_writing(connection: Connection, name: str, alone: bool) -> None:
    """Let a transaction write, if the schema is still ours; it stays that until its end.

    :param alone: while nobody else writes; otherwise only the schema is kept.
    :raises LibraryError: somebody has upgraded it.
    """
    if alone:
        lock_writing(connection)
    else:
        connection.execute(_SHARE_LOCK, {"kind": _SCHEMA})
    refuse_unlike(name, str(connection.scalar(_REVISION)))


def revision_at(connection: Connection, name: str) -> str | None:
    """Return the revision of the schema, None if there is no library.

    :raises LibraryError: the server is too old, or there is something else of that name.
    """
    version = int((connection.dialect.server_version_info or (0,))[0])
    if version < _OLDEST:
        raise LibraryError(
            f"the server of {name} is PostgreSQL {version}: a library needs {_OLDEST} or later"
        )
    if connection.scalar(_IS_TABLE, {"name": "alembic_version"}) is None:
        return None
    found = of_table(connection, name, "SELECT version_num FROM ONLY {}", "alembic_version")
    revision = found.scalar()
    return None if revision is None else str(revision)


def refuse_unlike(name: str, revision: str) -> None:
    """Refuse a library of another schema than ours.

    :raises LibraryError: it is of another.
    """
    if revision != REVISION:
        raise LibraryError(other_schema(name, revision))


def refuse_unfinished(connection: Connection, name: str) -> None:
    """Refuse what is still copied into.

    :raises LibraryError: it is.
    """
    if is_copying(connection, name):
        raise LibraryError(
            f"{name} is a copy that was not finished: run `soundsift library copy` again"
        )


def is_copying(connection: Connection, name: str) -> bool:
    """Return whether a copy into a library has not been finished."""
    names = of_table(connection, name, "SELECT name FROM ONLY {}", "settings")
    return COPYING in names.scalars().all()


def refuse_odd(connection: Connection, name: str) -> None:
    """Refuse a database that is something else's, or cannot hold every text.

    :raises LibraryError: it is.
    """
    if connection.scalar(_TABLES):
        raise LibraryError(f"{name} is a database, but not a Soundsift library")
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise LibraryError(
            f"the database {name} is encoded as {encoding}: a library needs UTF8 (`createdb -E "
            "UTF8 -T template0`)"
        )


def other_schema(name: str, revision: str) -> str:
    """Return what to do about a library whose schema is another."""
    if is_newer(revision):
        return (
            f"{name} was made by a newer Soundsift (its schema is {revision}): update Soundsift, "
            "or choose another --library"
        )
    return (
        f"{name} was made by an older Soundsift (its schema is {revision}): when all who use it "
        f"have this one, run `soundsift library upgrade --library {name}`"
    )


def of_table(connection: Connection, name: str, statement: str, table: str) -> CursorResult[Any]:
    """Run a statement in which ``{}`` is a table of the library.

    :raises LibraryError: a guarded connection was to read what is no table.
    """
    sql = import_module("psycopg.sql")
    raw = connection.connection.driver_connection

    def run(said: str) -> CursorResult[Any]:
        composed = sql.SQL(said).format(place).as_string(raw)
        return connection.exec_driver_sql(composed, execution_options={"no_parameters": True})

    place = sql.Identifier(table)
    if connection.get_execution_options().get("guarded"):
        place = sql.Identifier(schema_of(connection), table)
        run("LOCK TABLE ONLY {} IN ACCESS SHARE MODE")  # so that it stays what it is
        if not connection.scalar(_IS_TABLE, {"name": table}):
            raise LibraryError(NO_LIBRARY.format(name=name))
    return run(statement)


_LOCKED = "(:kind, pg_catalog.hashtext(pg_catalog.current_setting('soundsift.schema')))"
TRY_LOCK = text(f"SELECT pg_catalog.pg_try_advisory_lock{_LOCKED}")
UNLOCK = text(f"SELECT pg_catalog.pg_advisory_unlock{_LOCKED}")
_TAKE_LOCK = text(f"SELECT pg_catalog.pg_advisory_xact_lock{_LOCKED}")
_SHARE_LOCK = text(f"SELECT pg_catalog.pg_advisory_xact_lock_shared{_LOCKED}")
_REVISION = text("SELECT version_num FROM alembic_version")
_IS_TABLE = text(
    "SELECT c.relkind = 'r' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_setting('soundsift.schema') AND c.relname = :name"
)
_TABLES = text(
    "SELECT count(*) FROM pg_tables WHERE schemaname = current_setting('soundsift.schema')"
)
