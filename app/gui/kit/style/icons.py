"""Our own icons: SVG in ``assets/icons``, drawn in a colour of the palette."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from engine.paths import assets

_SIZES = (16, 24, 32, 48)


@cache
def icon(name: str, colour: str) -> QIcon:
    """Return an icon in one colour, sharp at every scale from 100 to 300 %."""
    found = QIcon()
    for size in _SIZES:
        found.addPixmap(pixmap(name, colour, size))
    return found


def forget() -> None:
    """Let go of all pictures: none may outlive the application."""
    icon.cache_clear()
    pixmap.cache_clear()


def drawing(name: str, colour: str) -> bytes:
    """Return the SVG of an icon in one colour."""
    found = (assets() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    return found.replace("currentColor", colour).encode()


@cache
def pixmap(name: str, colour: str, size: int) -> QPixmap:
    """Return a square picture of an icon, in device pixels."""
    renderer = QSvgRenderer(QByteArray(drawing(name, colour)))
    picture = QPixmap(QSize(size, size))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return picture
