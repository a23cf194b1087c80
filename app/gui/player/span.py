"""The range that is marked in a waveform: its edges, and the handles of its fades."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from app.gui.player.view import View

_REACH = 3  # pixels around an edge that belong to it
_HANDLE = 7  # width and height of a fade's handle
_HANDLE_REACH = 6


@dataclass(frozen=True)
class Span:
    """A range in seconds, and how long it fades in and out."""

    start_s: float
    end_s: float
    fades_s: tuple[float, float] = (0.0, 0.0)

    @property
    def edges(self) -> tuple[float, float]:
        """Return where it begins and ends."""
        return self.start_s, self.end_s

    def holds(self, seconds: float) -> bool:
        """Return whether a place lies in it."""
        return self.start_s <= seconds <= self.end_s

    def edge_at(self, view: View, x: float) -> int | None:
        """Return which edge is where the pointer is, None if neither."""
        for edge, seconds in enumerate(self.edges):
            if abs(view.x(seconds) - x) <= _REACH:
                return edge
        return None

    def fade_at(self, view: View, x: float, y: float) -> int | None:
        """Return which fade's handle, at the top, is where the pointer is; None if neither."""
        if y > _HANDLE + 2:
            return None
        for edge in (0, 1):
            if abs(self._handle_x(view, edge) - x) <= _HANDLE_REACH:
                return edge
        return None

    def faded(self, edge: int, seconds: float) -> Span:
        """Return it with the handle of one fade at a place; both fades fit into it."""
        other = self.fades_s[1 - edge]
        inside = seconds - self.start_s if edge == 0 else self.end_s - seconds
        length = min(max(0.0, inside), self.end_s - self.start_s - other)
        return replace(self, fades_s=(length, other) if edge == 0 else (other, length))

    def between(self, start_s: float, end_s: float) -> Span:
        """Return it with other edges; its fades stay as far as they fit."""
        length = end_s - start_s
        first = min(self.fades_s[0], length)
        return Span(start_s, end_s, (first, min(self.fades_s[1], length - first)))

    def draw(self, painter: QPainter, view: View, height: int, accent: QColor) -> None:
        """Draw it over a waveform."""
        first, last = (view.x(seconds) for seconds in self.edges)
        shade = QColor(accent)
        shade.setAlpha(46)
        painter.fillRect(QRectF(first, 0, last - first, height), shade)
        painter.setPen(accent)
        painter.drawLines([QLineF(x, 0, x, height) for x in (first, last) if 0 <= x <= view.width])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for edge, x in enumerate((first, last)):
            top = view.x(
                self.start_s + self.fades_s[0] if edge == 0 else self.end_s - self.fades_s[1]
            )
            if self.fades_s[edge]:
                painter.drawLine(QLineF(x, height, top, 0))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        for edge in (0, 1):
            x, side = self._handle_x(view, edge), 1 if edge == 0 else -1
            corners = [QPointF(x, 0), QPointF(x + side * _HANDLE, 0), QPointF(x, _HANDLE)]
            painter.drawPolygon(QPolygonF(corners))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _handle_x(self, view: View, edge: int) -> float:
        place = self.start_s + self.fades_s[0] if edge == 0 else self.end_s - self.fades_s[1]
        return view.x(place)
