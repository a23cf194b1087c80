"""A small curve that grows."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QWidget

from app.gui.kit.style.palette import Colours

_MARGIN = 26


class Curve(QWidget):
    """Points in order of x, with the last value written out."""

    def __init__(self, title: str, colours: Colours) -> None:
        super().__init__()
        self._title, self._colours = title, colours
        self.points: list[tuple[float, float]] = []
        self.setMinimumSize(220, 120)
        self.setAccessibleName(title)

    def clear(self) -> None:
        """Begin anew."""
        self.points = []
        self.update()

    def add(self, x: float, y: float) -> None:
        """Add a point."""
        self.points.append((x, y))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint axes, curve, and the last value."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._colours.panel))
        area = QRectF(self.rect()).adjusted(8, _MARGIN, -8, -8)
        painter.setPen(QColor(self._colours.line))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.setPen(QColor(self._colours.dim))
        last = f"{self.points[-1][1]:.3f}" if self.points else ""
        where = self.rect().adjusted(8, 5, -8, 0)
        painter.drawText(where, Qt.AlignmentFlag.AlignTop, self._title)
        painter.drawText(where, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, last)
        if len(self.points) < 2:
            return
        xs, ys = zip(*self.points, strict=True)
        width, height = max(xs) - min(xs) or 1.0, max(ys) - min(ys) or 1.0
        line = QPolygonF(
            [
                QPointF(
                    area.left() + (x - min(xs)) / width * area.width(),
                    area.bottom() - (y - min(ys)) / height * area.height(),
                )
                for x, y in self.points
            ]
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(self._colours.accent))
        painter.drawPolyline(line)
