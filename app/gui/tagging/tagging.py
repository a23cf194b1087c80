"""Tags in the window: suggested, decided on, written into files, and taken back, in jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.gui.kit.context import Context
from app.gui.kit.jobs import Job, is_alive
from app.gui.kit.text import counted, number, tr
from app.gui.kit.undoing import Undoing
from app.gui.tagging.changing import change_files
from app.gui.tagging.tags_model import ShownTag
from app.gui.tagging.tags_table import Pair
from engine.plain_text import one_line
from engine.progress import Control
from engine.store import Library
from engine.store.history import Restored
from engine.store.tags import TagRow, sounds_tagged, tag_rows, tags_among

if TYPE_CHECKING:
    from engine.metadata.moves import Move
    from engine.metadata.renaming import Rename
    from engine.metadata.write import SoundTags
    from engine.tags.audit import Audit
    from engine.tags.restoring import Undone
    from engine.tags.review import Review
    from engine.tags.run import Written
    from engine.tags.suggest import Rules


Failed = Callable[[str], None]
Decided = Callable[[list[TagRow]], None]


def _nobody(rows: list[TagRow]) -> None:
    """Do nothing: nobody shows these tags."""


@dataclass(frozen=True)
class Suggested:
    """What a run of suggestions came to."""

    taxonomy: str
    sounds: int
    rows: Sequence[ShownTag]


class Tagging(QObject):
    """What is done with tags, and what has changed by it."""

    tags_changed = Signal(list)  # of which sounds
    files_changed = Signal()  # they were written or renamed, or that was taken back

    def __init__(self, context: Context, parent: QObject, undoing: Undoing) -> None:
        super().__init__(parent)
        self._context, self._undoing = context, undoing
        self._reviewed: Review | None = None
        self._remark = ""  # of the run that ended last

    @property
    def _review(self) -> Review:
        """Return the decisions of this window."""
        from engine.tags.review import Review

        if self._reviewed is None:
            self._reviewed = Review(self._context.opened.library)
        return self._reviewed

    def suggest(
        self,
        ids: Collection[int],
        taxonomy: str,
        rules: Rules,
        done: Callable[[Suggested], None],
        failed: Failed,
    ) -> Job:
        """Suggest tags for sounds, and keep them until somebody decides on them."""
        session, listed = self._context.opened, sorted(ids)

        def work(control: Control) -> tuple[str, list[TagRow]]:
            from engine.search.labels.taxonomy import find_taxonomy
            from engine.tags.review import rows_of

            chosen = find_taxonomy(taxonomy)
            tagger = session.tagger(chosen, control)
            found = tagger.suggest(np.array(listed, np.int64), rules, control)
            return chosen.name, rows_of(session.library, found, listed, tagger.model_id, None)

        def keep(said: tuple[str, list[TagRow]]) -> None:
            name, rows = said

            def write(control: Control) -> Suggested:
                from engine.tags.review import record

                record(session.library, listed, rows)
                return Suggested(name, len(listed), _pending(session.library, listed))

            self._context.jobs.start("write", write, done, failed)

        return self._context.jobs.start(
            "read",
            work,
            keep,
            failed,
            title=tr("Suggesting tags"),
            newest="suggesting",
            stopped=lambda: failed(tr("Stopped.")) if is_alive(failed) else None,
        )

    def pending(self, ids: Collection[int], done: Callable[[list[ShownTag]], None]) -> None:
        """Give what was suggested for sounds and nobody decided on."""
        library = self._context.opened.library
        self._context.jobs.start("read", lambda control: _pending(library, ids), done)

    def accept(self, pairs: Collection[Pair], done: Decided = _nobody) -> None:
        """Accept tags."""
        self._decide(lambda: self._review.accept(pairs), pairs, done)

    def reject(self, pairs: Collection[Pair], done: Decided = _nobody) -> None:
        """Reject tags."""
        self._decide(lambda: self._review.reject(pairs), pairs, done)

    def edit(self, pairs: Collection[Pair], label: str, done: Decided) -> None:
        """Put another label in the place of tags."""
        self._decide(lambda: self._review.edit(pairs, label), pairs, done)

    def say(self, text: str) -> None:
        """Say something in the status line."""
        self._context.say(text)

    def remove(self, label: str, ids: Collection[int] | None = None) -> None:
        """Take a tag from some sounds, from all that have it if None."""
        review = self._review

        def work(control: Control) -> list[int]:
            return review.remove(label, ids)

        def removed(having: list[int]) -> None:
            one, many = tr("Tag {} removed from one sound"), tr("Tag {} removed from {} sounds")
            count = number(len(having))
            said = one.format(label) if len(having) == 1 else many.format(label, count)
            self._context.say(one_line(said))
            self.tags_changed.emit(having)

        self._context.jobs.start("write", work, removed)

    def tags_among(self, ids: Collection[int], done: Callable[[dict[str, int]], None]) -> None:
        """Give the accepted tags of some sounds, with how many have each."""
        library = self._context.opened.library
        self._context.jobs.start("read", lambda control: tags_among(library, ids), done)

    def sounds_tagged(self, label: str, done: Callable[[list[int]], None]) -> None:
        """Give all sounds that have a tag."""
        library = self._context.opened.library
        self._context.jobs.start("read", lambda control: sounds_tagged(library, label), done)

    def undo(self, done: Callable[[Restored], None]) -> None:
        """Take the latest step back, whatever it was."""
        self._undoing.undo(done)

    # Files

    def plan_writing(
        self, ids: Collection[int], done: Callable[[Mapping[str, SoundTags]], None]
    ) -> None:
        """Give what would be written into the files of sounds."""
        library = self._context.opened.library

        def work(control: Control) -> Mapping[str, SoundTags]:
            from engine.tags.writing import tags_to_write

            return tags_to_write(library, ids, tag_rows(library, ids))

        self._context.jobs.start("read", work, done, newest="plan writing")

    def plan_marks(
        self, ids: Collection[int], done: Callable[[Mapping[str, SoundTags]], None]
    ) -> None:
        """Give the stars and notes that would be written into the files of sounds."""
        library = self._context.opened.library

        def work(control: Control) -> Mapping[str, SoundTags]:
            from engine.tags.writing import marks_to_write

            return marks_to_write(library, ids)

        self._context.jobs.start("read", work, done)

    def write(
        self,
        wanted: Mapping[str, SoundTags],
        keep_time: bool,
        done: Callable[[Written], None],
        failed: Failed,
    ) -> Job:
        """Write tags into files."""
        library = self._context.opened.library

        def work(control: Control) -> Written:
            from engine.tags.run import TagRun

            with TagRun.begin(library, "write", len(wanted)) as run:
                written = run.write(wanted, control, keep_time)
            self._remark = run.remark
            return written

        return self._run(tr("Writing tags"), work, done, failed)

    def plan_renaming(
        self,
        ids: Collection[int],
        pattern: str,
        fields: Mapping[str, str],
        done: Callable[[list[Rename]], None],
        failed: Failed,
    ) -> None:
        """Give how the files of sounds would be renamed."""
        library = self._context.opened.library

        def work(control: Control) -> list[Rename]:
            from engine.tags.writing import renames_of

            return renames_of(library, ids, tag_rows(library, ids, "accepted"), pattern, fields)

        self._context.jobs.start("read", work, done, failed, newest="plan renaming")

    def rename(
        self, plans: Sequence[Rename], done: Callable[[list[Move]], None], failed: Failed
    ) -> Job:
        """Rename files, all of them or none."""
        library = self._context.opened.library

        def work(control: Control) -> list[Move]:
            from engine.tags.run import TagRun

            count = sum(plan.new is not None for plan in plans)
            with TagRun.begin(library, "rename", count) as run:
                moves = run.rename(plans)
            self._remark = run.remark
            return moves

        return self._run(tr("Renaming"), work, done, failed)

    def take_back(self, done: Callable[[Undone], None], failed: Failed) -> Job:
        """Undo the latest run that changed files."""
        library = self._context.opened.library

        def work(control: Control) -> Undone:
            from engine.tags.run import undo_last

            return undo_last(library, control)

        return self._run(tr("Undoing"), work, done, failed)

    def audit(self, ids: Collection[int], done: Callable[[Audit], None], failed: Failed) -> Job:
        """Compare the names of sounds with what they sound like."""
        session = self._context.opened

        def work(control: Control) -> Audit:
            return session.audit(ids, control)

        return self._context.jobs.start("read", work, done, failed, title=tr("Comparing names"))

    def _run(
        self,
        title: str,
        work: Callable[[Control], Any],
        done: Callable[[Any], None],
        failed: Failed,
    ) -> Job:
        """Change files, and look at the library anew."""

        def ended(result: Any) -> None:
            if self._remark:
                self._context.say(self._remark, True)
                self._remark = ""
            if is_alive(done):
                done(result)

        return change_files(self._context, title, work, self.files_changed.emit, ended, failed)

    def _decide(
        self,
        act: Callable[[], None],
        pairs: Collection[Pair],
        done: Callable[[Any], None],
    ) -> None:
        library = self._context.opened.library
        ids = {sound_id for sound_id, _ in pairs}

        def work(control: Control) -> list[TagRow]:
            act()
            return tag_rows(library, ids)

        def decided(rows: list[TagRow]) -> None:
            self.tags_changed.emit(list(ids))
            if is_alive(done):
                done(rows)

        self._context.jobs.start("write", work, decided)


def describe_undone(undone: Undone) -> str:
    """Return what was taken back, and why the rest was not."""
    files = counted(undone.files, tr("One file"), tr("{} files"))
    names = counted(undone.names, tr("one name"), tr("{} names"))
    parts = [tr("Undone: {} and {}.").format(files, names)]
    if undone.refused:
        one, many = tr("One was left as it is: {}"), tr("{} were left as they are, such as: {}")
        first, count = undone.refused[0][1], number(len(undone.refused))
        parts.append(many.format(count, first) if len(undone.refused) > 1 else one.format(first))
    return " ".join(parts)


def _pending(library: Library, ids: Collection[int]) -> list[ShownTag]:
    rows = tag_rows(library, ids, "suggested")
    sounds = library.sounds({row.sound_id for row in rows})
    return [ShownTag(sounds[row.sound_id], row) for row in rows if row.sound_id in sounds]
