"""The marks of the sound that is looked at: stars, a colour, a note, to be seen and changed."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from app.gui.kit.marks import (
    STAR_WIDTH,
    label_icon,
    label_title,
    paint_stars,
    star_at,
    star_text,
)
from app.gui.kit.style.palette import Colours
from engine.store.marks import COLOURS, MOST_STARS
from engine.store.records import Marks

_MARGIN = 6


class StarsEdit(QWidget):
    """Stars that are set by click, by the arrows or by a digit; ``chosen`` tells how many."""

    chosen = Signal(int)

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours, self._stars = colours, 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedSize(MOST_STARS * STAR_WIDTH + 2 * _MARGIN, 20)
        self.setToolTip(self.tr("Stars (Alt+0 to Alt+5)"))
        self.show_stars(0)

    @property
    def stars(self) -> int:
        """Return how many are shown."""
        return self._stars

    def show_stars(self, stars: int) -> None:
        """Show stars."""
        self._stars = stars
        said = star_text(stars) or self.tr("none")
        self.setAccessibleName(self.tr("Stars: {}").format(said))
        self.update()

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the stars, and a frame if they have the focus."""
        painter = QPainter(self)
        paint_stars(painter, self.rect(), self._stars, self._colours)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QColor(self._colours.accent))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Give as many stars as were clicked; none where it has them already."""
        star = star_at(int(event.position().x()))
        if star is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(0 if star == self._stars else star)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Change them by a digit or an arrow."""
        step = {Qt.Key.Key_Right.value: 1, Qt.Key.Key_Left.value: -1}.get(event.key())
        if event.text() in "012345" and event.text():
            self.chosen.emit(int(event.text()))
        elif step is not None:
            self.chosen.emit(min(max(0, self._stars + step), MOST_STARS))
        else:
            super().keyPressEvent(event)


class MarksBox(QWidget):
    """Stars, colours and a note; every wish is a signal with the id of the sound."""

    stars_wanted = Signal(int, int)
    colour_wanted = Signal(int, str)  # empty: none
    note_wanted = Signal(int, str)

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._sound_id: int | None = None
        self._marks = Marks()
        self.stars = StarsEdit(colours)
        self.stars.chosen.connect(self._on_stars)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.stars)
        row.addStretch(1)
        self.labels: dict[str, QToolButton] = {}
        for name in COLOURS:
            button = QToolButton()
            button.setAutoRaise(True)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setIconSize(QSize(14, 14))
            button.setFixedSize(20, 20)
            button.setObjectName("label")
            button.setToolTip(label_title(name))
            button.setAccessibleName(self.tr("Colour: {}").format(label_title(name)))
            button.clicked.connect(lambda _=False, name=name: self._on_colour(name))
            self.labels[name] = button
            row.addWidget(button)
        self.note = QLineEdit()
        self.note.setPlaceholderText(self.tr("add a note"))
        self.note.setAccessibleName(self.tr("Note"))
        self.note.editingFinished.connect(self._on_note)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.note)
        self._paint()

    def show_marks(self, sound_id: int | None, marks: Marks) -> None:
        """Show the marks of a sound; a note that somebody types stays as it is typed."""
        if sound_id != self._sound_id:
            self._on_note()
        typing = sound_id == self._sound_id and self.note.isModified()
        self._sound_id, self._marks = sound_id, marks
        self.setEnabled(sound_id is not None)
        self.stars.show_stars(marks.stars)
        if not typing:
            self.note.setText(marks.note)
            self.note.setCursorPosition(0)
        self._paint()

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.stars.set_colours(colours)
        self._paint()

    def _paint(self) -> None:
        for name, button in self.labels.items():
            button.setChecked(name == self._marks.colour)
            button.setIcon(label_icon(name, self._colours))

    def _on_stars(self, stars: int) -> None:
        if self._sound_id is not None:
            self.stars_wanted.emit(self._sound_id, stars)

    def _on_colour(self, name: str) -> None:
        self._paint()  # what is checked is what is kept
        if self._sound_id is not None:
            wanted = "" if name == self._marks.colour else name
            self.colour_wanted.emit(self._sound_id, wanted)

    def _on_note(self) -> None:
        if self._sound_id is None or not self.note.isModified():
            return
        self.note.setModified(False)
        if self.note.text().strip() != self._marks.note:
            self.note_wanted.emit(self._sound_id, self.note.text())
