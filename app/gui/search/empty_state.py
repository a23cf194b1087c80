"""What stands where there is nothing to show, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.gui.kit.buttons import push_button
from app.gui.kit.plain import PlainLabel
from app.gui.kit.style.icons import pixmap

_MARGIN_PX = 56  # beside a sentence, so that it does not run from edge to edge
Choice = tuple[str, Callable[[], object]]  # the title of a button, and what it does


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
        self._column.setContentsMargins(_MARGIN_PX, 0, _MARGIN_PX, 0)
        self._column.addStretch(2)
        self._column.addWidget(self.title)
        self._column.addWidget(self.hint)
        self._choices = QHBoxLayout()
        self._column.addSpacing(10)
        self._column.addLayout(self._choices)
        self._column.addStretch(3)

    def say(self, title: str, hint: str, choices: Sequence[Choice] = ()) -> None:
        """Show a title and what to do next, perhaps with buttons that do it."""
        self.title.setText(title)
        self.hint.setText(hint)
        while (item := self._choices.takeAt(0)) is not None:
            button = item.widget()
            if button is not None:
                button.hide()
                button.deleteLater()
        if not choices:
            return
        self._choices.addStretch(1)
        for name, does in choices:
            self._choices.addWidget(push_button(name, does))
        self._choices.addStretch(1)


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
        title = self.tr("Choose a folder …")
        self.add = push_button(title, self.add_wanted.emit, "folder-add", default=True)
        self.demo = push_button(self.tr("Try it with demo sounds"), self.demo_wanted.emit, "play")
        self._choices.addStretch(1)
        self._choices.addWidget(self.add)
        self._choices.addWidget(self.demo)
        self._choices.addStretch(1)
