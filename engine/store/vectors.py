"""All mapped vectors of a library, memory-mapped from a cache beside the database.

The cache, ``<library>.vectors/``, is never the truth: it is appended to when windows were
added, and made anew when they were mapped anew, when many are gone, and when it is not what was
written (docs/decisions/0015).

``state.json`` names the files of a generation, how many rows of them count, and a checksum of
every block of them; rows that a killed process left behind are overwritten.
``vectors-X.f16`` holds float16 vectors, ``rows-X.bin`` what else ranking needs.
"""

from __future__ import annotations

import mmap
import os
import re
import secrets
import weakref
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from sqlalchemy import Connection, func, select

from engine import durable
from engine.arrays import Booleans, Floats, Halves, Integers
from engine.errors import LibraryError
from engine.paths import make_own_folder, remove_own, remove_own_folder
from engine.sealed import seal, unseal
from engine.store import tables
from engine.store.library import Library
from engine.store.lineage import leave_mark, marks
from engine.store.tables import PRESENT

_ROW = np.dtype(  # the id is negative where the window is gone
    [("id", "<i8"), ("sound", "<i8"), ("start", "<f4"), ("end", "<f4"), ("potential", "<f4")]
)
_BLOCK = 20_000  # rows that are read at once
_CHECKED = 16_384  # rows that have a checksum together
_MOST_DEAD = 0.2  # share of rows without a window, above which the cache is made anew
_PATIENCE_S = 120.0
_GENERATION = re.compile("[0-9a-f]{8}")
_OURS = re.compile(
    rf"vectors-{_GENERATION.pattern}\.f16|rows-{_GENERATION.pattern}\.bin"
    r"|state\.json(\.\d+\.part)?"
)
_CODES = re.compile(f"codes-{_GENERATION.pattern}")
_IN_CODES = re.compile(r"(facts\.json|index\.faiss)(\.\d+\.part)?")
_PRIME = 4_294_967_291


@dataclass(frozen=True)
class WindowVectors:
    """The windows of a library, in the order in which they were heard.

    ``vectors`` (n, rank), float16; ``potentials``, ``sound_ids``, ``starts_s``, ``ends_s``
    (n,); ``present`` (n,) says whose sounds are there.  ``codes`` is where a search may keep
    what it derives from the vectors, with their :meth:`fingerprint`.  ``descriptor`` is the
    vectors' file, as long as it is mapped to ``pages``.
    """

    vectors: Halves
    potentials: Floats
    sound_ids: Integers
    starts_s: Floats
    ends_s: Floats
    present: Booleans
    codes: Path | None = None
    pages: mmap.mmap | None = None
    checksums: tuple[int, ...] = ()
    descriptor: int | None = None

    def some(self, rows: Integers) -> Halves:
        """Return the vectors (m, rank) of some rows, which stay in nobody's memory.

        Read one by one, they cost half of what they cost as pages that are mapped and released.

        :raises LibraryError: the disk does not give them any more.
        """
        if self.descriptor is None:
            found: Halves = self.vectors[rows]
            self.release()
            return found
        size, rank = self.vectors[0].nbytes, self.vectors.shape[1]
        try:
            read = b"".join(os.pread(self.descriptor, size, row * size) for row in rows.tolist())
        except OSError as error:
            raise _unreadable(error.strerror or str(error)) from None
        if len(read) != size * len(rows):
            raise _unreadable("the file is shorter than it was")
        return np.frombuffer(read, np.float16).reshape(len(rows), rank)

    def release(self) -> None:
        """Give back the memory of vectors that were read; they stay in the system's cache."""
        if self.pages is not None and hasattr(self.pages, "madvise"):  # not on Windows
            self.pages.madvise(mmap.MADV_DONTNEED)

    def fingerprint(self, rows: int) -> str:
        """Return what the first ``rows`` vectors and potentials have in common with no others."""
        whole = min(rows // _CHECKED, max(0, len(self.checksums) - 1))
        rest = np.ascontiguousarray(self.vectors[whole * _CHECKED : rows])
        known = np.array([*self.checksums[:whole], zlib.crc32(rest.data)], "<u4").tobytes()
        potentials = np.ascontiguousarray(self.potentials[:rows])
        return f"{zlib.crc32(known):08x}{zlib.crc32(potentials.data):08x}"


@dataclass
class _State:
    mapping: str = ""
    rank: int = 0
    generation: str = ""
    rows: int = 0
    last_id: int = 0
    mark: str = ""  # the library's newest when the last row was added
    vectors: list[int] = field(default_factory=list)  # checksums of blocks
    others: list[int] = field(default_factory=list)


class _DamagedError(Exception):
    """The files are not what was written."""


def _unreadable(reason: str) -> LibraryError:
    return LibraryError(
        f"the vectors beside the library cannot be read any more ({reason}): open it again"
    )


def load_vectors(library: Library, rank: int) -> WindowVectors:
    """Bring the cache up to date and open it; every byte of it is checked.

    :raises LibraryError: the cache cannot be written, or another process keeps it locked.
    """
    folder = cache_folder(library)
    ensure_mark(library)
    try:
        make_own_folder(folder)
        with FileLock(folder / "lock", timeout=_PATIENCE_S), library.reading() as connection:
            return _opened(folder, rank, connection)
    except Timeout:
        raise LibraryError(f"{folder} is in use by another program: try again") from None
    except OSError as error:
        raise LibraryError(
            f"the vectors of {library.name} cannot be cached in {folder}: {error.strerror or error}"
        ) from error


def version_of(library: Library) -> str:
    """Return a text that changes whenever :func:`load_vectors` would return something else."""
    s = tables.sounds.c
    there = select(func.count(), func.coalesce(func.sum(s.id), 0)).where(s.state == PRESENT)
    with library.reading() as connection:
        known = marks(connection)
        newest = known[-1] if known else ""
        count, ids = connection.execute(there).one()
        return f"{_mapping(connection)} {newest} {count} {ids}"


def ensure_mark(library: Library) -> None:
    """Leave a mark in a library that was made before there were any, if it can be written."""
    w = tables.windows.c
    with library.reading() as connection:
        if marks(connection) or connection.scalar(select(w.id).limit(1)) is None:
            return
    try:
        with library.writing() as connection:
            if not marks(connection):
                leave_mark(connection)
    except LibraryError:
        return  # read-only: its cache is made anew each time


def _opened(folder: Path, rank: int, connection: Connection) -> WindowVectors:
    try:
        return _Cache(folder, rank).opened(connection)
    except _DamagedError:
        (folder / "state.json").unlink(missing_ok=True)
    try:
        return _Cache(folder, rank).opened(connection)
    except _DamagedError:
        raise LibraryError(
            f"the disk that holds {folder} does not return what was written to it: check the disk"
        ) from None


def cache_folder(library: Library) -> Path:
    """Return where a library's vectors are cached; it may be deleted at any time."""
    return Path(f"{library.path}.vectors")


class _Cache:
    """The files of a cache, while its lock is held."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._folder, self._rank = folder, rank
        self._state = self._read_state()
        self._on_disk = asdict(self._state)

    def opened(self, connection: Connection) -> WindowVectors:
        """Bring everything up to date within one read transaction, check and map it.

        :raises _DamagedError: the files are not what was written.
        """
        mapping, known = _mapping(connection), marks(connection)
        fits = (self._state.mapping, self._state.rank) == (mapping, self._rank)
        if not fits or (self._state.rows and self._state.mark not in known):
            self._begin_generation(mapping)
        rows = self._brought_up_to_date(connection, known)
        if rows is None or (rows["id"] < 0).sum() > _MOST_DEAD * len(rows):
            self._begin_generation(mapping)
            rows = self._brought_up_to_date(connection, known)
            if rows is None:
                raise _DamagedError
        self._write_state()
        s = tables.sounds.c
        away = np.fromiter(connection.scalars(select(s.id).where(s.state != PRESENT)), np.int64)
        return self._mapped(rows, away)

    def _mapped(self, rows: Any, away: Integers) -> WindowVectors:
        vectors, pages, descriptor = self._checked_vectors()
        present = rows["id"] > 0
        if len(away):
            present &= ~np.isin(rows["sound"], away)
        windows = WindowVectors(
            vectors=vectors,
            potentials=rows["potential"].copy(),
            sound_ids=rows["sound"].copy(),
            starts_s=rows["start"].copy(),
            ends_s=rows["end"].copy(),
            present=present,
            codes=self._folder / f"codes-{self._state.generation}" if len(rows) else None,
            pages=pages,
            checksums=tuple(self._state.vectors),
            descriptor=descriptor,
        )
        windows.release()  # all were read
        return windows

    def _checked_vectors(self) -> tuple[Halves, mmap.mmap | None, int | None]:
        """Map the vectors, and read all of them once."""
        n, size = self._state.rows, self._rank * 2
        if not n:
            return np.zeros((0, self._rank), np.float16), None, None
        with self._file("vectors").open("rb") as file:
            try:
                pages = mmap.mmap(file.fileno(), n * size, access=mmap.ACCESS_READ)
            except ValueError:  # the file is shorter
                raise _DamagedError from None
            with memoryview(pages) as data:
                whole = _checksums(data, size) == self._state.vectors
            if not whole:
                pages.close()
                raise _DamagedError
            descriptor = os.dup(file.fileno()) if hasattr(os, "pread") else None  # not on Windows
        if descriptor is not None:
            weakref.finalize(pages, os.close, descriptor)
        return np.frombuffer(pages, np.float16).reshape(n, self._rank), pages, descriptor

    def _checked_rows(self) -> Any:
        rows = np.fromfile(self._file("rows"), _ROW, self._state.rows)
        if _checksums(memoryview(rows.tobytes()), _ROW.itemsize) != self._state.others:
            raise _DamagedError
        return rows

    def _brought_up_to_date(self, connection: Connection, known: list[str]) -> Any:
        """Append what is new, bury what is gone; None if a window is missing among the rows."""
        self._append(connection)
        self._state.mark = known[-1] if known else ""
        rows = self._checked_rows()
        if _summary(rows["id"][rows["id"] > 0]) == _counted(connection):
            return rows
        living = np.fromiter(connection.scalars(select(tables.windows.c.id)), np.int64)
        ids = np.abs(rows["id"])
        if not np.isin(living, ids).all():
            return None
        rows["id"] = np.where(np.isin(ids, living), ids, -ids)
        with self._open("rows") as file:
            file.write(rows.tobytes())
            durable.flush(file)
        self._state.others = _checksums(memoryview(rows.tobytes()), _ROW.itemsize)
        return rows

    def _append(self, connection: Connection) -> None:
        """Write the windows behind the last one that is known."""
        state, size = self._state, self._rank * 2
        with self._open("vectors") as vectors, self._open("rows") as others:
            vectors.seek(state.rows * size)
            others.seek(state.rows * _ROW.itemsize)
            before = state.rows
            for rows, block in _new_windows(connection, state.last_id):
                if len(block) != len(rows) * size:
                    raise LibraryError(
                        "the library contains vectors of a different size than its model's: "
                        "run `soundsift models use` with its model"
                    )
                vectors.write(block)
                others.write(rows.tobytes())
                _continue(state.vectors, state.rows, size, block)
                _continue(state.others, state.rows, _ROW.itemsize, rows.tobytes())
                state.rows += len(rows)
                state.last_id = int(rows["id"][-1])
            if state.rows > before:  # a state must never speak of what is not on the disk
                durable.flush(vectors)
                durable.flush(others)

    def _begin_generation(self, mapping: str) -> None:
        """Forget everything; files of earlier generations that are still mapped may stay.

        No name ever comes twice: another process may still read what had it.
        """
        self._state = _State(mapping, self._rank, secrets.token_hex(4))
        for path in self._folder.iterdir():
            if _CODES.fullmatch(path.name):
                remove_own_folder(path, _IN_CODES)
        remove_own(self._folder, _OURS)  # what another process has mapped goes the next time

    def _open(self, name: str) -> Any:
        path = self._file(name)
        if path.is_symlink():  # whose file would be written?
            raise _DamagedError
        return path.open("r+b" if path.exists() else "w+b")

    def _file(self, name: str) -> Path:
        ending = {"vectors": "f16", "rows": "bin"}[name]
        return self._folder / f"{name}-{self._state.generation}.{ending}"

    def _read_state(self) -> _State:
        try:
            state = _State(**unseal((self._folder / "state.json").read_bytes()))
            return state if _GENERATION.fullmatch(state.generation) else _State()
        except (OSError, ValueError, TypeError):
            return _State()

    def _write_state(self) -> None:
        if asdict(self._state) != self._on_disk:
            durable.put_file(self._folder / "state.json", seal(asdict(self._state)).encode())


def _checksums(data: memoryview, row_bytes: int) -> list[int]:
    """Return the checksums of all blocks of rows."""
    step = _CHECKED * row_bytes
    return [zlib.crc32(data[start : start + step]) for start in range(0, len(data), step)]


def _continue(checksums: list[int], rows: int, row_bytes: int, added: bytes) -> None:
    """Bring the checksums of so many rows up to date with what is added behind them."""
    room = -rows % _CHECKED * row_bytes  # in the last block
    if room:
        checksums[-1] = zlib.crc32(added[:room], checksums[-1])
    checksums += _checksums(memoryview(added)[room:], row_bytes)


def _summary(ids: Integers) -> tuple[int, int, int]:
    """Return count, sum and a sum of residues of squares: what :func:`_counted` returns."""
    return len(ids), int(ids.sum()), int((ids * ids % _PRIME).sum())


def _counted(connection: Connection) -> tuple[int, int, int]:
    w = tables.windows.c
    sums = (func.coalesce(func.sum(n), 0) for n in (w.id, w.id * w.id % _PRIME))
    row = connection.execute(select(func.count(), *sums).select_from(tables.windows)).one()
    return int(row[0]), int(row[1]), int(row[2])


def _mapping(connection: Connection) -> str:
    """Return what all vectors depend on: model, and when they were last mapped."""
    s = tables.settings.c
    rows = connection.execute(select(s.name, s.value).where(s.name.in_(("model_id", "mapping"))))
    return " ".join(f"{row.name} {row.value.hex()}" for row in sorted(rows))


def _new_windows(connection: Connection, last_id: int) -> Iterator[tuple[Any, bytes]]:
    w = tables.windows.c
    columns = (w.id, w.sound_id, w.start_s, w.end_s, w.potential, w.vector)
    statement = select(*columns).where(w.id > last_id).order_by(w.id)
    with connection.execute(statement.execution_options(yield_per=_BLOCK)) as result:
        for part in result.partitions():
            rows = np.array([tuple(row)[:5] for row in part], _ROW)
            yield rows, b"".join(row.vector for row in part)
