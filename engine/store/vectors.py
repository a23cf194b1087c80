"""All mapped vectors of a library, memory-mapped from a cache beside the database.

The cache, ``<library>.vectors/``, is never the truth: it is appended to when windows were
added, and made anew when they were mapped anew or many are gone.

``state.json`` names the files of a generation and how many rows of them count; rows that a
killed process left behind are overwritten.  ``vectors-N.f16`` holds float16 vectors,
``rows-N.bin`` what else ranking needs.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from sqlalchemy import Connection, func, select

from engine.errors import LibraryError
from engine.store import tables
from engine.store.library import Library
from engine.store.tables import PRESENT

Floats = np.ndarray[Any, np.dtype[np.float32]]
Halves = np.ndarray[Any, np.dtype[np.float16]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Booleans = np.ndarray[Any, np.dtype[np.bool_]]

_ROW = np.dtype(
    [("id", "<i8"), ("sound", "<i8"), ("start", "<f4"), ("end", "<f4"), ("potential", "<f4")]
)
_BLOCK = 20_000
_MOST_DEAD = 0.2  # share of rows without a window, above which the cache is made anew
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class WindowVectors:
    """The windows of a library, in the order in which they were heard.

    ``vectors`` (n, rank), float16; ``potentials``, ``sound_ids``, ``starts_s``, ``ends_s``
    (n,); ``present`` (n,) says whose sounds are there.  ``codes`` is where a search may keep
    what it derives from the vectors; it changes its name when they change their order.
    """

    vectors: Halves
    potentials: Floats
    sound_ids: Integers
    starts_s: Floats
    ends_s: Floats
    present: Booleans
    codes: Path | None = None
    pages: mmap.mmap | None = None

    def release(self) -> None:
        """Give back the memory of vectors that were read; they stay in the system's cache."""
        if self.pages is not None and hasattr(self.pages, "madvise"):  # not on Windows
            self.pages.madvise(mmap.MADV_DONTNEED)


@dataclass
class _State:
    mapping: str = ""
    rank: int = 0
    generation: int = 0
    rows: int = 0
    dead: int = 0
    last_id: int = 0


def load_vectors(library: Library, rank: int) -> WindowVectors:
    """Bring the cache up to date and open it.

    :raises LibraryError: the cache cannot be written, or another process keeps it locked.
    """
    folder = cache_folder(library)
    try:
        folder.mkdir(exist_ok=True)
        with FileLock(folder / "lock", timeout=_PATIENCE_S), library.reading() as connection:
            return _Cache(folder, rank).opened(connection)
    except Timeout:
        raise LibraryError(f"{folder} is in use by another program: try again") from None
    except OSError as error:
        raise LibraryError(
            f"the vectors of {library.path} cannot be cached in {folder}: {error.strerror or error}"
        ) from error


def cache_folder(library: Library) -> Path:
    """Return where a library's vectors are cached; it may be deleted at any time."""
    return Path(f"{library.path}.vectors")


class _Cache:
    """The files of a cache, while its lock is held."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._folder, self._rank = folder, rank
        self._state = self._read_state()

    def opened(self, connection: Connection) -> WindowVectors:
        """Bring everything up to date within one read transaction, and map it."""
        w = tables.windows.c
        mapping = _mapping(connection)
        if (self._state.mapping, self._state.rank) != (mapping, self._rank):
            self._begin_generation(mapping)
        self._append(connection)
        known = connection.scalar(select(func.count()).select_from(tables.windows)) or 0
        if known != self._state.rows - self._state.dead:
            self._bury(np.fromiter(connection.scalars(select(w.id)), np.int64))
        if self._state.dead > _MOST_DEAD * self._state.rows:
            self._begin_generation(mapping)
            self._append(connection)
        self._write_state()
        s = tables.sounds.c
        away = np.fromiter(connection.scalars(select(s.id).where(s.state != PRESENT)), np.int64)
        return self._mapped(away)

    def _mapped(self, away: Integers) -> WindowVectors:
        n = self._state.rows
        if not n:
            nothing = np.zeros(0, np.float32)
            no_vectors = np.zeros((0, self._rank), np.float16)
            none = np.zeros(0, np.int64)
            return WindowVectors(no_vectors, nothing, none, nothing, nothing, none.astype(bool))
        with self._file("vectors").open("rb") as file:
            pages = mmap.mmap(file.fileno(), n * self._rank * 2, access=mmap.ACCESS_READ)
        vectors = np.frombuffer(pages, np.float16).reshape(n, self._rank)
        rows = np.fromfile(self._file("rows"), _ROW, n)
        present = rows["id"] > 0
        if len(away):
            present &= ~np.isin(rows["sound"], away)
        return WindowVectors(
            vectors=vectors,
            potentials=rows["potential"].copy(),
            sound_ids=rows["sound"].copy(),
            starts_s=rows["start"].copy(),
            ends_s=rows["end"].copy(),
            present=present,
            codes=self._folder / f"codes-{self._state.generation}",
            pages=pages,
        )

    def _append(self, connection: Connection) -> None:
        """Write the windows behind the last one that is known."""
        rows_written = self._state.rows
        with self._open("vectors") as vectors, self._open("rows") as others:
            vectors.truncate(rows_written * self._rank * 2)
            others.truncate(rows_written * _ROW.itemsize)
            vectors.seek(0, os.SEEK_END)
            others.seek(0, os.SEEK_END)
            for rows, block in _new_windows(connection, self._state.last_id):
                if len(block) != len(rows) * self._rank * 2:
                    raise LibraryError(
                        "the library holds vectors of another size than its model's: run "
                        "`soundsift models use` with its model"
                    )
                vectors.write(block)
                others.write(rows.tobytes())
                self._state.rows += len(rows)
                self._state.last_id = int(rows["id"][-1])

    def _bury(self, living: Integers) -> None:
        """Mark rows whose windows are gone."""
        rows = np.memmap(self._file("rows"), _ROW, "r+", shape=(self._state.rows,))
        rows["id"][~np.isin(rows["id"], living)] = 0
        rows.flush()
        self._state.dead = int((rows["id"] == 0).sum())

    def _begin_generation(self, mapping: str) -> None:
        """Forget everything; files of earlier generations that are still mapped may stay."""
        old = self._state.generation
        self._state = _State(mapping, self._rank, old + 1)
        for path in self._folder.iterdir():
            if path.name not in ("lock", "state.json"):
                _remove(path)

    def _open(self, name: str) -> Any:
        path = self._file(name)
        path.touch()
        return path.open("r+b")

    def _file(self, name: str) -> Path:
        ending = {"vectors": "f16", "rows": "bin"}[name]
        return self._folder / f"{name}-{self._state.generation}.{ending}"

    def _read_state(self) -> _State:
        try:
            read = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
            state = _State(**read)
            self._state = state
            whole = self._file("vectors").stat().st_size >= state.rows * state.rank * 2
            whole &= self._file("rows").stat().st_size >= state.rows * _ROW.itemsize
            return state if whole else _State(generation=state.generation)
        except (OSError, ValueError, TypeError):
            return _State()

    def _write_state(self) -> None:
        part = self._folder / "state.part"
        part.write_text(json.dumps(asdict(self._state)), encoding="utf-8")
        part.replace(self._folder / "state.json")


def _mapping(connection: Connection) -> str:
    """Return what all vectors depend on: model, and when they were last mapped."""
    s = tables.settings.c
    rows = connection.execute(select(s.name, s.value).where(s.name.in_(("model_id", "mapping"))))
    return " ".join(f"{row.name} {row.value.hex()}" for row in sorted(rows))


def _new_windows(connection: Connection, last_id: int) -> Iterator[tuple[Any, bytes]]:
    w = tables.windows.c
    columns = (w.id, w.sound_id, w.start_s, w.end_s, w.potential, w.vector)
    statement = select(*columns).where(w.id > last_id).order_by(w.id)
    result = connection.execution_options(yield_per=_BLOCK).execute(statement)
    for part in result.partitions():
        rows = np.array([tuple(row)[:5] for row in part], _ROW)
        yield rows, b"".join(row.vector for row in part)


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError:
        return  # another process has it mapped; it goes with the next generation
