"""A line that offers something and waits: nothing moves until its user says so."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from app.gui.kit.buttons import IconButton
from app.gui.kit.labels import ElidedLabel
from app.gui.kit.plain import menu_text
from app.gui.kit.style.palette import Colours


class Notice(QFrame):
    """Says what is new, with a button that does something about it, and a cross.

    Of several offers the one of the latest ``topic`` stands; a topic's own is taken back by name.
    """

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self.setObjectName("notice")
        self._does: Callable[[], object] = lambda: None
        self._topic = ""
        self.says = ElidedLabel()
        self.button = QPushButton()
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._do)
        cross = IconButton("close", self.tr("Close"), colours)
        cross.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 3, 6, 3)
        row.setSpacing(8)
        row.addWidget(self.says)
        row.addWidget(self.button)
        row.addStretch(1)
        row.addWidget(cross)
        self.hide()

    def offer(self, topic: str, text: str, title: str, does: Callable[[], object]) -> None:
        """Say something, with a button that does something about it once."""
        self._topic, self._does = topic, does
        self.says.setText(text)
        self.setAccessibleName(text)
        self.button.setText(menu_text(title))
        self.show()

    def take_back(self, topic: str) -> None:
        """Say no more about a topic."""
        if self._topic == topic:
            self.hide()

    def _do(self) -> None:
        self.hide()
        self._does()
