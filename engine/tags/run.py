"""One tagging run: what it changed in the library, in files and in names, and how to undo it.

Every run has its own folder.  A run that was killed is cleaned up when the next begins:
temporary files are removed, and unfinished renaming is undone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine import durable
from engine.errors import InputError, LibraryError, SoundsiftError
from engine.index.embed import content_hash
from engine.log import logger
from engine.metadata.journal import FILES, Change, Journal, clean_up, write_record
from engine.metadata.read import read_header
from engine.metadata.renaming import (
    Move,
    Rename,
    carry_out,
    count_of,
    is_damaged,
    is_returning,
    take_back,
)
from engine.metadata.write import SoundTags, write_tags
from engine.paths import data_folder, is_own_folder, remove_own_folder
from engine.progress import Control, Progress
from engine.store import Library
from engine.store.copies import keep_copy
from engine.store.places import paths_of_content, rename_sounds, sound_at
from engine.store.rewritten import (
    Rewritten,
    check_may_follow,
    put_headers_of,
    put_rewritten,
)
from engine.tags.noted import noted_change, of_known_sounds, read_change
from engine.tags.review import TagChange

_log = logger(__name__)
_KEPT = 200  # runs of a library that can be undone: an edit of one text is one
_AT_ONCE = 100  # files between two commits
_TRIED = "tried"  # in the folder of a run that could not be taken back wholly
_RUN = re.compile(r"\d{20}")
_FILES = re.compile(rf"(names|tags)\.(json(\.\d+\.part)?|damaged)|lock|{_TRIED}")  # of a run


@dataclass(frozen=True)
class Written:
    """Which files were changed, and why others could not be: (path, sentence).

    Files that held their tags already are among neither; ``kept`` tells what of others stays, why.
    """

    done: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Undone:
    """How many tags, files and names were restored, and which files were not, and why."""

    tags: int
    files: int
    names: int
    refused: tuple[tuple[str, str], ...]


class TagRun:
    """What one run changes, recorded so that it can be undone.

    ``remark`` says, when it has ended, why no copy of the library could be kept.
    """

    def __init__(self, library: Library, folder: Path) -> None:
        self._library, self.folder = library, folder
        self.remark = ""

    @classmethod
    @contextmanager
    def begin(cls, library: Library) -> Iterator[TagRun]:
        """Give a new run, and put runs in order that were killed."""
        settle(library)
        home = runs_of(library)
        folder = home / f"{time.time_ns():020d}"
        lock = FileLock(folder / "lock")
        with _writable(home):
            home.mkdir(parents=True, exist_ok=True)
            for old in _runs(home)[:-_KEPT]:
                _forget(old)
            folder.mkdir(0o700)  # it holds parts of files that others may not read
            lock.acquire()
        try:
            run = cls(library, folder)
            yield run
        finally:
            lock.release()
            if not any(path.is_file() and path.name != "lock" for path in folder.rglob("*")):
                _forget(folder)  # it would cost an undo that undoes nothing
        if folder.exists():
            run.remark = keep_copy(library.file) if library.file else ""

    @classmethod
    @contextmanager
    def again(cls, library: Library, folder: Path) -> Iterator[TagRun | None]:
        """Give a run of this process again to note more; None if it is not the latest any more."""
        if _latest(library) != folder or (folder / _TRIED).exists():
            yield None
            return
        try:
            lock = FileLock(folder / "lock")
            lock.acquire(timeout=0)
        except Timeout:
            yield None
            return
        try:
            yield cls(library, folder)
        finally:
            lock.release()

    def note(self, change: TagChange) -> None:
        """Remember what changed in the library's tags."""
        if change.before or change.after:
            write_record(self.folder / "tags.json", noted_change(change))

    def write(
        self,
        wanted: Mapping[str, SoundTags],
        control: Control,
        keep_time: bool = False,
        tell: Callable[[str], object] = lambda path: None,
    ) -> Written:
        """Write tags into files by path; a file that cannot be written does not stop the others.

        :param tell: is told of every file that was changed.
        :raises Cancelled: the user asked to stop; what was written is known to the library.
        :raises RefusedError: the library may not be told, so no file was touched.
        """
        check_may_follow(self._library)
        journal = Journal(self.folder / "files")
        done: list[str] = []
        refused: list[tuple[str, str]] = []
        kept: list[tuple[str, str]] = []
        fresh: list[str] = []
        try:
            for number, (path, tags) in enumerate(wanted.items()):
                control.report(Progress("writing tags", number, len(wanted)))
                try:
                    result = write_tags(Path(path), tags, journal, keep_time)
                except SoundsiftError as error:
                    refused.append((path, str(error)))
                    continue
                kept += [(path, why) for why in result.kept]
                if not result.changed:
                    continue
                done.append(path)
                fresh.append(path)
                tell(path)
                if len(fresh) >= _AT_ONCE:
                    _recognise(self._library, fresh)
                    fresh.clear()
        finally:
            _recognise(self._library, fresh)
            _log.info("tags written into %d files, refused by %d", len(done), len(refused))
        return Written(tuple(done), tuple(refused), tuple(kept))

    def rename(self, plans: Sequence[Rename]) -> list[Move]:
        """Rename files and let the library follow: all of them, or none.

        :raises AudioError: a file could not be renamed.
        """
        if not any(plan.new for plan in plans):
            return []
        check_may_follow(self._library)
        moves = carry_out(plans, self._names)
        try:
            rename_sounds(self._library, moves, {self._followed: b"1"})
        except LibraryError:
            refused: list[tuple[str, str]] = []
            take_back(self._names, lambda path: True, lambda path, why: refused.append((path, why)))
            if not refused:  # those that are stay in the journal
                self._names.unlink()
            raise
        _describe(self._library, [new for _, new in moves])
        _log.info("%d files renamed", len(moves))
        return moves

    def undo(self, control: Control) -> Undone:
        """Take everything back; what was changed since, and what is damaged, stays as it is.

        :raises Cancelled: the user asked to stop; the rest can be taken back later.
        """
        refused: list[tuple[str, str]] = []
        names = 0
        try:
            names = self._take_names_back(refused)
        except InputError as error:
            refused.append((str(self._names), str(error)))
        restored: list[str] = []
        files = self.folder / "files"
        if is_own_folder(files):
            try:
                for path, problem in Journal(files).undo(self._is_known, self._elsewhere):
                    if problem is None:
                        restored.append(path)
                    else:
                        refused.append((path, problem))
                    control.report(Progress("taking back", len(restored), None))
            finally:
                _recognise(self._library, restored)
        tags = 0
        noted = self.folder / "tags.json"
        if os.path.lexists(noted):
            try:
                change = read_change(noted)
            except ValueError:
                refused.append((str(noted), "the record of tags is damaged, and was set aside"))
                durable.replace(noted, noted.with_suffix(".damaged"))
            else:
                change, gone = of_known_sounds(self._library, change)
                tags = len(change.take_back(self._library))
                if gone:
                    refused.append(
                        (str(noted), f"{gone} of its sounds are no longer in the library")
                    )
                noted.unlink()
        if not refused:
            _forget(self.folder)
        if self.folder.exists():  # what could not be taken back, or what others put there
            (self.folder / _TRIED).touch()
        _log.info(
            "taken back: %d tags, %d files, %d names; %d refused",
            *(tags, len(restored), names, len(refused)),
        )
        return Undone(tags, len(restored), names, tuple(refused))

    def _is_known(self, path: str) -> bool:
        return sound_at(self._library, path) is not None

    def _elsewhere(self, change: Change) -> str | None:
        """Return where a file is that was renamed, and whose old name is not known any more.

        It lies in the same folder, and holds what the run wrote: the library knows its hash.
        """
        folder = Path(change.path).parent
        known = paths_of_content(self._library, change.new_digest)
        return next((path for path in known if Path(path).parent == folder), None)

    @property
    def _names(self) -> Path:
        return self.folder / "names.json"

    @property
    def _followed(self) -> str:
        """Return the setting that says whether the library followed this run's renaming."""
        return f"renamed {self.folder.name}"

    def _take_names_back(self, refused: list[tuple[str, str]]) -> int:
        """Let files and the library have their old names; those that cannot are ``refused``."""
        if not os.path.lexists(self._names):
            return 0
        before = len(refused)
        moves = take_back(
            self._names, self._is_known, lambda path, why: refused.append((path, why))
        )
        is_done = len(refused) == before
        followed = self._library.setting(self._followed)
        if followed:
            # those that have come back are not followed twice: others may have their names now
            known = json.loads(followed) if followed != b"1" else []
            moves = [move for move in moves if move[0] not in known]
            left = b"" if is_done else json.dumps([*known, *(new for new, _ in moves)]).encode()
            rename_sounds(self._library, moves, {self._followed: left})
            _describe(self._library, [old for _, old in moves])
        if is_done:
            self._names.unlink()
            durable.sync_folder(self.folder)
        return len(moves)

    def settle(self) -> None:
        """Put a run in order that was killed."""
        clean_up(self.folder)
        if not os.path.lexists(self._names) or is_damaged(self._names):
            return  # who takes the run back is told
        if not self._library.setting(self._followed) or is_returning(self._names):
            self._take_names_back([])


@dataclass(frozen=True)
class LatestRun:
    """The run that :func:`undo_last` undoes: when it began, and the files that it touched."""

    began_s: float
    written: int
    renamed: int


def latest_run(library: Library) -> LatestRun | None:
    """Return what would be taken back now, if anything."""
    folder = _latest(library)
    if folder is None:
        return None
    files = folder / "files"
    written = len(Journal(files).records()) if files.is_dir() else 0
    return LatestRun(int(folder.name) / 1e9, written, count_of(folder / "names.json"))


def undo_last(library: Library, control: Control) -> Undone:
    """Take the latest run of a library back.

    :raises InputError: there is none.
    """
    settle(library)
    latest = _latest(library)
    if latest is None:
        raise InputError("there is nothing to undo: no run has changed anything")
    return _undone(library, latest, control)


def undo_run(library: Library, name: str, control: Control) -> Undone | None:
    """Take one run back by the name of its folder; None if it is not kept any more."""
    settle(library)
    run = runs_of(library) / name
    return _undone(library, run, control) if run in _runs(run.parent) else None


def _undone(library: Library, run: Path, control: Control) -> Undone:
    try:
        with _writable(run.parent), FileLock(run / "lock", timeout=0):
            return TagRun(library, run).undo(control)
    except Timeout:
        raise InputError(
            "a run is still in progress: wait until it has finished, or stop it"
        ) from None


def _latest(library: Library) -> Path | None:
    """Return the folder of the run to take back; one that was tried must not hide the others."""
    runs = _runs(runs_of(library))
    fresh = [run for run in runs if not (run / _TRIED).exists()]
    return next(reversed(fresh or runs), None)


def settle(library: Library) -> None:
    """Put runs in order that were killed; those that are going on are left alone."""
    for folder in _runs(runs_of(library)):
        # what cannot be put in order now keeps nobody from new runs; its undo says why
        with suppress(Timeout, OSError), FileLock(folder / "lock", timeout=0):
            TagRun(library, folder).settle()


def runs_of(library: Library) -> Path:
    """Return the folder of a library's runs."""
    digest = hashlib.sha256(str(library.path.resolve()).encode()).hexdigest()[:16]
    return data_folder() / "tag-runs" / digest


def _runs(home: Path) -> list[Path]:
    return sorted(p for p in home.glob("*") if _RUN.fullmatch(p.name) and is_own_folder(p))


def _forget(run: Path) -> None:
    """Remove the folder of a run, and nothing in it that is not ours."""
    remove_own_folder(run / "files", FILES)
    remove_own_folder(run, _FILES)


@contextmanager
def _writable(home: Path) -> Iterator[None]:
    """Tell of a folder of runs that cannot be used.

    :raises LibraryError: something in it cannot be read or written.
    """
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise LibraryError(
            "the record of what tagging runs change cannot be saved: "
            f"{error.filename or home}: {error.strerror or error}"
        ) from None


def _recognise(library: Library, paths: Collection[str]) -> None:
    """Tell the library what files are now, so that they are not heard again."""
    rows = []
    for path in paths:
        with suppress(FileNotFoundError):  # taken away since: the next look at its folder sees it
            state = Path(path).stat()
            header, digest = read_header(Path(path)), content_hash(Path(path))
            rows.append(Rewritten(path, state.st_size, state.st_mtime_ns, digest, header))
    put_rewritten(library, rows)


def _describe(library: Library, paths: Collection[str]) -> None:
    """Tell the library what files say under their new names."""
    put_headers_of(library, {path: read_header(Path(path)) for path in paths})
