"""The level meter: what is heard, with a mark that falls slowly."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.kit.style.palette import Colours

_LOWEST_DB = -60.0
_FALL_DB = 24.0  # a second


class Meter(QWidget):
    """Peaks of each channel, from −60 to 0 dBFS; above −1 dBFS in the colour of warnings."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._shown: list[float] = []
        self._at = time.monotonic()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Level"))
        self.setToolTip(self.tr("Level, −60 to 0 dBFS"))

    def sizeHint(self) -> QSize:
        """Return a narrow size."""
        return QSize(18, 60)

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.update()

    def show_levels(self, levels: tuple[float, ...]) -> None:
        """Show peaks, 1.0 full scale; falling from what was shown before."""
        now = time.monotonic()
        fallen = _FALL_DB * (now - self._at)
        self._at = now
        wanted = [20 * math.log10(max(level, 1e-6)) for level in levels[:8]]
        before = [level - fallen for level in self._shown]
        if not wanted:
            wanted = [_LOWEST_DB] * len(before)
        if len(before) != len(wanted):
            before = [_LOWEST_DB] * len(wanted)
        shown = [max(pair) for pair in zip(wanted, before, strict=True)]
        shown = [max(_LOWEST_DB, level) for level in shown]
        if shown != self._shown:
            self._shown = shown
            self.update()

    def clear(self) -> None:
        """Show silence at once."""
        self._shown = []
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a bar a channel."""
        painter = QPainter(self)
        count = max(2, len(self._shown))
        width = (self.width() - 4 - (count - 1)) / count
        for lane in range(count):
            x = 2 + lane * (width + 1)
            painter.fillRect(QRectF(x, 2, width, self.height() - 4), QColor(self._colours.line))
            if lane < len(self._shown):
                share = 1 - self._shown[lane] / _LOWEST_DB
                height = (self.height() - 4) * min(1.0, max(0.0, share))
                loud = self._shown[lane] > -1.0
                colour = QColor(self._colours.warning if loud else self._colours.accent)
                painter.fillRect(QRectF(x, self.height() - 2 - height, width, height), colour)
