"""Open a library's database: pragmas, transactions, migrations, and errors as sentences."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from engine.errors import BusyError, LibraryError
from engine.log import logger
from engine.paths import why_no_file
from engine.progress import Control
from engine.store.copies import copies, copy_database, damaged
from engine.store.swap import finish

if TYPE_CHECKING:
    from alembic.config import Config

REVISION = "0015"
_log = logger(__name__)
_BUSY_TIMEOUT_MS = 10_000
_DAMAGED = ("not a database", "malformed", "no such table", "disk i/o error", "could not decode")
_UNWRITABLE = frozenset(  # what a disk refused; nothing is damaged by it
    {"SQLITE_IOERR_WRITE", "SQLITE_IOERR_TRUNCATE", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMMAP"}
    | {"SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_IOERR_SHMOPEN"}
)
_MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(path: Path) -> Engine:
    """Open ``path``, creating or migrating it as needed.

    The database is copied to ``<name>.before-<revision>`` before it is migrated.

    :raises LibraryError: it cannot be opened, is no library, or a newer Soundsift made it.
    """
    finish(path)
    existed = path.exists() and path.stat().st_size > 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(
            f"the folder {path.parent} cannot be created: {error.strerror}"
        ) from None
    if (
        path.exists() and not existed and copies(path)
    ):  # not a new library: one that has lost everything
        raise LibraryError(damaged(path))
    engine = _engine(path)
    _refuse_odd_logs(path)
    with sentences_for_errors(path):
        revision = _revision(path) if existed else None
        if revision != REVISION:
            _migrate(engine, path, revision, existed)
    return engine


def _refuse_odd_logs(path: Path) -> None:
    """Refuse a library beside which something else has its log's name: SQLite would wait for it."""
    beside = path.resolve()  # where SQLite looks for its files
    for ending in ("-journal", "-wal", "-shm"):
        log = beside.with_name(beside.name + ending)
        try:
            other = why_no_file(log, follow=False)
        except OSError:
            continue
        if other is not None:
            raise LibraryError(
                f"the library {path} cannot be opened: {log} {other}, not a file: move it away"
            )


@contextmanager
def sentences_for_errors(path: Path) -> Iterator[None]:
    """Turn the database's errors into sentences about the library at ``path``."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        own = getattr(error, "orig", None) or error
        name = getattr(own, "sqlite_errorname", "")
        raise LibraryError(_sentence(path, str(own), name)) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one consistent read transaction."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection in a write transaction: all of it is kept, or nothing."""
    with engine.connect().execution_options(immediate=True) as connection, connection.begin():
        yield connection


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin or commit by itself
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _revision(path: Path) -> str | None:
    """Return the schema revision of an existing database."""
    with closing(sqlite3.connect(path)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if "alembic_version" not in tables:
            if tables:
                raise LibraryError(f"{path} is a database, but not a Soundsift library")
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def no_library(name: str) -> str:
    """Return the sentence about a library that is not there."""
    return f"there is no library at {name} yet: run `soundsift index FOLDER` first"


def busy(name: str) -> BusyError:
    """Return that a library is being indexed."""
    return BusyError(f"another index run is working on {name}: wait until it has finished")


def make_schema(path: Path, revision: str) -> None:
    """Make a new, empty library as it was at a revision of the schema."""
    engine = _engine(path)
    _upgrade(engine, revision)
    engine.dispose()


def refuse_newer(path: Path, revision: str | None) -> None:
    """Refuse a library whose schema is not known.

    :raises LibraryError: it is of a newer Soundsift.
    """
    if revision is not None and is_newer(revision):
        raise LibraryError(
            f"{path} was made by a newer Soundsift (its schema is {revision}): update "
            "Soundsift, or choose another --library"
        )


def is_newer(revision: str) -> bool:
    """Return whether a revision of the schema is not known."""
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return revision not in known


def _migrate(engine: Engine, path: Path, revision: str | None, existed: bool) -> None:
    refuse_newer(path, revision)
    if existed and revision is not None:
        _log.info("a library of schema %s becomes one of %s", revision, REVISION)
        copy_database(path, path.with_name(f"{path.name}.before-{REVISION}"), Control())
    _upgrade(engine, "head")


def _upgrade(engine: Engine, revision: str) -> None:
    with writing(engine) as connection:
        upgrade_schema(connection, revision)


def upgrade_schema(connection: Connection, revision: str = "head") -> None:
    """Migrate a database within a transaction."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _sentence(path: Path, cause: str, name: str) -> str:
    """Return what an error means; ``name`` is SQLite's, which says more than its text."""
    lowered = cause.lower()
    if name in _UNWRITABLE:
        return (
            f"the library {path} cannot be written: its disk is full, or allows no larger file, or "
            "has gone away; free some space and start again"
        )
    if "full" in lowered:
        return f"the disk that holds the library {path} is full: free some space and start again"
    if "readonly" in lowered or "read-only" in lowered:
        return f"the library {path} cannot be written: it or its folder is read-only"
    if "unable to open" in lowered:
        return f"the library {path} cannot be opened: check its folder and your permissions"
    if any(words in lowered for words in _DAMAGED):
        return damaged(path)
    if "locked" in lowered:
        return f"the library {path} is in use by another program: try again when it has finished"
    return f"the library {path} cannot be used: {cause}"
