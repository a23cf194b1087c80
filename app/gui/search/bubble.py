"""A sentence right under what it is about, above everything else, so that nothing moves for it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.gui.kit.labels import BreakingLabel

_MOST_PX = 620


class Bubble(QFrame):
    """Says what is wrong with what is typed, under where it is typed."""

    def __init__(self, under: QWidget) -> None:
        super().__init__(under)
        self._under = under
        self.setObjectName("bubble")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.label = BreakingLabel()
        self.label.setProperty("role", "warning")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.addWidget(self.label)
        self.hide()
        under.installEventFilter(self)

    def say(self, text: str) -> None:
        """Show a sentence, or nothing."""
        self.label.setText(text)
        self._under.setAccessibleDescription(text)
        if text and self._under.isVisible():
            self.setParent(self._under.window())
            self._place()
            self.show()
            self.raise_()
        else:
            self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay under it."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move) and self.isVisible():
            self._place()
        elif event.type() == QEvent.Type.Hide:
            self.hide()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        width = min(_MOST_PX, self._under.width())
        one_line = self.label.fontMetrics().horizontalAdvance(self.label.text()) + 24
        width = min(width, one_line)
        self.resize(width, self.heightForWidth(width))
        corner = QPoint(0, self._under.height() + 2)
        self.move(self._under.mapTo(self._under.window(), corner))
