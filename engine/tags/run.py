"""One run of tagging: what it changed in the library, in files and in names, and the way back.

Every run has a folder of its own.  A run that was killed is put in order when the next begins:
temporary files are removed, and renaming that was not finished is taken back.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import InputError, LibraryError, SoundsiftError
from engine.index.listen import content_hash
from engine.metadata.journal import Journal, clean_up, write_record
from engine.metadata.read import read_header
from engine.metadata.renaming import Move, Rename, carry_out, take_back
from engine.metadata.write import SoundTags, write_tags
from engine.paths import data_folder
from engine.progress import Control, Progress
from engine.store import Library
from engine.store.copies import keep_copy
from engine.store.places import rename_sounds
from engine.store.rewritten import Rewritten, put_headers_of, put_rewritten
from engine.store.tags import TagRow
from engine.tags.review import Change

_KEPT = 20  # runs of a library that can be undone
_AT_ONCE = 100  # files between two commits


@dataclass(frozen=True)
class Written:
    """Which files were changed, and why others could not be: (path, sentence).

    Files that held their tags already are among neither.
    """

    done: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Undone:
    """How many tags, files and names are what they were, and which files are not: and why."""

    tags: int
    files: int
    names: int
    refused: tuple[tuple[str, str], ...]


class TagRun:
    """What one run changes; nothing of it is final."""

    def __init__(self, library: Library, folder: Path) -> None:
        self._library, self.folder = library, folder

    @classmethod
    @contextmanager
    def begin(cls, library: Library) -> Iterator[TagRun]:
        """Give a new run, and put runs in order that were killed."""
        settle(library)
        home = runs_of(library)
        home.mkdir(parents=True, exist_ok=True)
        for old in _runs(home)[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        folder = home / f"{time.time_ns():020d}"
        folder.mkdir()
        with FileLock(folder / "lock"):
            yield cls(library, folder)
        if not any(path.name != "lock" for path in folder.iterdir()):
            shutil.rmtree(folder)
        else:
            keep_copy(library.path)

    def note(self, change: Change) -> None:
        """Remember what changed in the library's tags."""
        if change.before or change.after:
            document = {
                "before": [asdict(row) for row in change.before],
                "after": [asdict(row) for row in change.after],
            }
            write_record(self.folder / "tags.json", document)

    def write(
        self, wanted: Mapping[str, SoundTags], control: Control, keep_time: bool = False
    ) -> Written:
        """Write tags into files by path; a file that cannot be written does not stop the others.

        :raises Cancelled: the user asked to stop; what was written is known to the library.
        """
        journal = Journal(self.folder / "files")
        done: list[str] = []
        refused: list[tuple[str, str]] = []
        fresh: list[str] = []
        try:
            for number, (path, tags) in enumerate(wanted.items()):
                control.report(Progress("writing tags", number, len(wanted)))
                try:
                    changed = write_tags(Path(path), tags, journal, keep_time)
                except SoundsiftError as error:
                    refused.append((path, str(error)))
                    continue
                if not changed:
                    continue
                done.append(path)
                fresh.append(path)
                if len(fresh) >= _AT_ONCE:
                    _recognise(self._library, fresh)
                    fresh.clear()
        finally:
            _recognise(self._library, fresh)
        return Written(tuple(done), tuple(refused))

    def rename(self, plans: Sequence[Rename]) -> list[Move]:
        """Rename files and let the library follow: all of them, or none.

        :raises AudioError: a file could not be renamed.
        """
        if not any(plan.new for plan in plans):
            return []
        moves = carry_out(plans, self.folder / "names.json")
        try:
            rename_sounds(self._library, moves)
        except LibraryError:
            take_back(self.folder / "names.json")
            raise
        (self.folder / "renamed").touch()
        _describe(self._library, [new for _, new in moves])
        return moves

    def undo(self, control: Control) -> Undone:
        """Take everything back; what was changed since stays as it is.

        :raises Cancelled: the user asked to stop; the rest can be taken back later.
        """
        refused: list[tuple[str, str]] = []
        names = self._take_names_back()
        restored: list[str] = []
        files = self.folder / "files"
        if files.is_dir():
            try:
                for path, problem in Journal(files).undo():
                    if problem is None:
                        restored.append(path)
                    else:
                        refused.append((path, problem))
                    control.report(Progress("taking back", len(restored), None))
            finally:
                _recognise(self._library, restored)
        tags = 0
        noted = self.folder / "tags.json"
        if noted.is_file():
            tags = len(_read_change(noted).take_back(self._library))
            noted.unlink()
        if not refused:
            shutil.rmtree(self.folder, ignore_errors=True)
        return Undone(tags, len(restored), names, tuple(refused))

    def _take_names_back(self) -> int:
        journal = self.folder / "names.json"
        if not journal.is_file():
            return 0
        moves = take_back(journal)
        rename_sounds(self._library, moves)
        _describe(self._library, [old for _, old in moves])
        (self.folder / "renamed").unlink(missing_ok=True)
        return len(moves)

    def settle(self) -> None:
        """Put a run in order that was killed."""
        clean_up(self.folder)
        if (self.folder / "names.json").is_file() and not (self.folder / "renamed").exists():
            self._take_names_back()


def undo_last(library: Library, control: Control) -> Undone:
    """Take the latest run of a library back.

    :raises InputError: there is none.
    """
    settle(library)
    runs = _runs(runs_of(library))
    if not runs:
        raise InputError("there is nothing to take back: no run has changed anything")
    try:
        with FileLock(runs[-1] / "lock", timeout=0):
            return TagRun(library, runs[-1]).undo(control)
    except Timeout:
        raise InputError("a run is still going on: wait until it has ended, or stop it") from None


def settle(library: Library) -> None:
    """Put runs in order that were killed; those that are going on are left alone."""
    for folder in _runs(runs_of(library)):
        with suppress(Timeout), FileLock(folder / "lock", timeout=0):
            TagRun(library, folder).settle()


def runs_of(library: Library) -> Path:
    """Return the folder of a library's runs."""
    digest = hashlib.sha256(str(library.path.resolve()).encode()).hexdigest()[:16]
    return data_folder() / "tag-runs" / digest


def _runs(home: Path) -> list[Path]:
    return sorted(path for path in home.glob("*") if path.is_dir()) if home.is_dir() else []


def _recognise(library: Library, paths: Collection[str]) -> None:
    """Tell the library what files are now, so that they are not heard again."""
    rows = []
    for path in paths:
        state = Path(path).stat()
        header = read_header(Path(path))
        digest = content_hash(Path(path))
        rows.append(Rewritten(path, state.st_size, state.st_mtime_ns, digest, header))
    put_rewritten(library, rows)


def _describe(library: Library, paths: Collection[str]) -> None:
    """Tell the library what files say under their new names."""
    put_headers_of(library, {path: read_header(Path(path)) for path in paths})


def _read_change(path: Path) -> Change:
    document = json.loads(path.read_text(encoding="utf-8"))
    before, after = (tuple(TagRow(**row) for row in document[name]) for name in ("before", "after"))
    return Change(before, after)
