"""Undo and redo of whatever was decided: one history for all rooms, kept in the library."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.gui.kit.context import Context
from app.gui.kit.text import counted, tr
from engine.plain_text import one_line
from engine.progress import Control
from engine.store import Library
from engine.store.history import RUNS, Restored, Step, redo, undo


class Undoing(QObject):
    """Takes steps back and does them again, in jobs; ``restored`` tells what was."""

    restored = Signal(object)

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context

    def undo(self, done: Callable[[Restored], None] = lambda _: None) -> None:
        """Take the latest step back."""
        self._go(undo, tr("Undone: {}"), tr("There is nothing to undo"), done)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._go(redo, tr("Done again: {}"), tr("There is nothing to redo"), lambda _: None)

    def _go(
        self,
        act: Callable[[Library], Restored | None],
        said: str,
        nothing: str,
        done: Callable[[Restored], None],
    ) -> None:
        library = self._context.opened.library

        def work(control: Control) -> Restored | None:
            return act(library)

        def told(found: Restored | None) -> None:
            if found is None:
                self._context.say(nothing)
            elif found.step.kind in RUNS:
                self._restore_files(found, act is redo, said, done)
            else:
                self._tell(said, found, done)

        self._context.jobs.start("write", work, told)

    def _restore_files(
        self, run: Restored, forth: bool, said: str, done: Callable[[Restored], None]
    ) -> None:
        """Restore files, which may take long; a run that is not kept any more is passed over."""
        library = self._context.opened.library

        def work(control: Control) -> Restored | None:
            from engine.tags.undoing import restore_files

            return restore_files(library, run, forth, control)

        def told(found: Restored | None) -> None:
            if found is not None:
                self._tell(said, found, done)
            elif forth:
                self.redo()
            else:
                self.undo(done)

        title = tr("Redoing") if forth else tr("Undoing")
        self._context.jobs.start("write", work, told, title=title)

    def _tell(self, said: str, found: Restored, done: Callable[[Restored], None]) -> None:
        text = said.format(described(found.step))
        if found.left:
            one, many = (
                tr("one thing changed since, and stays"),
                tr("{} changed since, and stay"),
            )
            left = found.refused[0] if found.left == len(found.refused) == 1 else None
            text += f" ({left or counted(found.left, one, many)})"
        self._context.say(text, bool(found.refused))
        self.restored.emit(found)
        done(found)


def described(step: Step) -> str:
    """Return what a step was, as the status line says it."""
    one, many = _SAID.get(step.kind, _SAID["tags"])
    what = counted(step.count, tr(one), tr(many))
    named = tr("“{}”").format(one_line(step.name)) if step.name else ""
    if step.kind in _NAMED:
        return what.replace("%", named)
    return what


def QT_TR_NOOP(text: str) -> str:
    """Mark a text for lupdate, which knows this name; it is translated when it is shown."""
    return text


_SAID = {  # of one sound, of several; % is the name
    "tags": (QT_TR_NOOP("tags of one sound"), QT_TR_NOOP("tags of {} sounds")),
    "stars": (QT_TR_NOOP("stars of one sound"), QT_TR_NOOP("stars of {} sounds")),
    "colour": (QT_TR_NOOP("colour of one sound"), QT_TR_NOOP("colours of {} sounds")),
    "note": (QT_TR_NOOP("note on one sound"), QT_TR_NOOP("notes on {} sounds")),
    "used": (QT_TR_NOOP("use of one sound"), QT_TR_NOOP("use of {} sounds")),
    "not used": (
        QT_TR_NOOP("one sound marked as unused"),
        QT_TR_NOOP("{} sounds marked as unused"),
    ),
    "new collection": (QT_TR_NOOP("new collection %"), QT_TR_NOOP("new collection %")),
    "collect": (
        QT_TR_NOOP("one sound added to the collection %"),
        QT_TR_NOOP("{} sounds added to the collection %"),
    ),
    "take out": (
        QT_TR_NOOP("one sound removed from the collection %"),
        QT_TR_NOOP("{} sounds removed from the collection %"),
    ),
    "rename collection": (
        QT_TR_NOOP("collection renamed to %"),
        QT_TR_NOOP("collection renamed to %"),
    ),
    "drop collection": (
        QT_TR_NOOP("collection % deleted"),
        QT_TR_NOOP("collection % deleted"),
    ),
    "save search": (QT_TR_NOOP("search % saved"), QT_TR_NOOP("search % saved")),
    "rename search": (QT_TR_NOOP("search renamed to %"), QT_TR_NOOP("search renamed to %")),
    "drop search": (QT_TR_NOOP("search % deleted"), QT_TR_NOOP("search % deleted")),
    "share": (QT_TR_NOOP("% shared"), QT_TR_NOOP("% shared")),
    "keep": (QT_TR_NOOP("% kept to oneself"), QT_TR_NOOP("% kept to oneself")),
    "add region": (QT_TR_NOOP("new region %"), QT_TR_NOOP("new region %")),
    "rename region": (
        QT_TR_NOOP("region renamed to %"),
        QT_TR_NOOP("region renamed to %"),
    ),
    "remove region": (QT_TR_NOOP("region % removed"), QT_TR_NOOP("region % removed")),
    "edit": (QT_TR_NOOP("texts in one file"), QT_TR_NOOP("texts in {} files")),
    "write": (QT_TR_NOOP("tags in one file"), QT_TR_NOOP("tags in {} files")),
    "rename": (QT_TR_NOOP("name of one file"), QT_TR_NOOP("names of {} files")),
}
_NAMED = frozenset(kind for kind, (one, _) in _SAID.items() if "%" in one)
