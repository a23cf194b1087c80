"""What a server's errors say, as sentences, and which of them may pass.

libpq gives no SQLSTATE of a connection that fails: whether a server refused it, or never answered,
is told by how libpq writes down an answer, whatever language the server speaks.
"""

from __future__ import annotations

import re
from importlib import import_module

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from engine.errors import AwayError, LibraryError, RefusedError, TransientError
from engine.plain_text import one_line
from engine.store import roles
from engine.store.schema import NO_LIBRARY

HELD = "55P03"  # another one has the lock
_PING_S = 2  # in which nothing else of ours runs, to a server that has just answered
_AWAY, _TRANSIENT = ("08", "57"), ("40", "53")  # classes of SQLSTATE
_SENTENCES = {  # by SQLSTATE, or the class of it
    "28": "the server lets nobody in as you are named in {name}: check the user, and the password "
    "in the keyring (`soundsift team password`), ~/.pgpass or PGPASSWORD",
    "3D000": "there is no database at {name}: ask for one to be made (`createdb`)",
    "3F000": "there is no schema for the library {name}: check its address",
    "CONNECT": "you have no role in the library {name}: ask who looks after it to run "
    "`soundsift team add`",
    "HBA": "the server of {name} lets nobody in from this computer like that: add "
    "?sslmode=require, or ask who looks after its pg_hba.conf",
    "SAID": "the server of {name} lets nobody in like that: it says “{said}”",
    "TLS": "the certificate of the server of {name} cannot be verified: name the one of who signed "
    "it with sslrootcert=FILE, or ask who looks after the server",
    "25006": "the library {name} cannot be written: its server is read-only",
    "40": "the library {name} was just being changed by somebody else: try again",
    "42501": "you are not allowed to do that in the library {name}: ask who looks after the server",
    "42P01": NO_LIBRARY,
    "53100": "the disk of the server of {name} is full: free some space and start again",
    "53300": "the server of {name} has no room for another connection: try again later",
    HELD: "the library {name} is in use by another program: try again when it has finished",
    "57": "the server of {name} has ended the connection: try again",
}
_REFUSED = "42501"
_ON_CONNECTING = {  # what is said, but for quoted names, where libpq gives no SQLSTATE
    "permission denied for database": "CONNECT",
    "pg_hba.conf": "HBA",
    "certificate": "TLS",
    'database "" does not exist': "3D000",
    'FATAL:  role "" ': "28",
    "authentication": "28",
    "no password": "28",
}
_NOT_NOW = (
    *("starting up", "shutting down", "recovery mode", "too many", "connection slots"),
    *("yet accepting", "currently accepting"),
)
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\s]*'")
_ANSWER = re.compile(r":  (\S.*)")  # of a server, behind how bad it is, in its own language


def told(address: str, error: DBAPIError, engine: Engine) -> LibraryError:
    """Return an error in a sentence; who is refused something is told which role it takes."""
    name = one_line(address)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    diagnosis = getattr(error.orig, "diag", None)
    if state != _REFUSED or diagnosis is None:
        is_lost = not state and isinstance(error, OperationalError | InterfaceError)
        known = _why_not_in(address, error.orig) if is_lost else state
        return _kind(error, known, is_lost)(_sentence(name, error, known, is_lost))
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


def _kind(error: DBAPIError, known: str, is_lost: bool) -> type[LibraryError]:
    """Return what kind of error it is: one that passes, of a server that is away, or another."""
    if error.connection_invalidated or (is_lost and not known) or known[:2] in _AWAY:
        return AwayError
    return TransientError if known == HELD or known[:2] in _TRANSIENT else LibraryError


def _why_not_in(address: str, failure: BaseException | None) -> str:
    """Return how a server refused a connection that failed without an SQLSTATE.

    Nothing: it did not answer, or lets nobody in for now.
    """
    if getattr(getattr(failure, "pgconn", None), "needs_password", False):
        return "28"
    known = _QUOTED.sub('""', str(failure))  # names may hold every word
    for words, kind in _ON_CONNECTING.items():
        if words in known:
            return kind
    if not _ANSWER.search(known) or any(words in known for words in _NOT_NOW):
        return ""
    pq, conninfo = import_module("psycopg.pq"), import_module("psycopg.conninfo")
    asked = conninfo.make_conninfo(address, connect_timeout=_PING_S)
    is_up = pq.PGconn.ping(asked.encode()) == pq.Ping.OK  # is told by SQLSTATE
    return "SAID" if is_up else ""


def _sentence(name: str, error: DBAPIError, known: str, is_lost: bool) -> str:
    """Return what to do; the server's own words only where they hold no values."""
    answer = _ANSWER.search(str(error.orig))
    for key in (known, known[:2]):
        if key in _SENTENCES:
            said = one_line(answer[1]) if answer else ""
            return _SENTENCES[key].format(name=name, said=said)
    if is_lost:
        return (
            f"the server of the library {name} cannot be reached: check its address, the network, "
            "and that it runs"
        )
    if not known:
        return f"the library {name} cannot be used: {type(error.orig).__name__}"
    diagnosis = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return f"the library {name} cannot be used: {one_line(str(diagnosis or known))}"
