"""The cheat sheet: every key of the window."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.keys import DIALOG_KEYS, Keys, key_name
from app.gui.kit.plain import PlainLabel
from app.gui.kit.text import tr
from app.gui.shell.actions import ACTIONS

_COLUMNS = 3
_ONE_LINE = 14  # letters of keys
_MOST = 0.97  # of its window's width and height
_NATIVE = QKeySequence.SequenceFormat.NativeText


class Shortcuts(QDialog):
    """Keys and what they do, as the menus have them, and those of mouse and lists."""

    def __init__(self, parent: QWidget, actions: Mapping[str, QAction], keys: Keys) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        sheet = QWidget()
        beside = QHBoxLayout(sheet)
        beside.setContentsMargins(14, 10, 14, 12)
        beside.setSpacing(20)
        lines = [*_of_menus(actions), ("", self.tr("Suggested tags")), *_of_dialogs(keys)]
        lines += [("", self.tr("Mouse and lists")), *self._of_mouse()]
        rows = -(-len(lines) // _COLUMNS)
        for first in range(0, len(lines), rows):
            beside.addLayout(_column(lines[first : first + rows]))
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(sheet)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        wanted, most = sheet.sizeHint(), parent.size() * _MOST
        bar = area.verticalScrollBar().sizeHint().width()
        self.resize(wanted.width() + bar, wanted.height() + 2)
        self.resize(self.size().boundedTo(most))

    def _of_mouse(self) -> list[tuple[str, str]]:
        return [
            (self.tr("Down"), self.tr("From the search to the first result")),
            (self.tr("Up, Down"), self.tr("Play the next; silent while held")),
            (self.tr("Drag a row"), self.tr("Its file into any program")),
            (self.tr("Drag in the waveform"), self.tr("Mark a range, to drag it out")),
            (self.tr("Ctrl+drag there"), self.tr("Scrub")),
            (self.tr("Drag a range's corner"), self.tr("Fade in or out")),
            (self.tr("Wheel"), self.tr("Zoom; with Shift, scroll")),
            (self.tr("Drop a sound"), self.tr("Search by it")),
            (self.tr("Drop a folder"), self.tr("Index it")),
        ]


def _column(lines: Iterable[tuple[str, str]]) -> QGridLayout:
    """Return a column of keys and what they do; a line without a key is a heading."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(3)
    row = 0
    for row, (key, does) in enumerate(lines):
        what = PlainLabel(key or does)
        what.setProperty("role", "title" if key else "heading")
        grid.addWidget(what, row, 0, 1, 1 if key else 2)
        if key:
            grid.addWidget(PlainLabel(does), row, 1)
    grid.setRowStretch(row + 1, 1)
    grid.setColumnStretch(1, 1)
    return grid


def _of_menus(actions: Mapping[str, QAction]) -> Iterator[tuple[str, str]]:
    """Give the keys of every menu and what they do, after a line that names it."""
    keyed = [spec for spec in ACTIONS if actions[spec.name].shortcuts()]
    for menu, specs in itertools.groupby(keyed, lambda spec: spec.menu):
        yield "", tr(menu).replace("&", "")
        for spec in specs:
            keys = actions[spec.name].shortcuts()
            named = [key.toString(_NATIVE) for key in keys]
            yield _in_lines(named), tr(spec.title).replace(" …", "")


def _of_dialogs(keys: Keys) -> Iterator[tuple[str, str]]:
    for known in DIALOG_KEYS:
        if keys[known.name]:
            yield _in_lines([key_name(key) for key in keys[known.name]]), tr(known.title)


def _in_lines(keys: Sequence[str]) -> str:
    return (" " if sum(map(len, keys)) <= _ONE_LINE else "\n").join(keys)
