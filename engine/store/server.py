"""Libraries on a PostgreSQL server, which several people and computers share.

An address is what libpq takes, ``postgresql://USER@SERVER/DATABASE?…``, so that TLS, service files
and ``~/.pgpass`` work as everywhere.  It may hold no password: then none of ours can tell it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from engine.errors import LibraryError
from engine.log import logger
from engine.paths import data_folder
from engine.plain_text import one_line
from engine.progress import Control, Progress
from engine.store import roles
from engine.store.connection import REVISION, busy, is_newer, no_library, upgrade_schema
from engine.store.records import Behind
from engine.store.roles import Membership
from engine.store.server_errors import HELD, told
from engine.store.tables import COPYING

_OLDEST = 15  # version of the server
_LOCK_S, _CONNECT_S = 10, 10
_PATIENCE_S = 600.0  # of long work with others who write
_KEEPALIVE = {  # so that a cable that was pulled is noticed within half a minute
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_WRITING, _INDEXING, _SCHEMA = 1_936_683_875, 1_936_683_876, 1_936_683_877  # of advisory locks
_WHERE = ("host", "hostaddr", "port", "dbname", "service", "options")  # make it another library
_SECRET = (
    *("password", "sslpassword"),
    *("oauth_client_secret", "scram_client_key", "scram_server_key"),
)
_HOLDS_PASSWORD = re.compile(r"\w+://[^@?]*:[^?]*@")
_PORTS = re.compile(r"[\d,]*")
_log = logger(__name__)


class Server:
    """A database of a server; see :class:`engine.store.database.Database`."""

    file: Path | None = None

    def __init__(self, address: str, make: bool = True, for_copying: bool = False) -> None:
        self.name = one_line(address)
        self._address = address
        self._patient: Control | None = None  # who waits long for others who write
        self.engine = _engine(address)
        self.path = own_place(address)
        self._reader = self.engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        try:
            with self.sentences():
                self._check(make)
                if not for_copying:
                    with self.engine.connect() as connection:
                        refuse_unfinished(connection, self.name)
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(
                f"the folder {self.path.parent} cannot be created: {error.strerror}"
            ) from None
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Turn the server's errors into sentences, none of which holds what was sent to it."""
        try:
            yield
        except DBAPIError as error:
            raise told(self._address, error, self.engine) from None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection in one consistent read transaction."""
        with self._reader.connect() as connection, connection.begin():
            yield connection

    def reading_all(self) -> AbstractContextManager[Connection]:
        """Give the same: nothing is left out."""
        return self.reading()

    def membership(self) -> Membership:
        """Return as whom one is known to the server, and what one may."""
        with self.sentences(), self.reading() as connection:
            return roles.membership(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a write transaction, while nobody else has one.

        Steps of history and ids of windows rely on that, as they do on SQLite's lock.
        """
        with self.engine.connect() as connection, self._turn(connection):
            yield connection

    def _turn(self, connection: Connection) -> RootTransaction:
        """Begin a transaction in which nobody else writes."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            transaction = connection.begin()
            try:
                _lock(connection, _WRITING)
            except DBAPIError as error:
                transaction.rollback()
                is_held = getattr(error.orig, "sqlstate", None) == HELD
                if self._patient is None or not is_held or time.monotonic() > until:
                    raise
                self._patient.report(Progress("waiting for others who write", 0))
            else:
                return transaction

    @contextmanager
    def patiently(self, control: Control) -> Iterator[None]:
        """Within it, writing waits long for others who write, and tells that it waits."""
        before, self._patient = self._patient, control
        try:
            yield
        finally:
            self._patient = before

    def others_wrote(self) -> bool:
        """Return False: who wants to know it follows the server (:mod:`engine.store.following`)."""
        return False

    def behind(self) -> Behind | None:
        """Return None: it is read where it is."""
        return None

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other index runs away: the server frees the lock when a connection ends."""
        with self.sentences():
            connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with self.sentences():
                free = connection.scalar(_TRY_LOCK, {"kind": _INDEXING})
            if not free:
                raise busy(self.name)
            yield
        finally:
            with suppress(DBAPIError):  # the server is gone, and the lock with it
                connection.scalar(_UNLOCK, {"kind": _INDEXING})
            connection.close()

    def _check(self, make: bool) -> None:
        """Make the schema where there is none; refuse what is not of this Soundsift."""
        with self.engine.connect() as connection:
            revision = revision_at(connection, self.name)
        if revision is not None:
            refuse_unlike(self.name, revision)
            return
        if not make:
            raise LibraryError(no_library(self.name))
        with self.engine.connect() as connection, connection.begin():
            lock_schema(connection)
            if revision_at(connection, self.name) is None:
                _refuse_odd(connection, self.name)
                upgrade_schema(connection)
                _log.info("a library of schema %s was made on a server", REVISION)


@contextmanager
def connected(address: str) -> Iterator[Connection]:
    """Give one connection, in a transaction, to a database that need not hold a library.

    :raises LibraryError: the server cannot be asked, or refuses something.
    """
    engine = _engine(address)
    try:
        with engine.connect() as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        raise told(address, error, engine) from None
    finally:
        engine.dispose()


def has_library(address: str) -> bool:
    """Return whether there is a library.

    :raises LibraryError: the server cannot be asked.
    """
    with connected(address) as connection:
        return revision_at(connection, one_line(address)) is not None


def upgrade(address: str) -> bool:
    """Bring the schema of a library up to date; return whether it was not.

    :raises LibraryError: there is none, or a newer Soundsift made it.
    """
    name = one_line(address)
    with connected(address) as connection:
        lock_schema(connection)
        revision = revision_at(connection, name)
        if revision is None:
            raise LibraryError(no_library(name))
        if revision != REVISION:
            if is_newer(revision):
                raise LibraryError(other_schema(name, revision))
            with_roles = roles.are_made(connection)
            if with_roles:  # what is made belongs to all admins, whoever made it
                roles.become_admin(connection)
            upgrade_schema(connection)
            if with_roles:
                roles.settle(connection)
    return revision != REVISION


def lock_schema(connection: Connection) -> None:
    """Keep others from changing the schema, or who may what, until the transaction ends."""
    _lock(connection, _SCHEMA)


_TRY_LOCK = text("SELECT pg_try_advisory_lock(:kind, hashtext(current_schema()))")
_UNLOCK = text("SELECT pg_advisory_unlock(:kind, hashtext(current_schema()))")
_TAKE_LOCK = text("SELECT pg_advisory_xact_lock(:kind, hashtext(current_schema()))")
_HAS_REVISION = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_REVISION = text("SELECT version_num FROM alembic_version")
_TABLES = text("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
_IS_COPYING = text("SELECT 1 FROM settings WHERE name = :name")


def _lock(connection: Connection, kind: int) -> None:
    connection.execute(_TAKE_LOCK, {"kind": kind})


def revision_at(connection: Connection, name: str) -> str | None:
    """Return the revision of the schema, None if there is no library.

    :raises LibraryError: the server is too old.
    """
    version = int((connection.dialect.server_version_info or (0,))[0])
    if version < _OLDEST:
        raise LibraryError(
            f"the server of {name} is PostgreSQL {version}: a library needs {_OLDEST} or later"
        )
    if not connection.scalar(_HAS_REVISION):
        return None
    revision = connection.scalar(_REVISION)
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
    if is_copying(connection):
        raise LibraryError(
            f"{name} is a copy that was not finished: run `soundsift library copy` again"
        )


def is_copying(connection: Connection) -> bool:
    """Return whether a copy into a library has not been finished."""
    return connection.scalar(_IS_COPYING, {"name": COPYING}) is not None


def _refuse_odd(connection: Connection, name: str) -> None:
    """Refuse a database that is something else's, or cannot hold every text."""
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


def _engine(address: str) -> Engine:
    given = parts(address)
    driver = import_module("psycopg")
    more: dict[str, Any] = {"application_name": "soundsift", "connect_timeout": _CONNECT_S}
    more |= _KEEPALIVE
    more = {key: value for key, value in more.items() if key not in given}
    more |= {"client_encoding": "UTF8", "cursor_factory": _binary("Cursor")}
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: driver.connect(address, **more),
        pool_pre_ping=True,
        pool_size=8,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.server_cursor_factory = _binary("ServerCursor")
        with connection.cursor() as cursor:  # compiling takes longer than our queries do
            cursor.execute(f"SET lock_timeout = '{_LOCK_S}s'")
            cursor.execute("SET jit = off")
        connection.commit()

    return engine


@cache
def _binary(kind: str) -> type[Any]:
    """Return a cursor of the driver's, but asking for values as they are: text doubles bytes."""
    driver = import_module("psycopg")
    plain: type[Any] = getattr(driver, kind)

    def begin(self: Any, *arguments: Any, **named: Any) -> None:
        plain.__init__(self, *arguments, **named)
        self.format = driver.pq.Format.BINARY

    return type(f"Binary{kind}", (plain,), {"__init__": begin})


def parts(address: str) -> dict[str, Any]:
    """Return what an address says; what is wrong with it is told without it.

    :raises LibraryError: it cannot be read, holds a password, or the driver is not installed.
    """
    try:
        conninfo = import_module("psycopg.conninfo")
    except ImportError:
        raise LibraryError(
            "a library on a server needs psycopg: install it with `pip install 'soundsift[team]'`"
        ) from None
    unreadable = LibraryError(
        "the address of the library cannot be read: write it as "
        "postgresql://USER@SERVER/DATABASE, without a password"
    )
    try:
        given: dict[str, Any] = conninfo.conninfo_to_dict(address)
    except Exception:  # whatever it says may hold a part of a password
        raise unreadable from None
    if not _PORTS.fullmatch(str(given.get("port") or "")):
        raise unreadable  # a part of a password with a slash or a question mark in it
    if any(given.get(key) for key in _SECRET) or _HOLDS_PASSWORD.match(address):
        raise LibraryError(
            "the address of the library holds a password: leave it out, and keep it in ~/.pgpass "
            "or in the variable PGPASSWORD"
        )
    return given


def asks_as(address: str) -> str:
    """Return as whom libpq asks at an address; nothing where it cannot tell.

    An address, a service, the environment or the account may say it: libpq itself is asked, with
    nobody to connect to.
    """
    conninfo, pq = import_module("psycopg.conninfo"), import_module("psycopg.pq")
    nowhere = conninfo.make_conninfo(address, host="/nowhere", hostaddr="", port="")
    begun = pq.PGconn.connect_start(nowhere.encode())
    try:
        return str(begun.user.decode(errors="replace"))
    finally:
        begun.finish()


def own_place(address: str) -> Path:
    """Return where this computer keeps what belongs to a library: vectors, and copies of it."""
    given = parts(address)
    where = "\n".join(f"{key}={given.get(key, '')}" for key in _WHERE)
    digest = hashlib.sha256(where.encode()).hexdigest()[:16]
    said = re.sub(r"[^\w.-]+", "-", f"{given.get('host', '')}-{given.get('dbname', '')}")
    return data_folder() / "servers" / f"{said.strip('-')[:60] or 'library'}-{digest}"
