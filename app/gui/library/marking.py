"""Stars, colours, notes and uses of sounds, in the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QInputDialog, QWidget

from app.gui.kit.context import Context
from app.gui.kit.marks import label_title, star_text
from app.gui.kit.text import counted, number, tr
from engine.progress import Control
from engine.store import Library
from engine.store.marks import set_colour, set_note, set_stars
from engine.store.uses import forget_uses, note_uses, projects


class Marking(QObject):
    """Marks sounds, in jobs, and tells which; every mark can be undone."""

    marked = Signal(list)

    def __init__(self, context: Context, before: QWidget) -> None:
        super().__init__(before)
        self._context, self._before = context, before

    def set_stars(self, ids: Sequence[int], stars: int) -> None:
        """Give sounds stars."""
        said = star_text(stars) or tr("no stars")
        self._mark(ids, lambda library: set_stars(library, ids, stars), said)

    def set_colour(self, ids: Sequence[int], colour: str | None) -> None:
        """Give sounds a colour, or none."""
        said = label_title(colour) if colour else tr("no colour")
        self._mark(ids, lambda library: set_colour(library, ids, colour), said)

    def set_note(self, ids: Sequence[int], note: str) -> None:
        """Give sounds a note in the place of theirs; an empty one takes it away."""
        said = tr("note") if note.strip() else tr("no note")
        self._mark(ids, lambda library: set_note(library, ids, note), said)

    def note_use(self, ids: Sequence[int], project: str) -> None:
        """Note that sounds were used just now."""
        said = tr("used for {}").format(project) if project.strip() else tr("used")
        self._mark(ids, lambda library: note_uses(library, ids, project), said)

    def forget_use(self, ids: Sequence[int]) -> None:
        """Let sounds be as if they had never been used."""
        self._mark(ids, lambda library: forget_uses(library, ids), tr("not used"))

    # Questions

    def ask_for_note(self, ids: Sequence[int], now: str = "") -> None:
        """Ask for a note on sounds.

        :param now: the note that is there.
        """
        if not ids:
            return
        title = counted(len(ids), tr("Note on the sound"), tr("Note on {} sounds"))
        note, given = QInputDialog.getText(self._before, title, tr("Note:"), text=now)
        if given:
            self.set_note(ids, note)

    def ask_for_project(self, ids: Sequence[int]) -> None:
        """Ask what sounds were used for; the project that was told last is offered first."""
        if not ids:
            return
        library = self._context.opened.library

        def ask(known: list[str]) -> None:
            title = counted(len(ids), tr("Mark the sound as used"), tr("Mark {} sounds as used"))
            asked = tr("For which project? (may be empty)")
            name, given = QInputDialog.getItem(self._before, title, asked, known, 0, True)
            if given:
                self.note_use(ids, name)

        self._context.jobs.start("read", lambda control: projects(library), ask)

    def _mark(self, ids: Sequence[int], act: Callable[[Library], None], said: str) -> None:
        if not ids:
            return
        library = self._context.opened.library

        def work(control: Control) -> None:
            act(library)

        def done(_: None) -> None:
            one, many = tr("One sound: {}"), tr("{} sounds: {}")
            count = number(len(ids))
            self._context.say(one.format(said) if len(ids) == 1 else many.format(count, said))
            self.marked.emit(list(ids))

        self._context.jobs.start("write", work, done)
