"""A stretch of time as a widget: what is in view, nearer or further, moved along."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from app.gui.player.view import View

_SHORTEST_S = 0.002  # that can be seen at once
_ZOOM = 1.25


class Zoomed(QWidget):
    """Shows a part of a duration; :meth:`_moved` draws what is in view now."""

    view_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._duration_s = 0.0
        self._start_s = self._end_s = 0.0
        self._position_s = 0.0

    @property
    def view(self) -> View:
        """Return what is in view."""
        return View(self._start_s, self._end_s, max(1, self.width()))

    def zoom(self, factor: float, around_s: float | None = None) -> None:
        """Show less (factor above 1) or more, around a place or what is heard."""
        start, end = self._start_s, self._end_s
        middle = self._position_s if around_s is None else around_s
        if not start <= middle <= end:
            middle = (start + end) / 2
        length = min(self._duration_s, max(_SHORTEST_S, (end - start) / factor))
        share = (middle - start) / max(1e-9, end - start)
        self._set_view(middle - share * length, middle + (1 - share) * length)

    def move_to(self, start_s: float) -> None:
        """Show what begins at a place."""
        self._set_view(start_s, start_s + self._end_s - self._start_s)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw anew."""
        self._set_view(self._start_s, self._end_s)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer; sideways or with Shift, move along."""
        delta = event.angleDelta()
        along = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if abs(delta.x()) > abs(delta.y()) or along:
            steps = (delta.x() or delta.y()) / 120
            start, end = self._start_s, self._end_s
            move = -steps * (end - start) / 10
            self._set_view(start + move, end + move)
        elif delta.y():
            self.zoom(_ZOOM ** (delta.y() / 120), self._seconds(event.position().x()))
        event.accept()

    def _set_view(self, start: float, end: float) -> None:
        length = min(end - start, self._duration_s)
        start = min(max(0.0, start), max(0.0, self._duration_s - length))
        changed = (self._start_s, self._end_s) != (start, start + length)
        self._start_s, self._end_s = start, start + length
        self._moved(changed)

    def _moved(self, changed: bool) -> None:
        """Draw what is in view, which ``changed`` or only has another size."""

    def _seconds(self, x: float) -> float:
        return min(self._duration_s, max(0.0, self.view.seconds(x)))
