"""What may be wrong with a team's library and its server, and what to do about it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from sqlalchemy import Connection, text

from engine.errors import LibraryError
from engine.plain_text import one_line
from engine.store import roles
from engine.store.connection import REVISION
from engine.store.schema import is_copying, of_table, other_schema, revision_at
from engine.store.server import connected
from engine.store.team import check_address

_MOST_S = 2.0  # that clocks may differ: which decision was later is told by them
_MOST_USED = 0.8  # of the connections that the server has
_SHOWN = 8
_MIB = 1 << 20


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was seen, and what to do if that is a problem."""

    what: str
    is_ok: bool
    said: str
    todo: str = ""


def examine(address: str) -> list[Finding]:
    """Look at everything; where the server cannot be asked that is the only finding.

    :raises InputError: it is no address of a server.
    """
    check_address(address)
    name = one_line(address)
    found: list[Finding] = []
    try:
        with connected(address, is_guarded=True) as connection:
            for look in _LOOKS:
                found += look(connection, name)
    except LibraryError as error:
        problem, _, todo = str(error).rpartition(": ")
        found.append(Finding("connection", False, problem or todo, todo))
    return found


def _connection(connection: Connection, name: str) -> Iterator[Finding]:
    begun = time.perf_counter()
    connection.scalar(text("SELECT 1"))
    took_ms = (time.perf_counter() - begun) * 1000
    user = connection.scalar(text("SELECT session_user"))
    yield Finding("connection", True, f"as {user}; the server answers in {took_ms:.1f} ms")


def _encryption(connection: Connection, name: str) -> Iterator[Finding]:
    row = connection.execute(_TLS).one()
    mode = _option(connection, "sslmode")
    docs = "see docs/team.md"
    if row.address is None or ip_address(row.address).is_loopback:
        yield Finding("TLS", True, "none is needed: the server is this computer")
    elif row.ssl:
        checked = mode in ("verify-ca", "verify-full")
        said = f"{row.version}; the server's certificate is {'' if checked else 'not '}checked"
        todo = (
            f"add ?sslmode=verify-full to the address, or nobody knows whose server it is: {docs}"
        )
        yield _judged("TLS", checked, said, todo)
    else:
        todo = f"let the server have a certificate (ssl = on), and add ?sslmode=verify-full: {docs}"
        yield Finding("TLS", False, "what is sent can be read on the network", todo)


def _server(connection: Connection, name: str) -> Iterator[Finding]:
    version = connection.scalar(text("SHOW server_version"))
    yield Finding("server", True, f"PostgreSQL {version}")
    encoding = connection.scalar(text("SHOW server_encoding"))
    todo = "make the database anew: createdb -E UTF8 -T template0"
    yield _judged("encoding", encoding == "UTF8", str(encoding), todo)
    off = [row.name for row in connection.execute(_DURABLE)]
    said = f"{' and '.join(off)} off: a loss of power can destroy the library" if off else "as made"
    yield _judged("durability", not off, said, "set them on in postgresql.conf")
    there = set(connection.scalars(text("SELECT extname FROM pg_extension")))
    todo = "CREATE EXTENSION plpgsql, as the owner of the database"
    said = "plpgsql" if "plpgsql" in there else "plpgsql is missing"
    yield _judged("extensions", "plpgsql" in there, said, todo)


def _schema(connection: Connection, name: str) -> Iterator[Finding]:
    revision = revision_at(connection, name)
    if revision is None:
        yield Finding("schema", False, "there is no library", "run `soundsift team init`")
        return
    problem, _, todo = other_schema(name, revision).rpartition(": ")
    is_right = revision == REVISION
    yield _judged("schema", is_right, revision if is_right else problem, todo)
    if is_copying(connection, name):
        todo = "run `soundsift library copy` again"
        yield Finding("copy", False, "a copy into this library was not finished", todo)


def _grants(connection: Connection, name: str) -> Iterator[Finding]:
    todo = "run `soundsift team init` as the owner of the database"
    if not roles.are_made(connection):
        yield Finding("roles", False, "there are none", todo)
        return
    own = roles.standing(connection)
    if not own.admins:
        more = "run `soundsift team add URL NAME --role admin` as the owner of the database"
        yield Finding("roles", False, "nobody is an admin", more)
    else:
        yield Finding("roles", True, f"you are {own.role or 'none'}; admins: {_some(own.admins)}")
    wrong = roles.differences(connection)
    yield _judged("grants", not wrong, _some(wrong) if wrong else "as they should be", todo)


def _clock(connection: Connection, name: str) -> Iterator[Finding]:
    before = time.time()
    there = float(connection.scalar(_NOW) or 0.0)
    ahead = there - (before + time.time()) / 2
    todo = "let both computers follow a time server (NTP)"
    yield _judged("clock", abs(ahead) < _MOST_S, f"the server is {ahead:+.1f} s ahead", todo)


def _room(connection: Connection, name: str) -> Iterator[Finding]:
    row = connection.execute(_SIZES).one()
    said = f"the database takes {row.bytes / _MIB:,.0f} MiB; the disk's free space only `df` tells"
    yield Finding("room", True, said)
    used = row.used / max(1, row.most)
    said = f"{row.used} of {row.most} are taken"
    todo = "raise max_connections, or close what is not used"
    yield _judged("connections", used < _MOST_USED, said, todo)


def _people(connection: Connection, name: str) -> Iterator[Finding]:
    rows = connection.execute(_CONNECTED).all()
    told = [f"{row.usename} ({row.programs})" for row in rows]
    yield Finding("connected", True, _some(told) or "nobody else")


def _waiting(connection: Connection, name: str) -> Iterator[Finding]:
    row = connection.execute(_LOCKS).one()
    todo = "see pg_stat_activity for who holds them, and end what hangs with pg_terminate_backend"
    said = f"{row.waiting} wait for others' locks" if row.waiting else "nobody waits for a lock"
    yield _judged("locks", not row.waiting, said, todo)
    if row.idle:
        said = f"{row.idle} transactions have been idle for ten minutes, and keep old rows"
        yield Finding("transactions", False, said, todo)
    if revision_at(connection, name) == REVISION:
        unheard = of_table(connection, name, _UNHEARD, "sounds").scalar()
        yield Finding("sounds", True, f"{unheard:,} wait to be listened to")


_LOOKS: tuple[Callable[[Connection, str], Iterator[Finding]], ...] = (
    _connection,
    _encryption,
    _server,
    _schema,
    _grants,
    _clock,
    _room,
    _people,
    _waiting,
)
_TLS = text(
    "SELECT ssl, version, host(inet_client_addr()) AS address FROM pg_stat_ssl "
    "WHERE pid = pg_backend_pid()"
)
_DURABLE = text(
    "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' "
    "ORDER BY name"
)
_NOW = text("SELECT extract(epoch FROM clock_timestamp())")
_SIZES = text(
    "SELECT pg_database_size(current_database()) AS bytes, "
    "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used, "
    "current_setting('max_connections')::int AS most"
)
_CONNECTED = text(
    "SELECT usename, string_agg(DISTINCT coalesce(nullif(application_name, ''), '?'), ', ') "
    "AS programs FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL "
    "GROUP BY usename ORDER BY usename"
)
_LOCKS = text(
    "SELECT (SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
    "WHERE NOT l.granted AND d.datname = current_database()) AS waiting, "
    "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state "
    "LIKE 'idle in transaction%' AND state_change < now() - interval '10 minutes') AS idle"
)
_UNHEARD = "SELECT count(*) FROM ONLY {} WHERE state = 0 AND content_hash = ''"


def _judged(what: str, is_ok: bool, said: str, todo: str) -> Finding:
    return Finding(what, is_ok, said, "" if is_ok else todo)


def _some(told: Any) -> str:
    listed = [one_line(str(one)) for one in told]
    more = len(listed) - _SHOWN
    return "; ".join(listed[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _option(connection: Connection, keyword: str) -> str:
    """Return what libpq made of an option: of the address, a service file or the environment."""
    raw = connection.connection.driver_connection
    for option in raw.pgconn.info if raw is not None else ():
        if option.keyword.decode() == keyword and option.val:
            return str(option.val.decode())
    return os.environ.get(f"PG{keyword.upper()}", "")
