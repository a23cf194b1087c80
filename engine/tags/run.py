"""One tagging run: what it changed in the library, in files and in names, and how to undo it.

Every run has its own folder.  A run that was killed is cleaned up when the next begins:
temporary files are removed, and unfinished renaming is undone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import Timeout

from engine.errors import InputError, LibraryError, SoundsiftError
from engine.log import logger
from engine.metadata.journal import Journal, write_record
from engine.metadata.moves import Move, moves_in
from engine.metadata.renaming import Rename, carry_out, take_back
from engine.metadata.write import SoundTags, write_tags
from engine.progress import Control, Progress
from engine.store import Library
from engine.store.copies import keep_copy
from engine.store.history import RunKind, note_run, settle_run, turn_run
from engine.store.places import rename_sounds
from engine.store.rewritten import check_may_follow
from engine.tags.noted import noted_change
from engine.tags.restoring import Restoring, Undone, describe_renamed, recognise
from engine.tags.review import TagChange
from engine.tags.run_folders import (
    RunFolder,
    forget_undone,
    is_unsettled,
    run_folders,
    runs_of,
    undone_runs_of,
    writable,
)

_log = logger(__name__)
_KEPT = 200  # runs of a library that can be undone: an edit of one text is one
_AT_ONCE = 100  # files between two commits


@dataclass(frozen=True)
class Written:
    """Which files were changed, and why others could not be: (path, sentence).

    Files that held their tags already are among neither; ``kept`` tells what of others stays, why.
    """

    done: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str], ...] = ()


class TagRun:
    """What one run changes, recorded so that it can be undone.

    ``remark`` says, when it has ended, why no copy of the library could be kept.
    """

    def __init__(self, library: Library, folder: Path) -> None:
        self._library, self.folder = library, folder
        self._run = RunFolder(folder)
        self._changed = 0  # files, so far
        self.remark = ""

    @classmethod
    @contextmanager
    def begin(
        cls, library: Library, kind: RunKind | None = None, count: int = 0
    ) -> Iterator[TagRun]:
        """Give a new run, and put runs in order that were killed.

        :param kind: makes it a step of what users did, among all others; a run that has changed no
            file in the end is none.
        :param count: how many files it is about to change.
        """
        settle(library)
        run = cls(library, runs_of(library) / f"{time.time_ns():020d}")
        home, lock = run.folder.parent, run._run.lock()
        with writable(home):
            for old in run_folders(home)[:-_KEPT]:
                if not is_unsettled(library, old):
                    old.forget()
            run._run.make()
            lock.acquire()
        try:
            if kind is not None:
                note_run(library, kind, run.folder.name, count)
            yield run
        finally:
            lock.release()
            if not run._run.holds_something:
                run._run.forget()  # it would cost an undo that undoes nothing
            if kind is not None:
                settle_run(library, run.folder.name, run._changed)
        if run.folder.exists():
            forget_undone(library)
            run.remark = keep_copy(library.file) if library.file else ""

    @classmethod
    @contextmanager
    def again(cls, library: Library, folder: Path) -> Iterator[TagRun | None]:
        """Give a run of this process again to note more; None if it is not the latest any more."""
        latest = _latest(library)
        if latest is None or latest.path != folder or latest.tried:
            yield None
            return
        try:
            lock = latest.lock()
            lock.acquire()
        except Timeout:
            yield None
            return
        try:
            yield cls(library, folder)
        finally:
            lock.release()

    def note(self, change: TagChange) -> None:
        """Remember what changed in the library's tags.

        :raises LibraryError: that cannot be saved.
        """
        if change.before or change.after:
            with writable(self.folder):
                write_record(self._run.tags, noted_change(change))

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
        :raises LibraryError: what files were cannot be saved, or the library not be told.
        """
        check_may_follow(self._library)
        with writable(self.folder):
            journal = Journal(self._run.files)
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
                    recognise(self._library, fresh)
                    fresh.clear()
        finally:
            self._changed = max(self._changed, len(done))  # whatever the library says to it
            recognise(self._library, fresh)
            _log.info("tags written into %d files, refused by %d", len(done), len(refused))
        return Written(tuple(done), tuple(refused), tuple(kept))

    def rename(self, plans: Sequence[Rename]) -> list[Move]:
        """Rename files and let the library follow: all of them, or none.

        :raises AudioError: a file could not be renamed, or how it was called not be saved.
        :raises LibraryError: the library cannot follow; files have their names again.
        """
        if not any(plan.new for plan in plans):
            return []
        check_may_follow(self._library)
        moves = carry_out(plans, self._run.names)
        try:
            rename_sounds(self._library, moves, {self._run.followed: b"1"})
        except LibraryError:
            refused: list[tuple[str, str]] = []
            with writable(self.folder):
                take_back(
                    self._run.names,
                    lambda path: True,
                    lambda path, why: refused.append((path, why)),
                )
                if not refused:  # those that are stay in the journal
                    self._run.names.unlink()
            raise
        self._changed = max(self._changed, len(moves))
        describe_renamed(self._library, [new for _, new in moves])
        _log.info("%d files renamed", len(moves))
        return moves


@dataclass(frozen=True)
class LatestRun:
    """The run that :func:`undo_last` undoes: when it began, and the files that it touched."""

    began_s: float
    written: int
    renamed: int


def latest_run(library: Library) -> LatestRun | None:
    """Return what would be taken back now, if anything."""
    run = _latest(library)
    if run is None:
        return None
    written = len(Journal(run.files).records()) if run.files.is_dir() else 0
    return LatestRun(int(run.path.name) / 1e9, written, len(moves_in(run.names)))


def undo_last(library: Library, control: Control) -> Undone:
    """Take the latest run of a library back.

    :raises InputError: there is none.
    """
    settle(library)
    latest = _latest(library)
    if latest is None:
        raise InputError("there is nothing to undo: no run has changed anything")
    return _taken_back(library, latest, control)


def redo_last(library: Library, control: Control) -> Undone:
    """Do the run again that was undone last.

    :raises InputError: there is none.
    """
    settle(library)
    undone = run_folders(undone_runs_of(library))
    fresh = [run for run in undone if not run.tried]
    if not undone:
        raise InputError("there is nothing to redo: no run was undone, or another one followed")
    return _taken_back(library, (fresh or undone)[0], control)


def restore_run(library: Library, name: str, forth: bool, control: Control) -> Undone | None:
    """Take one run back by the name of its folder, or do it again; None if it is not kept.

    One of which nothing can be restored stays the first time, and is passed over the second.
    """
    settle(library)
    homes = runs_of(library), undone_runs_of(library)
    run, other = (RunFolder(home / name) for home in (homes[::-1] if forth else homes))
    if run in run_folders(run.path.parent):
        return _taken_back(library, run, control, passes=run.tried)
    if other in run_folders(other.path.parent):
        turn_run(library, name, undone=not forth)  # a process did it that was killed before
        return Undone(0, 0, 0, ())
    return None


def settle(library: Library) -> None:
    """Put runs in order that were killed; those that are going on are left alone."""
    homes = (runs_of(library), undone_runs_of(library))
    for home, other in homes, homes[::-1]:
        for run in run_folders(home):
            # what cannot be put in order now keeps nobody from new runs; its undo says why
            with suppress(Timeout, OSError), run.lock():
                Restoring(library, run, RunFolder(other / run.path.name)).settle()


def _taken_back(library: Library, run: RunFolder, control: Control, passes: bool = False) -> Undone:
    """Take back what a run, or its undo, recorded; if any of it could be, its step turns.

    :param passes: let its step turn also if nothing could be, so that others can follow.
    """
    others = runs_of(library) if run.was_undone else undone_runs_of(library)
    restored = _restored(library, run, others, control)
    if restored.outcome == "stays" and passes:
        restored = replace(restored, outcome="passed")
    if restored.outcome != "stays":
        turn_run(library, run.path.name, undone=not run.was_undone)
    return restored


def _restored(library: Library, run: RunFolder, others: Path, control: Control) -> Undone:
    """Take back what a run recorded, and record that under the same name in the other home."""
    other = RunFolder(others / run.path.name)
    try:
        with writable(others), run.lock():
            other.make()
            with other.lock():
                restored = Restoring(library, run, other).restore(control)
            if not other.holds_something:
                other.forget()
            return restored
    except Timeout:
        raise InputError(
            "a run is still in progress: wait until it has finished, or stop it"
        ) from None


def _latest(library: Library) -> RunFolder | None:
    """Return the run to take back; one that was tried must not hide the others."""
    runs = run_folders(runs_of(library))
    fresh = [run for run in runs if not run.tried]
    return next(reversed(fresh or runs), None)
