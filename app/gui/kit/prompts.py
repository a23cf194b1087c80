"""Questions and news that somebody has to answer or to read; which ones is up to the rooms."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from app.gui.kit.text import counted
from engine.plain_text import visible

_LINES = 15  # of what is told in one box


class Prompts(QObject):
    """Asks whether one is sure, and tells what must be read, in front of one widget."""

    def __init__(self, before: QWidget) -> None:
        super().__init__(before)
        self._before = before

    def confirm(self, question: str, yes: str) -> bool:
        """Return whether the answer is ``yes``, the title of a button."""
        box = self._box(question)
        agree = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.exec()
        return box.clickedButton() is agree

    def choose(self, question: str, choices: Sequence[str]) -> int | None:
        """Return which of several answers was given, titles of buttons; None: none of them."""
        box = self._box(question)
        buttons = [box.addButton(title, QMessageBox.ButtonRole.AcceptRole) for title in choices]
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(buttons[0])
        box.exec()
        clicked = box.clickedButton()
        return next((place for place, b in enumerate(buttons) if b is clicked), None)

    def inform(self, text: str, rest: Sequence[str] = ()) -> None:
        """Show a text until it was read, with the first lines of the rest."""
        lines = list(rest[:_LINES])
        if len(rest) > _LINES:
            one, many = self.tr("and one more"), self.tr("and {} more")
            lines.append(counted(len(rest) - _LINES, one, many))
        box = self._box("\n\n".join([text, "\n".join(lines)] if lines else [text]))
        box.addButton(QMessageBox.StandardButton.Ok)
        box.open()

    def _box(self, text: str) -> QMessageBox:
        box = QMessageBox(QMessageBox.Icon.NoIcon, self.tr("Soundsift"), "")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(visible(text))
        box.setParent(self._before, box.windowFlags())
        return box
