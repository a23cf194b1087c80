"""Libraries on a PostgreSQL server, which several people and computers share.

An address is what libpq takes, ``postgresql://USER@SERVER/DATABASE?…``, so that TLS, service files
and ``~/.pgpass`` work as everywhere.  It may hold no password: then none of ours can tell it.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RootTransaction, create_engine
from sqlalchemy.exc import DBAPIError

from engine.errors import LibraryError, RefusedError
from engine.log import logger
from engine.paths import data_folder
from engine.plain_text import one_line
from engine.progress import Control, Progress
from engine.store import roles
from engine.store.connection import REVISION, busy, is_newer, no_library, upgrade_schema
from engine.store.passwords import kept_password
from engine.store.records import Behind
from engine.store.roles import Membership
from engine.store.schema import (
    INDEXING,
    TRY_LOCK,
    UNLOCK,
    begin_writing,
    lock_schema,
    lock_writing,
    other_schema,
    refuse_odd,
    refuse_unfinished,
    refuse_unlike,
    revision_at,
)
from engine.store.server_errors import HELD, told

_LOCK_S, _CONNECT_S = 10, 10
_PATIENCE_S = 600.0  # of long work with others who write
_KEEPALIVE = {  # so that a cable that was pulled is noticed within half a minute
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
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

        :raises LibraryError: somebody has upgraded it since it was opened.
        """
        with self.engine.connect() as connection, self._turn(connection):
            yield connection

    def _turn(self, connection: Connection) -> RootTransaction:
        """Begin a transaction in which nobody else writes."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            transaction = connection.begin()
            try:
                begin_writing(connection, self.name, alone=True)
            except BaseException as error:
                transaction.rollback()
                is_held = getattr(getattr(error, "orig", None), "sqlstate", None) == HELD
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
                free = connection.scalar(TRY_LOCK, {"kind": INDEXING})
            if not free:
                raise busy(self.name)
            yield
        finally:
            with suppress(DBAPIError):  # the server is gone, and the lock with it
                connection.scalar(UNLOCK, {"kind": INDEXING})
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
                refuse_odd(connection, self.name)
                upgrade_schema(connection)
                _log.info("a library of schema %s was made on a server", REVISION)


@contextmanager
def connected(
    address: str, is_guarded: bool = False, password: str | None = None
) -> Iterator[Connection]:
    """Give one connection, in a transaction, to a database that need not hold a library.

    :param is_guarded: run nothing that admins of the library made; its tables are named in full.
    :param password: instead of what libpq or the keyring knows.
    :raises LibraryError: the server cannot be asked, or refuses something.
    """
    engine = _engine(address, is_guarded, password)
    try:
        guarded = engine.execution_options(guarded=is_guarded)
        with guarded.connect() as connection, connection.begin():
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
    """Bring the schema of a library up to date, while nobody writes; return whether it was not.

    :raises LibraryError: there is none, or a newer Soundsift made it.
    :raises RefusedError: who asks may do more on the server than its admins, whose work would run.
    """
    name = one_line(address)
    with connected(address, is_guarded=True) as connection:
        if not _is_older(connection, name):
            return False
        others = roles.who_would_gain(connection)
        if others:
            raise RefusedError(
                f"upgrading {name} may run what its admins made, with all that you may do on the "
                f"server: {roles.whom_to_ask(others)}"
            )
    with connected(address) as connection:
        lock_schema(connection)
        lock_writing(connection)
        is_older = _is_older(connection, name)
        if is_older:
            with_roles = roles.are_made(connection)
            if with_roles:  # what is made belongs to all admins, whoever made it
                roles.become_admin(connection)
            upgrade_schema(connection)
            if with_roles:
                roles.settle(connection)
    return is_older


def _is_older(connection: Connection, name: str) -> bool:
    revision = revision_at(connection, name)
    if revision is None:
        raise LibraryError(no_library(name))
    if is_newer(revision):
        raise LibraryError(other_schema(name, revision))
    return revision != REVISION


def _engine(address: str, is_guarded: bool = False, password: str | None = None) -> Engine:
    given = parts(address)
    driver = import_module("psycopg")
    more: dict[str, Any] = {"application_name": "soundsift", "connect_timeout": _CONNECT_S}
    more |= _KEEPALIVE
    more = {key: value for key, value in more.items() if key not in given}
    more |= {"client_encoding": "UTF8", "cursor_factory": _binary("Cursor")}

    def log_in() -> Any:
        nonlocal password
        if password is None:
            try:
                return driver.connect(address, **more)
            except driver.OperationalError as error:
                if not (error.pgconn is not None and error.pgconn.needs_password):
                    raise
                password = kept_password(login_of(address))
                if password is None:
                    raise
        return driver.connect(address, password=password, **more)

    def connect() -> Any:
        connection = log_in()
        connection.server_cursor_factory = _binary("ServerCursor")
        with connection.cursor() as cursor:
            cursor.execute(_PREPARE, [f"{_LOCK_S}s"])
            if is_guarded:
                cursor.execute("SET search_path = pg_catalog, pg_temp")
        connection.commit()
        return connection

    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_pre_ping=True,
        pool_size=8,
        hide_parameters=True,
        use_native_hstore=False,
    )


# Compiling takes longer than our queries do.  The schema is where the library lies, or will.
_PREPARE = """
    SELECT pg_catalog.set_config('lock_timeout', %s, false),
        pg_catalog.set_config('jit', 'off', false),
        pg_catalog.set_config('soundsift.schema', CAST(coalesce(
            (SELECT n.nspname FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.oid = CAST(pg_catalog.to_regclass('alembic_version') AS pg_catalog.oid)),
            pg_catalog.current_schema()) AS pg_catalog.text), false)
"""


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
            "the address of the library holds a password: leave it out, and keep it in the "
            "keyring (`soundsift team password`), in ~/.pgpass, or in the variable PGPASSWORD"
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


def login_of(address: str) -> str:
    """Return the keyring's name for the password of an address: who, and on which server."""
    given, said = parts(address), os.environ
    where = given.get("host") or given.get("hostaddr") or given.get("service")
    where = where or said.get("PGHOST") or said.get("PGSERVICE") or "localhost"
    return f"{asks_as(address)}@{where}:{given.get('port') or said.get('PGPORT') or 5432}"


def own_place(address: str) -> Path:
    """Return where this computer keeps what belongs to a library: vectors, and copies of it."""
    given = parts(address)
    where = "\n".join(f"{key}={given.get(key, '')}" for key in _WHERE)
    digest = hashlib.sha256(where.encode()).hexdigest()[:16]
    said = re.sub(r"[^\w.-]+", "-", f"{given.get('host', '')}-{given.get('dbname', '')}")
    return data_folder() / "servers" / f"{said.strip('-')[:60] or 'library'}-{digest}"
