"""What the actions of the menu Mark do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from app.gui.kit.marks import label_icon
from app.gui.kit.style.palette import Colours
from app.gui.shell.rooms import Rooms
from app.gui.tagging.questions import ask_for_removal, ask_to_write_marks
from engine.store.marks import COLOURS, MOST_STARS


def marking_commands(window: QWidget, rooms: Rooms) -> dict[str, Callable[[], object]]:
    """Return what each does, with the chosen rows."""
    marking, chosen = rooms.marking, rooms.results.chosen_ids

    def give_stars(stars: int) -> None:
        marking.set_stars(chosen(), stars)

    def give_colour(name: str | None) -> None:
        marking.set_colour(chosen(), name)

    def ask_for_note() -> None:
        rows = rooms.results.chosen_rows()
        if rows:
            sound = rooms.results.results.row_at(rows[0]).sound
            marking.ask_for_note(chosen(), sound.marks.note if sound is not None else "")

    return {
        "undo": rooms.undoing.undo,
        "redo": rooms.undoing.redo,
        **{f"stars_{n}": partial(give_stars, n) for n in range(MOST_STARS + 1)},
        **{f"colour_{name}": partial(give_colour, name) for name in COLOURS},
        "colour_none": partial(give_colour, None),
        "note": ask_for_note,
        "used": lambda: marking.ask_for_project(chosen()),
        "unused": lambda: marking.forget_use(chosen()),
        "untag": lambda: ask_for_removal(window, rooms.tagging, chosen()),
        "write_marks": lambda: ask_to_write_marks(rooms.prompts, rooms.tagging, chosen()),
    }


def show_labels(actions: Mapping[str, QAction], colours: Colours) -> None:
    """Show colour labels in menus as they look in a theme."""
    for name in COLOURS:
        actions[f"colour_{name}"].setIcon(label_icon(name, colours))
