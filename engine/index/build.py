"""Bring a library in step with folders: scan, compare, listen, commit.

Work is committed every few hundred files, and what is done is found done: a killed run that
is started again ends in the library that an undisturbed run would have made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from engine.errors import AudioError, LibraryError
from engine.index.listen import HeardFile, content_hash, listen
from engine.index.mapping import adopt_model, refresh_potentials, windows_of
from engine.index.scan import Difference, FoundFile, difference, roots_of, scan
from engine.paths import is_under
from engine.progress import Control, Progress
from engine.store import FileFacts, Known, Library, Skipped, StoredWindow

if TYPE_CHECKING:
    from engine.models.match_model import Listener

_COMMIT_S = 5.0
_COMMIT_FILES = 256


@dataclass(frozen=True)
class IndexReport:
    """What an index run did, in files; ``audio_s`` and ``took_s`` in seconds."""

    found: int
    unchanged: int
    heard: int
    moved: int
    back: int
    missing: int
    skipped: int
    audio_s: float
    took_s: float

    def to_dict(self) -> dict[str, float | int]:
        """Return the fields as plain numbers."""
        return asdict(self)


def index_folders(
    library: Library, model_folder: Path, paths: Sequence[Path], control: Control, threads: int = 2
) -> IndexReport:
    """Index ``paths`` (folders or files) into ``library`` with the model in ``model_folder``.

    Sounds that vanished under ``paths`` are marked missing, not erased.

    :raises InputError: a path does not exist.
    :raises LibraryError: the library cannot be written, or another index run holds it.
    :raises Cancelled: the user asked to stop; what was done is kept.
    """
    began = time.monotonic()
    roots = roots_of(paths)
    with _alone(library):
        adopt_model(library, model_folder, control)
        found = scan(roots, control)
        for root in roots:
            library.add_folder(root)
        known = library.known(roots)
        skipped = {row.path: row for row in library.skipped() if is_under(row.path, roots)}
        plan = difference(found, known, skipped)
        library.set_missing(plan.back, False)
        library.set_missing(plan.gone, True)
        library.drop_skipped(plan.skipped_gone)
        library.put_skipped(found.refused)
        to_hear, moved = _follow_moves(library, plan, known, control)
        heard = _Heard(0, 0, 0.0)
        if to_hear:
            heard = _hear(library, model_folder, to_hear, control, threads)
        refresh_potentials(library, model_folder, control)
    return IndexReport(
        found=len(found.files),
        unchanged=len(plan.unchanged),
        heard=heard.files,
        moved=moved,
        back=len(plan.back),
        missing=len(plan.gone) - moved,
        skipped=plan.skipped_again + len(found.refused) + heard.skipped,
        audio_s=heard.audio_s,
        took_s=time.monotonic() - began,
    )


def use_model(library: Library, model_folder: Path, control: Control) -> bool:
    """Make the library use another model; return whether its features could be kept.

    :raises LibraryError: an index run is working on the library.
    """
    with _alone(library):
        adopt_model(library, model_folder, control)
    counts = library.statistics()
    return counts.embedded == counts.sounds


@contextmanager
def _alone(library: Library) -> Iterator[None]:
    """Hold the library's lock file; the system frees it even when this process is killed."""
    lock = FileLock(f"{library.path}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LibraryError(
            f"another index run is working on {library.path}: wait until it has finished"
        ) from None
    except OSError as error:
        raise LibraryError(
            f"the library {library.path} cannot be locked: {error.strerror or error}"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _follow_moves(
    library: Library, plan: Difference, known: Mapping[str, Known], control: Control
) -> tuple[list[FoundFile], int]:
    """Recognise moved, renamed and merely touched files by their content.

    Only files as large as a missing or changed sound are hashed here.
    """
    candidates = library.missing_by_hash()
    sizes = {sound.size for sound in candidates.values()}
    to_hear, moved = [], 0
    for number, file in enumerate(plan.to_hear):
        control.report(Progress("comparing", number, len(plan.to_hear)))
        own = known.get(file.path)
        if file.size not in sizes and (own is None or own.size != file.size):
            to_hear.append(file)
            continue
        try:
            digest = content_hash(Path(file.path))
        except AudioError:
            to_hear.append(file)
            continue
        if own is not None and own.content_hash == digest:
            library.touch_sound(own.id, file.mtime_ns)
        elif own is None and digest in candidates:
            library.move_sound(candidates.pop(digest).id, file.path, file.mtime_ns)
            moved += 1
        else:
            to_hear.append(file)
    return to_hear, moved


@dataclass(frozen=True)
class _Heard:
    files: int
    skipped: int
    audio_s: float


def _hear(
    library: Library,
    model_folder: Path,
    files: Sequence[FoundFile],
    control: Control,
    threads: int,
) -> _Heard:
    """Listen to ``files`` and commit as it goes, also when cancelled."""
    from engine.models.match_model import load_listener

    control.report(Progress("loading the model", 0, len(files)))
    listener = load_listener(model_folder)
    batch = _Batch(library, listener)
    found = {file.path: file for file in files}
    try:
        for number, (path, heard) in enumerate(
            listen(listener, (Path(file.path) for file in files), threads)
        ):
            batch.add(found[str(path)], heard)
            control.report(Progress("listening", number + 1, len(files), f"{batch.audio_s:.0f} s"))
    finally:
        batch.commit()
    return _Heard(batch.files, batch.skipped, batch.audio_s)


class _Batch:
    """Heard files that wait for their transaction."""

    def __init__(self, library: Library, listener: Listener) -> None:
        self._library, self._listener = library, listener
        self._potentials = library.setting("bank_potentials") or b""
        self._heard: list[tuple[FileFacts, list[StoredWindow]]] = []
        self._skipped: list[Skipped] = []
        self._since = time.monotonic()
        self.files, self.skipped, self.audio_s = 0, 0, 0.0

    def add(self, file: FoundFile, heard: HeardFile | AudioError) -> None:
        """Take one file, and commit if it is time."""
        if isinstance(heard, AudioError):
            reason = str(heard)
            self._skipped.append(
                Skipped(file.path, file.size, file.mtime_ns, file.ctime_ns, reason)
            )
            self.skipped += 1
        else:
            stored = windows_of(self._listener, heard, self._potentials)
            self._heard.append((_facts(file, heard), stored))
            self.files += 1
            self.audio_s += heard.duration_s
        waited_s = time.monotonic() - self._since
        if len(self._heard) + len(self._skipped) >= _COMMIT_FILES or waited_s > _COMMIT_S:
            self.commit()

    def commit(self) -> None:
        """Write what waits."""
        self._library.put_sounds(self._heard)
        self._library.put_skipped(self._skipped)
        self._heard, self._skipped = [], []
        self._since = time.monotonic()


def _facts(file: FoundFile, heard: HeardFile) -> FileFacts:
    return FileFacts(
        path=file.path,
        size=file.size,
        mtime_ns=file.mtime_ns,
        content_hash=heard.content_hash,
        duration_s=heard.duration_s,
        rate_hz=heard.facts.rate_hz,
        channels=heard.facts.channels,
        bits=heard.facts.bits,
        format=heard.facts.format,
    )
