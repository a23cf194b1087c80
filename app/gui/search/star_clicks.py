"""Stars that are clicked in the list: for one row, or for all that are chosen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent

from app.gui.kit.marks import star_at
from app.gui.search.columns import STARS
from app.gui.search.results_view import ResultsView


class StarClicks(QObject):
    """Takes clicks on stars before the list does, so that they neither choose nor play a row.

    ``wanted`` tells of which sounds, and how many; a click on the stars that are there takes them
    away.
    """

    wanted = Signal(list, int)

    def __init__(self, view: ResultsView) -> None:
        super().__init__(view)
        self._view = view
        self._pressed = False
        view.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take a click on stars, with all that belongs to it."""
        kind = event.type()
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            self._pressed = isinstance(event, QMouseEvent) and self._take(event)
            return self._pressed
        if kind in (QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease) and self._pressed:
            self._pressed = kind == QEvent.Type.MouseMove
            return True
        return False

    def _take(self, event: QMouseEvent) -> bool:
        view, place = self._view, event.position().toPoint()
        index = view.indexAt(place)
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        left = event.button() == Qt.MouseButton.LeftButton
        if not (index.isValid() and index.column() == STARS.place and plain and left):
            return False
        star = star_at(place.x() - view.visualRect(index).left())
        sound = view.results.row_at(index.row()).sound
        if star is None or sound is None:
            return False
        chosen = view.chosen_rows()
        rows = chosen if index.row() in chosen else [index.row()]
        ids = [view.results.id_at(row) for row in rows]
        self.wanted.emit(ids, 0 if star == sound.marks.stars else star)
        return True
