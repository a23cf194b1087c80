"""The cheat sheet: every key of the window."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QGridLayout, QWidget

from app.gui.kit.plain import PlainLabel
from app.gui.kit.text import tr
from app.gui.shell.actions import ACTIONS, key_name

_ROWS = 17


class Shortcuts(QDialog):
    """Keys and what they do, as the menus have them, and those of mouse and lists."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        grid = QGridLayout(self)
        grid.setContentsMargins(20, 16, 20, 16)
        grid.setHorizontalSpacing(14)
        lines = [
            (" ".join(key_name(key) for key in spec.keys), tr(spec.title).replace(" …", ""))
            for spec in ACTIONS
            if spec.keys
        ]
        lines += [
            (self.tr("Down"), self.tr("from the search: play the first result")),
            (self.tr("Up, Down"), self.tr("play the next; silent while the key is held")),
            (self.tr("drag a row"), self.tr("its file into any program")),
            (self.tr("drag in the waveform"), self.tr("select a range; drag it out as a file")),
            (self.tr("wheel"), self.tr("zoom the waveform; with Shift, scroll it")),
            (self.tr("drop a sound"), self.tr("on the search: search by it")),
            (self.tr("drop a folder"), self.tr("anywhere: index it")),
        ]
        for number, (key, does) in enumerate(lines):
            row, column = number % _ROWS, 2 * (number // _ROWS)
            what = PlainLabel(key)
            what.setProperty("role", "title")
            grid.addWidget(what, row, column)
            grid.addWidget(PlainLabel(does), row, column + 1)
