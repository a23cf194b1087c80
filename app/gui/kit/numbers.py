"""A field for a number, as narrow as its numbers are."""

from __future__ import annotations

from PySide6.QtWidgets import QSizePolicy, QSpinBox

_LEFT_PX = 5  # where the text of the other fields begins


class NumberBox(QSpinBox):
    """A whole number with its unit; it is as wide as the longest one."""

    def __init__(self, lowest: int, highest: int, value: int, unit: str = "") -> None:
        super().__init__()
        self.setRange(lowest, highest)
        self.setSuffix(unit)
        self.setValue(value)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.lineEdit().setTextMargins(_LEFT_PX, 0, 0, 0)
