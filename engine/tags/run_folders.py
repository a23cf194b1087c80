"""Where runs lie: those that can be undone, and beside them those that were, to be done again."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import LibraryError
from engine.metadata.journal import FILES
from engine.metadata.moves import is_damaged, is_returning
from engine.paths import data_folder, is_own_folder, remove_own_folder
from engine.store import Library

_RUNS, _UNDONE = "tag-runs", "undone-runs"  # in the data folder
_FOLLOWED = {_RUNS: "renamed", _UNDONE: "named back"}
_TRIED = "tried"  # in the folder of a run that could not be taken back wholly
_RUN = re.compile(r"\d{20}")
_FILES = re.compile(rf"(names|tags)\.(json(\.\d+\.part)?|damaged)|lock|{_TRIED}")  # of a run


@dataclass(frozen=True)
class RunFolder:
    """The records of one run: what it changed, or, in the other home, what its undo changed."""

    path: Path

    @property
    def files(self) -> Path:
        """Return the folder of the journal of files."""
        return self.path / "files"

    @property
    def names(self) -> Path:
        """Return the journal of names."""
        return self.path / "names.json"

    @property
    def tags(self) -> Path:
        """Return the record of tags."""
        return self.path / "tags.json"

    @property
    def was_undone(self) -> bool:
        """Return whether it is what an undo changed."""
        return self.path.parent.parent.name == _UNDONE

    @property
    def followed(self) -> str:
        """Return the setting that says whether the library followed the renaming."""
        return f"{_FOLLOWED[self.path.parent.parent.name]} {self.path.name}"

    @property
    def tried(self) -> bool:
        """Return whether it was taken back, but not wholly."""
        return (self.path / _TRIED).exists()

    def mark_tried(self, tried: bool) -> None:
        """Note whether it was taken back, but not wholly."""
        if tried:
            (self.path / _TRIED).touch()
        else:
            (self.path / _TRIED).unlink(missing_ok=True)

    @property
    def holds_something(self) -> bool:
        """Return whether there is anything that could be taken back."""
        return any(path.is_file() and path.name != "lock" for path in self.path.rglob("*"))

    def make(self) -> None:
        """Make it; it holds parts of files that others may not read."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(0o700, exist_ok=True)

    def lock(self) -> FileLock:
        """Return the lock of whoever works on it."""
        return FileLock(self.path / "lock", timeout=0)

    def forget(self) -> None:
        """Remove it, and nothing in it that is not ours."""
        remove_own_folder(self.files, FILES)
        remove_own_folder(self.path, _FILES)


def runs_of(library: Library) -> Path:
    """Return the folder of a library's runs."""
    return _home(library, _RUNS)


def undone_runs_of(library: Library) -> Path:
    """Return the folder of what was taken back, and can be done again."""
    return _home(library, _UNDONE)


def run_folders(home: Path) -> list[RunFolder]:
    """Return the runs of a home, the earliest first."""
    found = (p for p in home.glob("*") if _RUN.fullmatch(p.name) and is_own_folder(p))
    return [RunFolder(path) for path in sorted(found)]


def is_unsettled(library: Library, run: RunFolder) -> bool:
    """Return whether files of a run are on their way to other names: it must not be forgotten.

    Of one whose record is damaged nothing is known; who takes it back is told.
    """
    if not os.path.lexists(run.names) or is_damaged(run.names):
        return False
    return not library.setting(run.followed) or is_returning(run.names)


def forget_undone(library: Library) -> None:
    """Forget what was taken back: something else was done since."""
    for run in run_folders(undone_runs_of(library)):
        if is_unsettled(library, run):
            continue
        with suppress(Timeout, OSError):  # somebody is just doing it again
            with run.lock():
                pass
            run.forget()


@contextmanager
def writable(home: Path) -> Iterator[None]:
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


def _home(library: Library, name: str) -> Path:
    digest = hashlib.sha256(str(library.path.resolve()).encode()).hexdigest()[:16]
    return data_folder() / name / digest
