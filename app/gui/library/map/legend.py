"""What the colours of a map mean, in a line."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.kit.painting import elided
from app.gui.kit.style.palette import Colours
from app.gui.library.map.colouring import Colouring, palette_of

_DOT, _GAP, _NEXT, _MOST, _SCALE = 8, 5, 14, 130, 90  # pixels


class Legend(QWidget):
    """Dots and names, or a scale and its ends; what has no room is left out."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._colouring: Colouring | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)
        self.setAccessibleName(self.tr("What the colours mean"))

    def show_colouring(self, colouring: Colouring | None) -> None:
        """Explain other colours."""
        self._colouring = colouring
        texts = [meaning.text for meaning in colouring.meanings] if colouring else []
        self.setAccessibleDescription(", ".join(texts))
        self.update()

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.update()

    def sizeHint(self) -> QSize:
        """Return the height of a line."""
        return QSize(300, self.fontMetrics().height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint from the left as far as there is room."""
        if self._colouring is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = [QColor(*map(int, rgb)) for rgb in palette_of(self._colouring, self._colours)]
        if self._colouring.is_scale and len(self._colouring.meanings) == 2:
            self._paint_scale(painter, palette[:-1])
        else:
            self._paint_kinds(painter, palette)

    def _paint_kinds(self, painter: QPainter, palette: Sequence[QColor]) -> None:
        assert self._colouring is not None
        x, middle = 0, self.height() / 2
        for meaning in self._colouring.meanings:
            text = elided(self, meaning.text, _MOST)
            width = self.fontMetrics().horizontalAdvance(text)
            if x + _DOT + _GAP + width > self.width():
                return
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette[meaning.colour])
            painter.drawEllipse(QRectF(x, middle - _DOT / 2, _DOT, _DOT))
            x += _DOT + _GAP
            self._write(painter, x, text)
            x += width + _NEXT

    def _paint_scale(self, painter: QPainter, palette: Sequence[QColor]) -> None:
        assert self._colouring is not None
        low, high = (meaning.text for meaning in self._colouring.meanings)
        begin = self.fontMetrics().horizontalAdvance(low) + _GAP
        self._write(painter, 0, low)
        shades = QLinearGradient(begin, 0, begin + _SCALE, 0)
        for place, colour in enumerate(palette):
            shades.setColorAt(place / (len(palette) - 1), colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shades)
        bar = QRectF(begin, self.height() / 2 - _DOT / 2, _SCALE, _DOT)
        painter.drawRoundedRect(bar, _DOT / 2, _DOT / 2)
        self._write(painter, begin + _SCALE + _GAP, high)

    def _write(self, painter: QPainter, x: int, text: str) -> None:
        painter.setPen(QColor(self._colours.dim))
        where = QRectF(x, 0, self.width() - x, self.height())
        painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
