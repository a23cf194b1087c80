"""Who may do what in a library on a server: its roles are made, given to people, and taken back.

No password is written or logged by us: the server is sent a SCRAM verifier, as psql does
when it is asked to change one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

from sqlalchemy import Connection, Row, text

from engine.errors import InputError, LibraryError, RefusedError
from engine.log import logger
from engine.paths import is_server, refuse_other_scheme
from engine.plain_text import one_line
from engine.store import roles
from engine.store.passwords import forget_password, keep_password
from engine.store.roles import ADMIN, READER, ROLES, Membership, run
from engine.store.schema import lock_schema, refuse_unfinished, refuse_unlike, revision_at
from engine.store.server import Server, connected, login_of
from engine.store.tables import PRESENT

_LONGEST = 63  # bytes of a name
_log = logger(__name__)


@dataclass(frozen=True)
class Member:
    """Somebody who has a role; ``connections`` that they have to the library now."""

    name: str
    role: str
    can_login: bool
    connections: int


@dataclass(frozen=True)
class Added:
    """Who has which role now; whether a login was made for them, and whether with a password."""

    name: str
    role: str
    before: str
    is_new: bool
    has_password: bool


@dataclass(frozen=True)
class Presence:
    """Who may use a library, with their connections by Soundsift now; as whom one asks.

    Who is connected without a role, as owners of a database may be, has an empty one.
    """

    me: Membership
    people: tuple[Member, ...]


@dataclass(frozen=True)
class Tried:
    """What answers at an address: a library of so many sounds, and as whom one would work there."""

    sounds: int
    membership: Membership


def try_address(address: str) -> Tried:
    """Look whether a library can be opened at an address; nothing is made or changed.

    :raises InputError: it is no address of a server's.
    :raises LibraryError: why it cannot be opened.
    """
    check_address(address)
    name = one_line(address)
    with connected(address) as connection:
        revision = revision_at(connection, name)
        if revision is None:
            raise LibraryError(
                f"there is a database at {name}, but no library in it yet: ask who looks after the "
                "server to run `soundsift team init`"
            )
        refuse_unlike(name, revision)
        refuse_unfinished(connection, name)
        sounds = int(connection.scalar(_SOUNDS, {"state": PRESENT}) or 0)
        return Tried(sounds, roles.membership(connection))


def log_in(address: str, password: str) -> bool:
    """Keep a password in this computer's keyring, once the server has taken it.

    Return whether it was kept: not, if the server asks for none.

    :raises InputError: it is no address of a server's.
    :raises LibraryError: the server does not take it, or there is no keyring.
    """
    check_address(address)
    with connected(address, password=password) as connection:
        raw = connection.connection.driver_connection
        is_asked_for = bool(raw is not None and raw.pgconn.used_password)
        if is_asked_for:
            keep_password(login_of(address), password)
    return is_asked_for


def log_out(address: str) -> bool:
    """Forget the password that the keyring has for an address; return whether it had one.

    :raises InputError: it is no address of a server's.
    """
    check_address(address)
    return forget_password(login_of(address))


def init(address: str) -> list[str]:
    """Make the library, if there is none, and its group roles; return those that were not there.

    What is granted otherwise is revoked, so it also mends.

    :raises RefusedError: it takes the database's owner, with the right to make roles.
    """
    check_address(address)
    name = one_line(address)
    with connected(address, is_guarded=True) as connection:
        _check_owner(connection, name)
        revision = revision_at(connection, name)
        if revision is not None:
            refuse_unlike(name, revision)
            refuse_unfinished(connection, name)
    if revision is None:
        Server(address).close()
    with connected(address, is_guarded=True) as connection:
        lock_schema(connection)
        made = roles.make(connection)
        named = roles.groups(connection)
        own = connection.execute(_ME).one()
        if not own.rolsuper:  # only members can give tables to a group
            run(connection, "GRANT {admin} TO {me}", admin=named[ADMIN], me=own.rolname)
        names = {
            "database": str(connection.scalar(text("SELECT current_database()"))),
            "schema": roles.schema_of(connection),
            "reader": named[READER],
            "admin": named[ADMIN],
        }
        for statement in _OF_DATABASE:
            run(connection, statement, **names)
        roles.settle(connection)
    _log.info("the roles of a library on a server were made or mended")
    return made


def add(
    address: str, name: str, role: str, login: bool = False, ask: Callable[[], str] | None = None
) -> Added:
    """Give somebody a role, in the place of the one that they have.

    :param login: make a login of the server's for them, if there is none.
    :param ask: asks for the password of a new login; an empty one: it has none.
    :raises InputError: there is no such login; RefusedError: it takes an admin.
    """
    check_address(address)
    _check_name(name)
    if role not in ROLES:
        raise InputError(f"{role} is no role: choose one of {', '.join(ROLES)}")
    with connected(address, is_guarded=True) as connection:
        before = _check_team(connection, one_line(address), name, role)
        there = connection.scalar(_EXISTS, {"name": name})
        if not there:
            _check_login(connection, name, login)
    password = "" if there or ask is None else ask()
    with connected(address, is_guarded=True) as connection:
        lock_schema(connection)
        if not there:
            run(connection, "CREATE ROLE {name} LOGIN", name=name)
            if password:
                _set_password(connection, name, password)
        _take_back(connection, name)
        group = roles.groups(connection)[role]
        if role != ADMIN:
            roles.become_admin(connection)
        run(connection, "GRANT {group} TO {name}", group=group, name=name)
    _log.info("somebody was given the role %s", role)
    return Added(name, role, before, not there, bool(password))


def remove(address: str, name: str) -> str:
    """Take the role of somebody back; their login stays.  Return which it was.

    :raises InputError: they have none; RefusedError: it takes an admin.
    """
    check_address(address)
    _check_name(name)
    with connected(address, is_guarded=True) as connection:
        lock_schema(connection)
        role = _check_team(connection, one_line(address), name, "")
        if not role:
            raise InputError(f"{one_line(name)} has no role in {one_line(address)}")
        _take_back(connection, name)
    return role


def members(address: str) -> list[Member]:
    """Return who has a role, by name."""
    check_address(address)
    with connected(address, is_guarded=True) as connection:
        _check_made(connection, one_line(address))
        return _members(connection)


def presence(address: str) -> Presence:
    """Return who has a role or is connected, by name; everybody may ask.

    :raises LibraryError: the server cannot be asked.
    """
    check_address(address)
    with connected(address) as connection:
        me = roles.membership(connection)
        here = {row.name: row.connections for row in connection.execute(_HERE)}
        known = _members(connection) if roles.are_made(connection) else []
    people = {m.name: replace(m, connections=here.get(m.name, 0)) for m in known}
    for name, count in here.items():
        people.setdefault(name, Member(name, "", True, count))
    return Presence(me, tuple(people[name] for name in sorted(people)))


def check_address(address: str) -> None:
    """Refuse what is no address of a server.

    :raises InputError: it is none.
    """
    refuse_other_scheme(address)
    if not is_server(address):
        raise InputError(
            f"{one_line(address)} is no address of a server: a team's library is at "
            "postgresql://USER@SERVER/DATABASE"
        )


_OF_DATABASE = (
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
    "GRANT CONNECT ON DATABASE {database} TO {reader}",
    "REVOKE ALL ON SCHEMA {schema} FROM PUBLIC",
    "GRANT USAGE ON SCHEMA {schema} TO {reader}",
    "GRANT USAGE, CREATE ON SCHEMA {schema} TO {admin}",
)
_SOUNDS = text("SELECT count(*) FROM sounds WHERE state = :state")
_ME = text("SELECT rolname, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user")
_OWNS = text(
    "SELECT pg_has_role(datdba, 'USAGE') AS owns, pg_get_userbyid(datdba) AS owner "
    "FROM pg_database WHERE datname = current_database()"
)
_HERE = text(  # but for the connection that asks
    "SELECT usename AS name, count(*) AS connections FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'soundsift' "
    "AND pid <> pg_backend_pid() AND usename IS NOT NULL GROUP BY usename"
)
_EXISTS = text("SELECT true FROM pg_roles WHERE rolname = :name")
_MEMBERS = text(
    "SELECT m.rolname AS name, g.rolname AS group, m.rolcanlogin AS can_login, "
    "pg_get_userbyid(am.grantor) AS grantor, "
    "(SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = m.oid "
    "AND a.datname = current_database()) AS connections "
    "FROM pg_auth_members am JOIN pg_roles g ON g.oid = am.roleid "
    "JOIN pg_roles m ON m.oid = am.member "
    "WHERE g.rolname = ANY(:groups) AND m.rolname <> ALL(:groups) ORDER BY m.rolname"
)


def _members(connection: Connection) -> list[Member]:
    named = {group: role for role, group in roles.groups(connection).items()}
    found: dict[str, Member] = {}
    for row in connection.execute(_MEMBERS, {"groups": list(named)}):
        role, known = named[row.group], found.get(row.name)
        if known is None or ROLES.index(role) > ROLES.index(known.role):
            found[row.name] = Member(row.name, role, row.can_login, row.connections)
    return list(found.values())


def _take_back(connection: Connection, name: str) -> None:
    """Take every role of the library from somebody; what admins gave is taken as an admin.

    :raises RefusedError: the server left them one (16 or later: who gave it has to take it).
    """
    named = roles.groups(connection)
    has = connection.execute(_MEMBERS, {"groups": list(named.values())}).all()
    mine = {row.group for row in has if row.name == name}
    if named[ADMIN] in mine:
        run(connection, "REVOKE {group} FROM {name}", group=named[ADMIN], name=name)
    others = sorted(mine - {named[ADMIN]})
    if others:
        current = str(connection.scalar(text("SELECT current_user")))
        roles.become_admin(connection)
        for group in others:
            run(connection, "REVOKE {group} FROM {name}", group=group, name=name)
        run(connection, "SET LOCAL ROLE {current}", current=current)
    has = connection.execute(_MEMBERS, {"groups": list(named.values())}).all()
    left = [(row.group, row.grantor) for row in has if row.name == name]
    if left:
        quoted = import_module("psycopg.sql").Identifier
        group, grantor, whom = (quoted(one).as_string() for one in (*left[0], name))
        raise RefusedError(
            f"{one_line(name)} has a role that {one_line(left[0][1])} gave, and only they can take "
            "back: let them, or a superuser of the server, run "
            f"`REVOKE {group} FROM {whom} GRANTED BY {grantor}`"
        )


def _set_password(connection: Connection, name: str, password: str) -> None:
    """Set a password of which neither the network nor a log of the server sees more than a hash."""
    sql = import_module("psycopg.sql")
    raw = connection.connection.driver_connection
    if raw is None:
        raise LibraryError("the connection to the server is gone: try again")
    encoding = raw.info.encoding
    verifier = raw.pgconn.encrypt_password(
        password.encode(encoding), name.encode(encoding), b"scram-sha-256"
    ).decode(encoding)
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
        sql.Identifier(name), sql.Literal(verifier)
    )
    connection.exec_driver_sql(statement.as_string(raw), execution_options={"no_parameters": True})


def _check_owner(connection: Connection, name: str) -> None:
    own, of = connection.execute(_ME).one(), connection.execute(_OWNS).one()
    if not (own.rolsuper or (of.owns and own.rolcreaterole)):
        raise RefusedError(
            f"making the roles of {name} takes the owner of the database ({of.owner}) with the "
            "right to make roles (CREATEROLE), or a superuser: ask who looks after the server"
        )


def _check_made(connection: Connection, name: str) -> None:
    if not roles.are_made(connection):
        raise InputError(f"{name} has no roles yet: run `soundsift team init`")


def _check_team(connection: Connection, name: str, who: str, role: str) -> str:
    """Return the role that somebody has; refuse who may not change it."""
    _check_made(connection, name)
    own, standing = connection.execute(_ME).one(), roles.standing(connection)
    ask = roles.whom_to_ask(standing.admins)
    before = next((m.role for m in _members(connection) if m.name == who), "")
    if who in roles.groups(connection).values():
        raise InputError(f"{who} is itself a role of the library {name}: name a person")
    if standing.role != ADMIN:
        raise RefusedError(f"giving and taking roles in {name} takes the role {ADMIN}: {ask}")
    if ADMIN in (role, before) and not _may_make_admins(own):
        raise RefusedError(
            f"making and removing an {ADMIN} of {name} takes the owner of its database: ask who "
            "looks after the server"
        )
    return before


def _may_make_admins(own: Row[tuple[str, bool, bool]]) -> bool:
    return bool(own.rolsuper or own.rolcreaterole)


def _check_login(connection: Connection, name: str, login: bool) -> None:
    own = connection.execute(_ME).one()
    if not login:
        raise InputError(
            f"the server has no login {one_line(name)}: add --login to make one, or ask who looks "
            "after the server"
        )
    if not (own.rolsuper or own.rolcreaterole):
        raise RefusedError(
            "making a login takes the server's right CREATEROLE: ask who looks after the server to "
            f"run `createuser {one_line(name)}`, and leave --login out"
        )


def _check_name(name: str) -> None:
    """Refuse what cannot be the name of a login as it stands."""
    problem = ""
    if not name.strip() or not name.isprintable():
        problem = "it is empty, or holds what is not seen"
    elif len(name.encode("utf-8", "surrogatepass")) > _LONGEST:
        problem = f"it is longer than {_LONGEST} bytes"
    elif name.startswith("pg_") or name in ("public", "none"):
        problem = "the server keeps it for itself"
    if problem:
        raise InputError(f"{one_line(name)} cannot be the name of a login: {problem}")
