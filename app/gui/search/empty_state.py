"""What stands where there is nothing to show, and what to do next."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.gui.kit.plain import PlainLabel
from app.gui.kit.style.icons import pixmap


class EmptyState(QWidget):
    """A sentence in the middle, perhaps with buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.title = PlainLabel()
        self.title.setProperty("role", "title")
        self.hint = PlainLabel()
        self.hint.setProperty("role", "dim")
        for label in (self.title, self.hint):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self._column = QVBoxLayout(self)
        self._column.addStretch(2)
        self._column.addWidget(self.title)
        self._column.addWidget(self.hint)
        self._column.addStretch(3)

    def say(self, title: str, hint: str) -> None:
        """Show a title and what to do next."""
        self.title.setText(title)
        self.hint.setText(hint)


class Welcome(EmptyState):
    """What a first start shows: choose a folder, or try the demo sounds."""

    add_wanted = Signal()
    demo_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        picture = PlainLabel()
        size = QSize(72, 72)
        drawn = pixmap("soundsift", "#000000", 144)
        drawn.setDevicePixelRatio(144 / size.width())
        picture.setPixmap(drawn)
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column.insertWidget(1, picture)
        self.say(
            self.tr("Find sounds by what they sound like"),
            self.tr(
                "Choose a folder of sounds, or drop one here. Soundsift listens to it once, on "
                "this computer; nothing is uploaded and no file is changed. You can search while "
                "it listens."
            ),
        )
        self.add = QPushButton(self.tr("Choose a folder …"))
        self.add.setDefault(True)
        self.demo = QPushButton(self.tr("Try it with demo sounds"))
        self.add.clicked.connect(self.add_wanted)
        self.demo.clicked.connect(self.demo_wanted)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.add)
        row.addWidget(self.demo)
        row.addStretch(1)
        self._column.insertSpacing(4, 10)
        self._column.insertLayout(5, row)
