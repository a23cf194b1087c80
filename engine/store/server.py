"""Libraries on a PostgreSQL server, which several people and computers share.

An address is what libpq takes, ``postgresql://USER@SERVER/DATABASE?…``, so that TLS, service files
and ``~/.pgpass`` work as everywhere.  It may hold no password: then none of ours can tell it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from engine.errors import AwayError, LibraryError, RefusedError
from engine.log import logger
from engine.paths import data_folder
from engine.plain_text import one_line
from engine.store import roles
from engine.store.connection import REVISION, busy, is_newer, no_library, upgrade_schema
from engine.store.records import Behind
from engine.store.roles import Membership
from engine.store.schema import (
    INDEXING,
    NO_LIBRARY,
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

_LOCK_S, _CONNECT_S = 10, 10
_KEEPALIVE = {  # so that a cable that was pulled is noticed within half a minute
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_WHERE = ("host", "hostaddr", "port", "dbname", "service", "options")  # make it another library
_SECRET = ("password", "sslpassword")
_HOLDS_PASSWORD = re.compile(r"\w+://[^@?]*:[^?]*@")
_PORTS = re.compile(r"[\d,]*")
_AWAY = ("08", "57")  # classes of SQLSTATE
_SENTENCES = {  # by SQLSTATE, or the class of it
    "28": "the server lets nobody in as you are named in {name}: check the user, and the password "
    "in ~/.pgpass or PGPASSWORD",
    "3D000": "there is no database at {name}: ask for one to be made (`createdb`)",
    "3F000": "there is no schema for the library {name}: check its address",
    "CONNECT": "you have no role in the library {name}: ask who looks after it to run "
    "`soundsift team add`",
    "HBA": "the server of {name} lets nobody in from this computer like that: add "
    "?sslmode=require, or ask who looks after its pg_hba.conf",
    "TLS": "the certificate of the server of {name} cannot be verified: name the one of who signed "
    "it with sslrootcert=FILE, or ask who looks after the server",
    "25006": "the library {name} cannot be written: its server is read-only",
    "42501": "you are not allowed to do that in the library {name}: ask who looks after the server",
    "42P01": NO_LIBRARY,
    "53100": "the disk of the server of {name} is full: free some space and start again",
    "53300": "the server of {name} has no room for another connection: try again later",
    "55P03": "the library {name} is in use by another program: try again when it has finished",
    "57": "the server of {name} has ended the connection: try again",
}
_REFUSED = "42501"
_ON_CONNECTING = {  # what libpq says, where it gives no SQLSTATE
    "permission denied for database": "CONNECT",
    "pg_hba.conf": "HBA",
    "certificate": "TLS",
}
_log = logger(__name__)


class Server:
    """A database of a server; see :class:`engine.store.database.Database`."""

    file: Path | None = None

    def __init__(self, address: str, make: bool = True, for_copying: bool = False) -> None:
        self.name = one_line(address)
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
            raise _told(self.name, error, self.engine) from None

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
        with self.engine.connect() as connection, connection.begin():
            begin_writing(connection, self.name, alone=True)
            yield connection

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
def connected(address: str, is_guarded: bool = False) -> Iterator[Connection]:
    """Give one connection, in a transaction, to a database that need not hold a library.

    :param is_guarded: run nothing that admins of the library made; its tables are named in full.
    :raises LibraryError: the server cannot be asked, or refuses something.
    """
    engine = _engine(address, is_guarded)
    try:
        guarded = engine.execution_options(guarded=is_guarded)
        with guarded.connect() as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        raise _told(one_line(address), error, engine) from None
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


def _engine(address: str, is_guarded: bool = False) -> Engine:
    given = parts(address)
    driver = import_module("psycopg")
    more: dict[str, Any] = {"application_name": "soundsift", "connect_timeout": _CONNECT_S}
    more |= _KEEPALIVE
    more = {key: value for key, value in more.items() if key not in given}
    more |= {"client_encoding": "UTF8", "cursor_factory": _binary("Cursor")}

    def connect() -> Any:
        connection = driver.connect(address, **more)
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
            "the address of the library holds a password: leave it out, and keep it in ~/.pgpass "
            "or in the variable PGPASSWORD"
        )
    return given


def own_place(address: str) -> Path:
    """Return where this computer keeps what belongs to a library: vectors, and the copy of it."""
    given = parts(address)
    where = "\n".join(f"{key}={given.get(key, '')}" for key in _WHERE)
    digest = hashlib.sha256(where.encode()).hexdigest()[:16]
    said = re.sub(r"[^\w.-]+", "-", f"{given.get('host', '')}-{given.get('dbname', '')}")
    return data_folder() / "servers" / f"{said.strip('-')[:60] or 'library'}-{digest}"


def _told(name: str, error: DBAPIError, engine: Engine) -> LibraryError:
    """Return an error in a sentence; who is refused something is told which role it takes."""
    diagnosis = getattr(error.orig, "diag", None)
    if getattr(error.orig, "sqlstate", None) != _REFUSED or diagnosis is None:
        kind = AwayError if _is_away(error) else LibraryError
        return kind(_sentence(name, error))
    if diagnosis.constraint_name == "soundsift_owner":
        author = one_line(str(diagnosis.message_detail))
        return RefusedError(roles.belongs(name, str(diagnosis.table_name), author))
    try:
        with engine.connect() as connection:
            own = roles.standing(connection)
    except DBAPIError:
        own = roles.Standing("", ())
    said = str(diagnosis.message_primary)
    return RefusedError(roles.refusal(name, said, str(error.statement or ""), own))


def _is_away(error: DBAPIError) -> bool:
    """Return whether the server, or the way to it, is gone, which it may not be for long."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    lost = not state and isinstance(error, OperationalError | InterfaceError)
    lost = lost and not _why_not_in(str(error.orig))
    return error.connection_invalidated or lost or state[:2] in _AWAY


def _why_not_in(said: str) -> str:
    """Return the kind of refusal that libpq tells of without an SQLSTATE; nothing if it is none."""
    if "does not exist" in said and "database" in said:
        return "3D000"
    for words, known in _ON_CONNECTING.items():
        if words in said:
            return known
    return "28" if any(words in said for words in ("authentication", "no password", "role")) else ""


def _sentence(name: str, error: DBAPIError) -> str:
    """Return what to do; the server's own words only where they hold no values."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    for known in (state, state[:2]):
        if known in _SENTENCES:
            return _SENTENCES[known].format(name=name)
    if not state and not isinstance(error, OperationalError | InterfaceError):
        return f"the library {name} cannot be used: {type(error.orig).__name__}"
    if not state:
        refused = _why_not_in(str(error.orig))
        if refused:
            return _SENTENCES[refused].format(name=name)
        return (
            f"the server of the library {name} cannot be reached: check its address, the network, "
            "and that it runs"
        )
    diagnosis = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return f"the library {name} cannot be used: {one_line(str(diagnosis or state))}"
