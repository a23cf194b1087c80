"""Texts in files, edited: one where it stands, or those of many sounds; in jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.gui.kit.context import Context
from app.gui.kit.jobs import Job, is_alive
from app.gui.kit.text import counted, tr
from app.gui.tagging.changing import change_files
from engine.progress import Control

if TYPE_CHECKING:
    from engine.metadata.edits import Edit
    from engine.tags.editing import Held, Planned
    from engine.tags.run import Written

Failed = Callable[[str], None]


class Editing(QObject):
    """Reads and writes texts of files; an order is one step of the window's undo."""

    edited = Signal(list)  # texts of which sounds
    refused = Signal(int, str, str, str)  # sound, field, what was typed, and why it stays

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context

    def set_text(self, sound_id: int, field: str, text: str) -> None:
        """Let a field of one file say something."""
        library = self._context.opened.library

        def work(control: Control) -> tuple[bool, str]:
            from engine.metadata.edits import SetText
            from engine.tags.editing import plan_edits, read_texts, write_edits

            edits = [SetText(field, text)]
            plan = plan_edits(read_texts(library, [sound_id], control), edits)
            if not plan:
                return False, tr("the sound is no longer in the library")
            if not plan[0].changes:
                return False, plan[0].problem
            written, _ = write_edits(library, plan, edits, control)
            told = (*written.refused, *written.kept)
            return bool(written.done), next((why for _, why in told), "")

        def done(found: tuple[bool, str]) -> None:
            is_written, why = found
            self.edited.emit([sound_id])
            if why and not is_written:
                refuse(why)
                return
            said = tr("Written into the file; Ctrl+Z undoes it")
            self._context.say(why or (said if is_written else tr("The file already says that")))

        def refuse(why: str) -> None:
            self._context.say(why, True)
            self.refused.emit(sound_id, field, text, why)

        self._context.jobs.start("write", work, done, refuse)

    def read(self, ids: Collection[int], done: Callable[[list[Held]], None], failed: Failed) -> Job:
        """Give what the files of sounds say."""
        library, listed = self._context.opened.library, list(ids)

        def work(control: Control) -> list[Held]:
            from engine.tags.editing import read_texts

            return read_texts(library, listed, control)

        title = tr("Reading texts") if len(listed) > 500 else None
        return self._context.jobs.start(
            "read", work, done, failed, title=title, newest="read texts"
        )

    def plan(
        self,
        held: Sequence[Held],
        edits: Sequence[Edit],
        done: Callable[[list[Planned]], None],
        failed: Failed,
    ) -> None:
        """Give what edits would do."""

        def work(control: Control) -> list[Planned]:
            from engine.tags.editing import plan_edits

            return plan_edits(held, edits)

        self._context.jobs.start("read", work, done, failed, newest="plan edits")

    def write(
        self,
        plan: Sequence[Planned],
        edits: Sequence[Edit],
        keep_time: bool,
        done: Callable[[Written], None],
        failed: Failed,
    ) -> Job:
        """Write what was planned."""
        library = self._context.opened.library
        ids = [one.held.sound_id for one in plan if one.changes]

        def work(control: Control) -> tuple[Written, str]:
            from engine.tags.editing import write_edits

            return write_edits(library, plan, edits, control, keep_time)

        def ended(found: tuple[Written, str]) -> None:
            written, remark = found
            one, many = tr("One file written"), tr("{} files written")
            said = counted(len(written.done), one, many)
            if written.done:
                said += "; " + tr("Ctrl+Z undoes it")
            self._context.say(remark or said, bool(remark))
            if is_alive(done):
                done(written)

        changed = partial(self.edited.emit, ids)
        return change_files(self._context, tr("Writing texts"), work, changed, ended, failed)
