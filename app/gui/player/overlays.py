"""What lies over the picture of a sound: an axis of frequency, a curve of loudness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.gui.kit.style.palette import Colours
from app.gui.player.view import View
from engine.audio.loudness_curve import LoudnessCurve

_LOUDEST, _SOFTEST = 0.0, -60.0  # LUFS at the top and at the bottom
_MARKS = (-10, -20, -30, -40, -50)
_TICK, _ROOM, _LINE = 5, 34, 14  # pixels
_MOST_POINTS = 4  # of the curve on a pixel: more are drawn as their loudest


def draw_axis(
    painter: QPainter, area: QRectF, marks: Sequence[tuple[float, str]], colours: Colours
) -> None:
    """Write frequencies at the left of a spectrogram, each at its place in [0, 1] from below."""
    painter.save()
    _small(painter)
    for place, text in marks:
        y = area.bottom() - place * area.height()
        painter.setPen(QColor(colours.text))
        painter.drawLine(QLineF(area.left(), y, area.left() + _TICK, y))
        where = QRectF(area.left() + _TICK + 2, y - _LINE / 2, _ROOM, _LINE)
        backed_text(painter, where, text, Qt.AlignmentFlag.AlignLeft, colours)
    painter.restore()


def draw_loudness(
    painter: QPainter, view: View, area: QRectF, curve: LoudnessCurve, colours: Colours
) -> None:
    """Draw momentary loudness from 0 LUFS at the top to −60 at the bottom, and its marks."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    line = QPolygonF([QPointF(x, y) for x, y in _points(view, area, curve)])
    for colour, width in ((colours.panel, 4.5), (colours.text, 1.6)):
        painter.setPen(QPen(QColor(colour), width))
        painter.drawPolyline(line)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    _small(painter)
    every = 1 if area.height() > 150 else 2
    for lufs in _MARKS[::every]:
        y = _height_of(lufs, area)
        painter.setPen(QColor(colours.dim))
        painter.drawLine(QLineF(area.right() - _TICK, y, area.right(), y))
        where = QRectF(area.right() - _TICK - 2 - _ROOM, y - _LINE / 2, _ROOM, _LINE)
        backed_text(painter, where, f"−{-lufs}", Qt.AlignmentFlag.AlignRight, colours)
    painter.restore()


def backed_text(
    painter: QPainter, where: QRectF, text: str, side: Qt.AlignmentFlag, colours: Colours
) -> None:
    """Write a text that can be read on whatever is behind it."""
    flags = side | Qt.AlignmentFlag.AlignVCenter
    behind = painter.boundingRect(where, int(flags), text).adjusted(-2, 0, 2, 0)
    shade = QColor(colours.panel)
    shade.setAlpha(190)
    painter.fillRect(behind, shade)
    painter.setPen(QColor(colours.text))
    painter.drawText(where, int(flags), text)


def _points(view: View, area: QRectF, curve: LoudnessCurve) -> list[tuple[float, float]]:
    """Return the points of the curve in view; where many fall on a pixel, their loudest."""
    first = max(0, int((view.start_s - curve.first_s) / curve.step_s) - 1)
    last = int((view.end_s - curve.first_s) / curve.step_s) + 2
    lufs = curve.lufs[first : max(first + 1, last)]
    step = max(1, len(lufs) // max(1, _MOST_POINTS * view.width))
    loudest = np.maximum.reduceat(lufs, np.arange(0, len(lufs), step)) if len(lufs) else lufs
    at = [curve.first_s + (first + n * step) * curve.step_s for n in range(len(loudest))]
    found = [(view.x(s), _height_of(float(v), area)) for s, v in zip(at, loudest, strict=True)]
    if len(curve.lufs) == 1:  # one moment, as long as the sound
        found = [(area.left(), found[0][1]), (area.right(), found[0][1])]
    return found


def _height_of(lufs: float, area: QRectF) -> float:
    share = (min(_LOUDEST, max(_SOFTEST, lufs)) - _SOFTEST) / (_LOUDEST - _SOFTEST)
    return area.bottom() - share * area.height()


def _small(painter: QPainter) -> None:
    font = painter.font()
    font.setPointSizeF(max(6.0, font.pointSizeF() * 0.8))
    painter.setFont(font)
