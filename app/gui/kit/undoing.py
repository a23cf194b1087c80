"""Undo and redo of whatever was decided: one history for all rooms, kept in the library."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.gui.kit.context import Context
from app.gui.kit.text import counted, tr
from engine.plain_text import one_line
from engine.progress import Control
from engine.store.history import Restored, Step


class Undoing(QObject):
    """Takes steps back and does them again, in jobs; ``restored`` tells what was."""

    restored = Signal(object)

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context

    def undo(self, done: Callable[[Restored], None] = lambda _: None) -> None:
        """Take the latest step back."""
        self._go(False, tr("Undoing"), tr("There is nothing to undo"), done)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self._go(True, tr("Redoing"), tr("There is nothing to redo"), lambda _: None)

    def _go(self, forth: bool, title: str, nothing: str, done: Callable[[Restored], None]) -> None:
        library = self._context.opened.library

        def work(control: Control) -> Restored | None:
            from engine.tags.undoing import redo_now, undo_now

            return (redo_now if forth else undo_now)(library, control)

        def told(found: Restored | None) -> None:
            if found is None:
                self._context.say(nothing)
                return
            said = tr(_OUTCOMES[found.outcome][forth]).format(described(found.step))
            self._context.say(said + _left(found), bool(found.refused))
            self.restored.emit(found)
            done(found)

        # files may take long, all else is done before a title could be read
        self._context.jobs.start("write", work, told, title=title, quiet=True)


def described(step: Step) -> str:
    """Return what a step was, as the status line says it."""
    one, many = _SAID.get(step.kind, _SAID["tags"])
    what = counted(step.count, tr(one), tr(many))
    named = tr("“{}”").format(one_line(step.name)) if step.name else ""
    if step.kind in _NAMED:
        return what.replace("%", named)
    return what


def _left(found: Restored) -> str:
    """Return what stays, and why, in brackets; nothing if all was restored."""
    if found.refused:
        first, many = found.refused[0], tr("{} stay as they are, such as: {}")
        return f" ({counted(len(found.refused), '{}', many, first)})"
    if found.left:
        one, many = tr("one thing changed since, and stays"), tr("{} changed since, and stay")
        return f" ({counted(found.left, one, many)})"
    return ""


def QT_TR_NOOP(text: str) -> str:
    """Mark a text for lupdate, which knows this name; it is translated when it is shown."""
    return text


_OUTCOMES = {  # of undo, of redo
    "done": (QT_TR_NOOP("Undone: {}"), QT_TR_NOOP("Done again: {}")),
    "stays": (QT_TR_NOOP("Not undone: {}"), QT_TR_NOOP("Not done again: {}")),
    "passed": (QT_TR_NOOP("Passed over: {}"), QT_TR_NOOP("Passed over: {}")),
}
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
    "keep": (QT_TR_NOOP("% made private"), QT_TR_NOOP("% made private")),
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
