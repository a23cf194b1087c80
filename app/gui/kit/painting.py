"""Small pictures that several widgets paint."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QLineF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPixmap
from PySide6.QtWidgets import QWidget

from app.gui.kit.style.palette import Colours
from engine.audio.peaks import thumbnail_peaks
from engine.plain_text import one_line
from engine.search.answer import Match


def elided(widget: QWidget, text: str, width: int, left: bool = False) -> str:
    """Return as much of a text as fits; of a path its end."""
    return _elided(widget.font().toString(), text[:400], width, left)


@lru_cache(maxsize=20_000)
def _elided(font: str, text: str, width: int, left: bool) -> str:
    where = Qt.TextElideMode.ElideLeft if left else Qt.TextElideMode.ElideRight
    return _metrics(font).elidedText(one_line(text), where, width)


@lru_cache(maxsize=8)
def _metrics(font: str) -> QFontMetrics:
    named = QFont()
    named.fromString(font)
    return QFontMetrics(named)


def forget() -> None:
    """Let go of all pictures and fonts: none may outlive the application."""
    for kept in (_elided, _metrics, _thumbnail):
        kept.cache_clear()


def paint_thumbnail(
    painter: QPainter, rect: QRect, thumbnail: bytes | None, colours: Colours
) -> None:
    """Paint a small waveform; a line where there is none."""
    if rect.width() < 8:
        return
    if not thumbnail:
        painter.setPen(QColor(colours.line))
        painter.drawLine(rect.left(), rect.center().y(), rect.right(), rect.center().y())
        return
    scale = painter.device().devicePixelRatio()
    picture = _thumbnail(thumbnail, rect.width(), rect.height(), colours.wave, scale)
    painter.drawPixmap(rect.topLeft(), picture)


@lru_cache(maxsize=1000)
def _thumbnail(thumbnail: bytes, width: int, height: int, colour: str, scale: float) -> QPixmap:
    picture = QPixmap(round(width * scale), round(height * scale))
    picture.setDevicePixelRatio(scale)
    picture.fill(Qt.GlobalColor.transparent)
    low, high = thumbnail_peaks(thumbnail)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = painter.pen()
    pen.setColor(QColor(colour))
    pen.setWidthF(max(1.0, 0.72 * width / len(low)))
    painter.setPen(pen)
    half = height / 2
    # Quiet sounds should be seen, too: the root lifts them.
    up = (abs(high.astype(float)) / 127) ** 0.6 * (half - 0.5)
    down = (abs(low.astype(float)) / 127) ** 0.6 * (half - 0.5)
    painter.drawLines(
        [
            QLineF(x, half - max(0.4, a), x, half + max(0.4, b))
            for x, a, b in (
                ((column + 0.5) * width / len(low), up[column], down[column])
                for column in range(len(low))
            )
        ]
    )
    painter.end()
    return picture


def paint_share(painter: QPainter, rect: QRect, share: float, colours: Colours) -> None:
    """Paint a share in [0, 1] as a bar."""
    bar = QRect(rect.left(), rect.center().y() - 2, rect.width(), 5)
    painter.fillRect(bar, QColor(colours.line))
    filled = QRect(bar)
    filled.setWidth(max(1, round(bar.width() * share)))
    painter.fillRect(filled, QColor(colours.accent))


def paint_strength(painter: QPainter, rect: QRect, match: Match, colours: Colours) -> None:
    """Paint how strong a match is as a bar, with a dot where the name holds the words."""
    paint_share(painter, rect.adjusted(0, 0, -8, 0), match.strength, colours)
    if match.keyword_match:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.accent))
        painter.drawEllipse(QRectF(rect.right() - 4.5, rect.center().y() - 2, 5, 5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
