"""What stands behind "Details" of a training: how it went, in curves and figures."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.gui.kit.plain import PlainLabel
from app.gui.kit.style.palette import Colours
from app.gui.kit.tables import TextTable
from app.gui.training import words
from app.gui.training.curve import Curve


class Behind(QWidget):
    """Two curves that grow, and a table of what was measured."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self.measured = PlainLabel()
        self.measured.setProperty("role", "dim")
        self.measured.setWordWrap(True)
        self.loss = Curve(self.tr("Error while learning"), colours)
        self.recall = Curve(self.tr("Precision of what was tried"), colours)
        self.table = TextTable((self.tr("Figure"), "", ""), wide=0, right=(1, 2))
        curves = QHBoxLayout()
        curves.addWidget(self.loss)
        curves.addWidget(self.recall)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.measured)
        column.addLayout(curves, 1)
        column.addWidget(self.table, 1)
        self.hide()

    def compare_with(self, base: str) -> None:
        """Name the model that the new one is compared with."""
        titles = [self.tr("Figure"), base, self.tr("New model")]
        self.table.setHorizontalHeaderLabels(titles)

    def clear(self) -> None:
        """Begin anew."""
        self.loss.clear()
        self.recall.clear()
        self.table.fill([])
        self.measured.setText("")

    def show_outcome(self, outcome: dict[str, Any]) -> None:
        """Show what was measured."""
        self.table.fill(words.figures(outcome))
        self.measured.setText(words.measured(outcome))
