"""Stars and colour labels as they are painted, and moments as they are told."""

from __future__ import annotations

import math
from functools import lru_cache

from PySide6.QtCore import QDateTime, QLocale, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF

from app.gui.kit.style.palette import Colours
from app.gui.kit.text import tr
from engine.store.marks import MOST_STARS

STAR_WIDTH = 13  # pixels from one star to the next
_LEFT = 6  # of the first star in its cell
_OUTER, _INNER = 5.6, 2.5
_DOT = 9
_LABELS = {  # on dark, on light
    "red": ("#e0645c", "#cc3b33"),
    "orange": ("#e09a4a", "#c9741a"),
    "yellow": ("#d9c355", "#b39a14"),
    "green": ("#6fb865", "#3d8f38"),
    "blue": ("#5f9fe0", "#2c70c4"),
    "purple": ("#a883dc", "#7d4fc0"),
    "grey": ("#8d949d", "#6d757f"),
}


def label_colour(name: str, colours: Colours) -> QColor:
    """Return how a colour label looks in a theme."""
    dark, light = _LABELS[name]
    return QColor(dark if QColor(colours.window).lightness() < 128 else light)


def label_title(name: str) -> str:
    """Return what a colour label is called."""
    titles = {
        "red": tr("Red"),
        "orange": tr("Orange"),
        "yellow": tr("Yellow"),
        "green": tr("Green"),
        "blue": tr("Blue"),
        "purple": tr("Purple"),
        "grey": tr("Grey"),
    }
    return titles[name]


def star_text(stars: int) -> str:
    """Return stars as who listens to the window hears them; empty where there are none."""
    if not stars:
        return ""
    return tr("1 star") if stars == 1 else tr("{} stars").format(stars)


def day(time_ns: int | None) -> str:
    """Return the day of a moment, empty where there is none."""
    return _day(time_ns // (60 * 10**9)) if time_ns is not None else ""


@lru_cache(maxsize=4000)
def _day(minute: int) -> str:
    date = QDateTime.fromSecsSinceEpoch(60 * minute).date()
    return QLocale().toString(date, QLocale.FormatType.ShortFormat)


def star_at(x: int) -> int | None:
    """Return the star, 1 to 5, at a place in its cell; None beside them."""
    star = math.floor((x - _LEFT) / STAR_WIDTH) + 1
    return star if 1 <= star <= MOST_STARS else None


def paint_stars(painter: QPainter, rect: QRect, stars: int, colours: Colours) -> None:
    """Paint stars, and a dot in the place of each that is missing."""
    scale = painter.device().devicePixelRatio()
    picture = _stars(stars, colours.accent, colours.line, scale)
    top = rect.center().y() - STAR_WIDTH // 2
    painter.drawPixmap(rect.left() + _LEFT, top, picture)


def paint_label(painter: QPainter, rect: QRect, name: str, colours: Colours) -> None:
    """Paint a colour label in the middle of a place."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(label_colour(name, colours))
    where = QRectF(0, 0, _DOT, _DOT)
    where.moveCenter(QRectF(rect).center())
    painter.drawEllipse(where)
    painter.restore()


def label_icon(name: str, colours: Colours) -> QIcon:
    """Return a colour label as an icon."""
    found = QIcon()
    for scale in (1, 2, 3):
        picture = QPixmap(16 * scale, 16 * scale)
        picture.setDevicePixelRatio(scale)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        paint_label(painter, QRect(0, 0, 16, 16), name, colours)
        painter.end()
        found.addPixmap(picture)
    return found


def forget() -> None:
    """Let go of all pictures: none may outlive the application."""
    _stars.cache_clear()


@lru_cache(maxsize=64)
def _stars(stars: int, full: str, empty: str, scale: float) -> QPixmap:
    width = MOST_STARS * STAR_WIDTH
    picture = QPixmap(math.ceil(width * scale), math.ceil(STAR_WIDTH * scale))
    picture.setDevicePixelRatio(scale)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    for number in range(MOST_STARS):
        middle = QPointF((number + 0.5) * STAR_WIDTH, STAR_WIDTH / 2)
        if number < stars:
            painter.setBrush(QColor(full))
            painter.drawPolygon(_star(middle))
        else:
            painter.setBrush(QColor(empty))
            painter.drawEllipse(middle, 1.4, 1.4)
    painter.end()
    return picture


def _star(middle: QPointF) -> QPolygonF:
    points = []
    for corner in range(10):
        radius = _INNER if corner % 2 else _OUTER
        angle = math.pi * (corner / 5 - 0.5)
        points.append(middle + QPointF(radius * math.cos(angle), radius * math.sin(angle)))
    return QPolygonF(points)
