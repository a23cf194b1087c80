"""What a run changed is taken back; what that changes is kept, and takes it back in turn.

So doing a run again is the undo of its undo: one way through files, names and tags, for both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine import durable
from engine.errors import AudioError, InputError
from engine.index.embed import content_hash
from engine.log import logger
from engine.metadata.journal import Change, Journal, clean_up, write_record
from engine.metadata.moves import moves_in, note_moves
from engine.metadata.read import read_header
from engine.metadata.renaming import take_back
from engine.paths import is_own_folder
from engine.progress import Control, Progress
from engine.store import Library
from engine.store.history import Outcome
from engine.store.places import paths_of_content, rename_sounds, sound_at
from engine.store.rewritten import Rewritten, put_headers_of, put_rewritten
from engine.tags.noted import noted_change, of_known_sounds, read_change
from engine.tags.review import TagChange
from engine.tags.run_folders import RunFolder, is_unsettled

_log = logger(__name__)
Refused = list[tuple[str, str]]  # paths, and why they were not restored


@dataclass(frozen=True)
class Undone:
    """How many tags, files and names were restored, and which files were not, and why.

    ``outcome`` tells those of which nothing could be restored: its step stays, or is passed over.
    """

    tags: int
    files: int
    names: int
    refused: tuple[tuple[str, str], ...]
    outcome: Outcome = "done"


class Restoring:
    """Takes what ``run`` recorded back, and records in ``other`` how it was."""

    def __init__(self, library: Library, run: RunFolder, other: RunFolder) -> None:
        self._library, self._run, self._other = library, run, other

    def restore(self, control: Control) -> Undone:
        """Take everything back; what was changed since, and what is damaged, stays as it is.

        Records of files name them as they are called before they are renamed: so names go back
        first, and what was undone is done again in the opposite order.

        :raises Cancelled: the user asked to stop; the rest can be taken back later.
        """
        control.report(Progress("taking back", 0, None))
        refused: Refused = []
        kept: Refused = []
        names = 0
        if not self._run.was_undone:
            names = self._restore_named(refused, kept)
        files = self._restore_files(refused, control)
        if self._run.was_undone:
            names = self._restore_named(refused, kept)
        tags = self._restore_tags(refused)
        if not refused:
            self._run.forget()
        if self._run.path.exists():  # what could not be taken back, or what others put there
            self._run.mark_tried(True)
        self._other.mark_tried(False)
        _log.info(
            "taken back: %d tags, %d files, %d names; %d refused",
            *(tags, files, names, len(refused)),
        )
        outcome: Outcome = "stays" if refused and not (tags or files or names) else "done"
        return Undone(tags, files, names, (*refused, *kept), outcome)

    def restore_names(self, refused: Refused, kept: Refused) -> int:
        """Let files and the library have their old names; return how many have.

        :param refused: gets those that cannot be renamed now; this may be tried again.
        :param kept: gets those that keep their names because others have the old ones.
        """
        names = self._run.names
        if not os.path.lexists(names):
            return 0
        before, recorded = len(refused), moves_in(names)
        back = take_back(names, self._is_known, lambda path, why: refused.append((path, why)))
        is_done = len(refused) == before
        fresh = back
        followed = self._library.setting(self._run.followed)
        if followed:
            # those that have come back are not followed twice: others may have their names now
            known = json.loads(followed) if followed != b"1" else []
            fresh = [move for move in back if move[0] not in known]
            left = b"" if is_done else json.dumps([*known, *(new for new, _ in fresh)]).encode()
            settings = {self._run.followed: left, self._other.followed: b"1" if is_done else b""}
            rename_sounds(self._library, fresh, settings)
            describe_renamed(self._library, [old for _, old in fresh])
        if is_done:
            if back and self._library.setting(self._other.followed) == b"1":
                self._other.make()
                note_moves([(new, old) for new, old in back], self._other.names)
            stay = [move for move in recorded if move[::-1] not in back]
            kept += [(new, _keeps_name(old, new)) for old, new in stay if os.path.lexists(new)]
            names.unlink()
            durable.sync_folder(self._run.path)
        return len(fresh)

    def settle(self) -> None:
        """Put a run in order that was killed."""
        clean_up(self._run.path)
        if is_unsettled(self._library, self._run):
            self.restore_names([], [])

    def _restore_named(self, refused: Refused, kept: Refused) -> int:
        try:
            return self.restore_names(refused, kept)
        except InputError as error:
            refused.append((str(self._run.names), str(error)))
            return 0

    def _restore_files(self, refused: Refused, control: Control) -> int:
        if not is_own_folder(self._run.files):
            return 0
        restored: list[str] = []
        journal, other = Journal(self._run.files), Journal(self._other.files)
        try:
            for path, problem in journal.undo(self._is_known, self._elsewhere, other):
                if problem is None:
                    restored.append(path)
                else:
                    refused.append((path, problem))
                control.report(Progress("taking back", len(restored), None))
        finally:
            recognise(self._library, restored)
        return len(restored)

    def _restore_tags(self, refused: Refused) -> int:
        noted = self._run.tags
        if not os.path.lexists(noted):
            return 0
        try:
            change = read_change(noted)
        except ValueError:
            refused.append((str(noted), "the record of tags is damaged, and was set aside"))
            durable.replace(noted, noted.with_suffix(".damaged"))
            return 0
        change, gone = of_known_sounds(self._library, change)
        known = os.path.lexists(self._other.tags)  # an undo that was killed has come so far
        write_record(self._other.tags, noted_change(TagChange(change.after, change.before)))
        count = len(change.take_back(self._library))
        if not count and not known:
            self._other.tags.unlink()
        if gone:
            refused.append((str(noted), f"{gone} of its sounds are no longer in the library"))
        noted.unlink()
        return count

    def _is_known(self, path: str) -> bool:
        return sound_at(self._library, path) is not None

    def _elsewhere(self, change: Change) -> str | None:
        """Return where a file is that was renamed, and whose old name is not known any more.

        It lies in the same folder, and holds what the run wrote: the library knows its hash.
        """
        folder = Path(change.path).parent
        known = paths_of_content(self._library, change.new_digest)
        return next((path for path in known if Path(path).parent == folder), None)


def recognise(library: Library, paths: Collection[str]) -> None:
    """Tell the library what files are now, so that they are not heard again."""
    rows = []
    for path in paths:
        with suppress(OSError, AudioError):  # taken away since: the next look at its folder sees it
            state = Path(path).stat()
            header, digest = read_header(Path(path)), content_hash(Path(path))
            rows.append(Rewritten(path, state.st_size, state.st_mtime_ns, digest, header))
    put_rewritten(library, rows)


def describe_renamed(library: Library, paths: Collection[str]) -> None:
    """Tell the library what files say under their new names."""
    put_headers_of(library, {path: read_header(Path(path)) for path in paths})


def _keeps_name(old: str, new: str) -> str:
    return f"{Path(new).name} keeps its name: another file is called {Path(old).name} now"
