"""Small pictures that several widgets paint."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtCore import QLineF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPixmap
from PySide6.QtWidgets import QWidget

from app.gui.kit.style.colour_map import tone_scale
from app.gui.kit.style.palette import Colours
from engine.audio.peaks import thumbnail_peaks, thumbnail_tones
from engine.audio.tones import SILENT, Tones
from engine.plain_text import one_line
from engine.search.answer import Match

_ALIKE = 8  # tones that are painted in one colour


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
    picture = _thumbnail(thumbnail, rect.width(), rect.height(), colours, scale)
    painter.drawPixmap(rect.topLeft(), picture)


@lru_cache(maxsize=1000)
def _thumbnail(
    thumbnail: bytes, width: int, height: int, colours: Colours, scale: float
) -> QPixmap:
    picture = QPixmap(round(width * scale), round(height * scale))
    picture.setDevicePixelRatio(scale)
    picture.fill(Qt.GlobalColor.transparent)
    low, high = thumbnail_peaks(thumbnail)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = painter.pen()
    pen.setWidthF(max(1.0, 0.72 * width / len(low)))
    half = height / 2
    # Quiet sounds should be seen, too: the root lifts them.
    up = (abs(high.astype(float)) / 127) ** 0.6 * (half - 0.5)
    down = (abs(low.astype(float)) / 127) ** 0.6 * (half - 0.5)
    tones = thumbnail_tones(thumbnail)
    for colour, columns in by_tone(
        np.zeros(len(low), np.uint8) if tones is None else tones, colours
    ):
        pen.setColor(colour)
        painter.setPen(pen)
        painter.drawLines(
            [
                QLineF(x, half - max(0.4, a), x, half + max(0.4, b))
                for x, a, b in (
                    ((column + 0.5) * width / len(low), up[column], down[column])
                    for column in columns
                )
            ]
        )
    painter.end()
    return picture


def by_tone(tones: Tones, colours: Colours) -> list[tuple[QColor, list[int]]]:
    """Return the colours of tones, and the columns of each; silence has that of waveforms."""
    groups = np.where(tones == SILENT, 0, tones // _ALIKE * _ALIKE + _ALIKE // 2)
    shades = tone_scale(colours)
    return [
        (
            QColor(*shades[group].tolist()) if group else QColor(colours.wave),
            np.flatnonzero(groups == group).tolist(),
        )
        for group in np.unique(groups)
    ]


def paint_focus(painter: QPainter, cell: QRect, colour: QColor) -> None:
    """Paint the lines above and below a row that has the focus, inside its cell at every scale.

    A pen's line would lie half above the cell on a fine screen, and stay when the row is left.
    """
    painter.fillRect(QRect(cell.left(), cell.top(), cell.width(), 1), colour)
    painter.fillRect(QRect(cell.left(), cell.bottom(), cell.width(), 1), colour)


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
