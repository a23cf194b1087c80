"""What each role of a team's library may do, as PostgreSQL's roles and grants.

The server refuses what is not granted; nothing of it depends on the client.  The group ``admin``
owns the tables, so that its members may migrate them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise

from sqlalchemy import Connection, text

from engine.store import changes

READER, EDITOR, CURATOR, ADMIN = "reader", "editor", "curator", "admin"
ROLES = (READER, EDITOR, CURATOR, ADMIN)  # each may what those before it may
Verbs = tuple[str, ...]
Grant = tuple[str, str, str, str]  # kind (TABLE, …), on what, to whom, which verb

_ALL: Verbs = ("INSERT", "UPDATE", "DELETE")
_EDITS: Mapping[str, Verbs] = {
    "tags": _ALL,
    "marks": _ALL,
    "regions": _ALL,
    "uses": _ALL,
    "collections": _ALL,  # of one's own, as a trigger sees to
    "collected": ("INSERT", "DELETE"),
    "saved_searches": _ALL,
    "history": _ALL,
    "words": ("INSERT", "DELETE"),  # follow tags and names of regions
    "interest": ("INSERT", "UPDATE"),  # these two the window notes by itself
    "thumbnails": ("INSERT", "UPDATE"),
}
_CURATES: Mapping[str, Verbs] = {
    "roots": _ALL,
    "folders": _ALL,
    "sounds": _ALL,
    "windows": _ALL,
    "skipped": _ALL,
    "settings": _ALL,
    "interest": _ALL,
    "thumbnails": _ALL,
    "words": _ALL,
    "workers": _ALL,
    "claims": _ALL,
}
TABLES = (*dict.fromkeys((*_EDITS, *_CURATES)), "changes", "removed", "alembic_version")
MAY: Mapping[str, Mapping[str, Verbs]] = {
    READER: dict.fromkeys(TABLES, ("SELECT",)),
    EDITOR: _EDITS,
    CURATOR: _CURATES,
}
_FUNCTIONS = (
    *("soundsift_author", "soundsift_owner", "soundsift_private", "soundsift_prune"),
    *("soundsift_removed", "soundsift_put_back", "soundsift_changed_collected"),
    *(f"soundsift_changed_{key}" for key in dict.fromkeys(changes.KEYS.values())),
)
_RETURNING = ("removed", "put_back")
_TRIGGERS = {
    *((table, "author") for table in ("tags", "history", "collections", "saved_searches")),
    *((table, "owner") for table in ("history", "collections", "saved_searches", "collected")),
    *((table, "private") for table in ("collections", "saved_searches")),
    *((table, name) for table in ("collections", "saved_searches") for name in _RETURNING),
    *(
        (table, f"follow_{verb}")
        for table in changes.KEYS
        for verb in ("insert", "update", "delete", "truncate")
    ),
}
_HIDING = {"collections", "saved_searches", "collected", "history", "changes"}  # private rows
_LONGEST = 63  # bytes of a name; the server cuts what is longer, and two would become one
_NOUNS = {
    "tags": "tags",
    "marks": "stars, colours and notes",
    "regions": "regions",
    "uses": "uses",
    "collections": "collections",
    "collected": "collections",
    "saved_searches": "saved searches",
    "history": "steps that can be undone",
    "words": "words",
    "interest": "searches",
    "thumbnails": "thumbnails",
    "roots": "roots",
    "folders": "folders",
    "sounds": "sounds",
    "windows": "what was heard",
    "skipped": "skipped files",
    "settings": "settings of the library",
    "workers": "workers",
    "claims": "claims of workers",
    "changes": "notes of what changed",
    "removed": "notes of what was removed",
    "alembic_version": "the schema",
}
_DOES = {"INSERT": "add", "UPDATE": "change", "DELETE": "remove", "SELECT": "see"}


@dataclass(frozen=True)
class Membership:
    """As whom one works in a library, and what one may there; in a file nobody has a name."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Return whether one may what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


OWNER = Membership("", ADMIN)  # of a file


@dataclass(frozen=True)
class Standing:
    """Which role one has (none: an empty text), and who are admins."""

    role: str
    admins: tuple[str, ...]


def groups(connection: Connection) -> dict[str, str]:
    """Return the names of the library's group roles, by role."""
    row = connection.execute(
        text("SELECT current_database() AS d, current_setting('soundsift.schema') AS s")
    ).one()
    base = row.d if row.s in ("public", "") else f"{row.d}.{row.s}"
    return group_names(base)


def group_names(library: str) -> dict[str, str]:
    """Return the names of a library's group roles, by role; all differ, however long its name."""
    room = _LONGEST - len(f"soundsift__{CURATOR}")
    if len(library.encode()) > room:
        digest = hashlib.sha256(library.encode()).hexdigest()[:8]
        library = library.encode()[: room - 9].decode(errors="ignore") + f"-{digest}"
    return {role: f"soundsift_{library}_{role}" for role in ROLES}


def are_made(connection: Connection) -> bool:
    """Return whether the library has all of its group roles."""
    wanted = list(groups(connection).values())
    found = connection.scalar(_COUNT_ROLES, {"names": wanted})
    return bool(found == len(wanted))


def schema_of(connection: Connection) -> str:
    """Return the name of the schema that a library lies in."""
    return str(connection.scalar(_SCHEMA))


def run(connection: Connection, statement: str, **names: str) -> None:
    """Run a statement of which ``{…}`` are names: psycopg quotes them."""
    sql = import_module("psycopg.sql")
    raw = connection.connection.driver_connection
    composed = sql.SQL(statement).format(**{key: sql.Identifier(n) for key, n in names.items()})
    connection.exec_driver_sql(composed.as_string(raw), execution_options={"no_parameters": True})


def become_admin(connection: Connection) -> None:
    """Go on as the group ``admin``, until the transaction ends."""
    run(connection, "SET LOCAL ROLE {admin}", admin=groups(connection)[ADMIN])


def make(connection: Connection) -> list[str]:
    """Make the group roles that are not there, within a transaction; return which."""
    named = groups(connection)
    made = []
    for name in named.values():
        if not connection.scalar(_COUNT_ROLES, {"names": [name]}):
            run(connection, "CREATE ROLE {name} NOLOGIN", name=name)
            made.append(name)
    for less, more in pairwise(ROLES[:-1]):
        run(connection, "GRANT {less} TO {more}", less=named[less], more=named[more])
    for role in ROLES[:-1]:  # whom admins may give these to
        run(
            connection,
            "GRANT {role} TO {admin} WITH ADMIN OPTION",
            role=named[role],
            admin=named[ADMIN],
        )
    return made


def settle(connection: Connection) -> None:
    """Let owners and grants be what this module says, within a transaction; others are revoked."""
    named = groups(connection)
    schema = schema_of(connection)
    for table in TABLES:
        run(
            connection,
            "ALTER TABLE {schema}.{table} OWNER TO {admin}",
            schema=schema,
            table=table,
            admin=named[ADMIN],
        )
    for function in _FUNCTIONS:
        run(
            connection,
            "ALTER FUNCTION {schema}.{function} OWNER TO {admin}",
            schema=schema,
            function=function,
            admin=named[ADMIN],
        )
    granted, expected = _granted(connection), _expected(connection)
    for kind, on, whom, verb in sorted(granted - expected):
        table, _, column = on.partition(".")
        columns = " ({column})" if column else ""
        whose = "PUBLIC" if whom == _PUBLIC else "{whom}"
        statement = f"REVOKE {verb}{columns} ON {kind} {{schema}}.{{table}} FROM {whose} CASCADE"
        run(connection, statement, schema=schema, table=table, column=column, whom=whom)
    for kind, on, whom, verb in sorted(expected - granted):
        statement = f"GRANT {verb} ON {kind} {{schema}}.{{on}} TO {{whom}}"
        run(connection, statement, schema=schema, on=on, whom=whom)


def differences(connection: Connection) -> list[str]:
    """Return, in words, what is granted and should not be, and what is not and should be."""
    granted, expected = _granted(connection), _expected(connection)
    named = groups(connection)
    told = [
        f"{whom or 'everybody'} may {verb} {on}" for _, on, whom, verb in sorted(granted - expected)
    ]
    told += [f"{whom} may not {verb} {on}" for _, on, whom, verb in sorted(expected - granted)]
    owners = connection.execute(_OWNERS).all()
    told += [f"{row.relname} belongs to {row.owner}" for row in owners if row.owner != named[ADMIN]]
    inside = {(row.member, row.role) for row in connection.execute(_MEMBERSHIPS)}
    told += [
        f"{named[more]} is no member of {named[less]}"
        for less, more in pairwise(ROLES)
        if (named[more], named[less]) not in inside
    ]
    enabled = {(row.table, row.name) for row in connection.execute(_ENABLED)}
    told += [f"{table} has no trigger {name}" for table, name in sorted(_TRIGGERS - enabled)]
    hiding = set(connection.scalars(_POLICIES))
    told += [f"{table} shows what is private" for table in sorted(_HIDING - hiding)]
    if connection.scalar(_IS_OPEN):
        told.append("everybody on the server may connect")
    return told


def standing(connection: Connection) -> Standing:
    """Return what one may, and who are admins."""
    named = groups(connection)
    mine = set(connection.scalars(_MINE, {"names": list(named.values())}))
    role = next((role for role in reversed(ROLES) if named[role] in mine), "")
    admins = connection.scalars(_LOGINS_IN, {"name": named[ADMIN]})
    return Standing(role, tuple(admins))


def who_would_gain(connection: Connection) -> tuple[str, ...]:
    """Return the admins whose work who asks had better not run: those that may do less."""
    if not are_made(connection) or not connection.scalar(_IS_POWERFUL):
        return ()
    return tuple(name for name in standing(connection).admins if name != connection.scalar(_ME))


def membership(connection: Connection) -> Membership:
    """Return as whom one is known, and the highest role whose rights one has.

    Rights are asked for, not names of groups: who owns a library without roles may do everything.
    """
    row = connection.execute(_RIGHTS).one()
    of = ((ADMIN, row.owns), (CURATOR, row.curates), (EDITOR, row.edits))
    return Membership(row.name, next((role for role, has in of if has), READER))


def least(table: str, verb: str) -> str:
    """Return the least role that may do something with a table."""
    for role, may in MAY.items():
        if verb in may.get(table, ()):
            return role
    return ADMIN


def whom_to_ask(admins: Sequence[str]) -> str:
    """Return whom to ask, as the end of a sentence."""
    if not admins:
        return "ask who looks after the server"
    return f"ask {' or '.join(sorted(admins)[:3])}, who looks after the library"


def refusal(library: str, said: str, statement: str, own: Standing) -> str:
    """Return what the server refused, which role it takes, and whom to ask.

    :param said: the server's message, of which only the table's name is taken.
    """
    ask = whom_to_ask(own.admins)
    found = re.search(rf"\b({'|'.join(TABLES)})\b", said)
    begun = statement.split(None, 1)
    verb = begun[0].upper() if begun else ""
    if found is None or verb not in _DOES:
        return f"you are not allowed to do that in the library {library}: {ask}"
    what = f"{_DOES[verb]} {_NOUNS[found[1]]}"
    role = f"as {own.role}" if own.role else "without a role"
    needed = least(found[1], verb)
    return f"{role} you may not {what} in the library {library}, it takes the role {needed}: {ask}"


def belongs(library: str, table: str, author: str) -> str:
    """Return whose it is that somebody else wanted to change."""
    what = {"history": "this step", "saved_searches": "this saved search"}
    return (
        f"{what.get(table, 'this collection')} of the library {library} is {author}'s: ask them, "
        "or make one of your own"
    )


_PUBLIC = ""  # as whom everybody is granted something
_SCHEMA = text("SELECT current_setting('soundsift.schema')")
_COUNT_ROLES = text("SELECT count(*) FROM pg_roles WHERE rolname = ANY(:names)")
_GRANTED = text(
    "SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, "
    "c.relname AS what, coalesce(r.rolname, '') AS whom, a.privilege_type AS verb "
    "FROM pg_class c "
    "CROSS JOIN LATERAL aclexplode(c.relacl) a "
    "LEFT JOIN pg_roles r ON r.oid = a.grantee "
    "WHERE c.relnamespace = "
    "to_regnamespace(quote_ident(current_setting('soundsift.schema'))) AND c.relkind IN ('r', 'S') "
    "AND a.grantee <> c.relowner AND pg_get_userbyid(c.relowner) = :admin "
    "UNION SELECT 'TABLE', c.relname || '.' || t.attname, coalesce(r.rolname, ''), "
    "a.privilege_type "
    "FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid "
    "CROSS JOIN LATERAL aclexplode(t.attacl) a "
    "LEFT JOIN pg_roles r ON r.oid = a.grantee "
    "WHERE c.relnamespace = "
    "to_regnamespace(quote_ident(current_setting('soundsift.schema'))) AND c.relkind = 'r' "
    "AND a.grantee <> c.relowner AND pg_get_userbyid(c.relowner) = :admin"
)
_SEQUENCES = text(
    "SELECT t.relname AS table, s.relname AS sequence FROM pg_class s "
    "JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i') "
    "AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
    "JOIN pg_class t ON t.oid = d.refobjid "
    "WHERE s.relkind = 'S' AND s.relnamespace = "
    "to_regnamespace(quote_ident(current_setting('soundsift.schema')))"
)
_OWNERS = text(
    "SELECT relname, pg_get_userbyid(relowner) AS owner FROM pg_class "
    "WHERE relnamespace = "
    "to_regnamespace(quote_ident(current_setting('soundsift.schema'))) AND relkind IN ('r', 'S') "
    "ORDER BY relname"
)
_MEMBERSHIPS = text(
    "SELECT pg_get_userbyid(member) AS member, pg_get_userbyid(roleid) AS role FROM pg_auth_members"
)
_ENABLED = text(
    "SELECT c.relname AS table, t.tgname AS name FROM pg_trigger t "
    "JOIN pg_class c ON c.oid = t.tgrelid "
    "WHERE c.relnamespace = "
    "to_regnamespace(quote_ident(current_setting('soundsift.schema'))) "
    "AND t.tgenabled IN ('O', 'A')"
)
_POLICIES = text(
    "SELECT c.relname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid "
    "WHERE c.relnamespace = "
    "to_regnamespace(quote_ident(current_setting('soundsift.schema'))) AND c.relrowsecurity "
    "AND p.polname = 'private'"
)
_IS_OPEN = text("SELECT has_database_privilege('public', current_database(), 'CONNECT')")
_MINE = text(
    "SELECT rolname FROM pg_roles "
    "WHERE rolname = ANY(:names) AND pg_has_role(session_user, oid, 'USAGE')"
)
_RIGHTS = text(
    "SELECT session_user AS name, pg_has_role(session_user, relowner, 'USAGE') AS owns, "
    "has_table_privilege(session_user, 'sounds', 'UPDATE') AS curates, "
    "has_table_privilege(session_user, 'tags', 'INSERT') AS edits "
    "FROM pg_class WHERE oid = 'sounds'::regclass"
)
_ME = text("SELECT session_user")
_IS_POWERFUL = text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = session_user")
_LOGINS_IN = text(
    "SELECT m.rolname FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid "
    "JOIN pg_roles m ON m.oid = a.member WHERE g.rolname = :name AND m.rolcanlogin "
    "ORDER BY m.rolname"
)


def _granted(connection: Connection) -> set[Grant]:
    found = connection.execute(_GRANTED, {"admin": groups(connection)[ADMIN]})
    return {(row.kind, row.what, row.whom, row.verb) for row in found}


def _expected(connection: Connection) -> set[Grant]:
    named = groups(connection)
    sequences = {row.table: row.sequence for row in connection.execute(_SEQUENCES)}
    return set(_grants(named, sequences))


def _grants(named: Mapping[str, str], sequences: Mapping[str, str]) -> Iterator[Grant]:
    for role, may in MAY.items():
        for table, verbs in may.items():
            for verb in verbs:
                yield "TABLE", table, named[role], verb
            if "INSERT" in verbs and table in sequences:
                yield "SEQUENCE", sequences[table], named[role], "USAGE"
