"""What is marked in a sound, in a lane below its waveform: regions, and the markers of its file."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPolygonF

from app.gui.kit.style.palette import Colours
from app.gui.player.view import View
from engine.metadata.markers import Marker
from engine.plain_text import one_line
from engine.store.regions import Region

FLAGS = 15  # height of the lane
_FLAG = 6
_NEAR = 5  # pixels beside a marker that belong to it
_LEAST_TEXT = 14  # pixels in which a name is worth drawing

Flag = Region | Marker


def draw_flags(
    painter: QPainter,
    view: View,
    top: float,
    regions: Sequence[Region],
    markers: Sequence[Marker],
    colours: Colours,
) -> None:
    """Draw the lane, and a fine line through the waveform above it for every marker."""
    font = QFont(painter.font())
    font.setPointSizeF(max(6.0, font.pointSizeF() * 0.8))
    painter.setFont(font)
    starts = [region.start_s for region in regions] + [marker.start_s for marker in markers]
    edges = sorted([*map(view.x, starts), float(view.width)])
    for marker in markers:
        x = view.x(marker.start_s)
        _draw_marker(painter, view, top, marker, next((s for s in edges if s > x), x), colours)
    for region in regions:
        first, last = view.x(region.start_s), view.x(region.end_s)
        if last < 0 or first > view.width:
            continue
        box = QRectF(first, top + 1, max(2.0, last - first), FLAGS - 2)
        shade = QColor(colours.accent)
        shade.setAlpha(70)
        painter.fillRect(box, shade)
        painter.fillRect(QRectF(first, top + 1, 2, FLAGS - 2), QColor(colours.accent))
        _draw_text(painter, region.name, max(0.0, first) + 5, min(last, view.width), top, colours)


def _draw_marker(
    painter: QPainter, view: View, top: float, marker: Marker, room: float, colours: Colours
) -> None:
    x = view.x(marker.start_s)
    end = view.x(marker.end_s) if marker.end_s is not None else x
    if end < 0 or x > view.width:
        return
    line = QColor(colours.dim)
    line.setAlpha(110)
    painter.setPen(line)
    painter.drawLine(QLineF(x, 0, x, top))
    if end > x:
        painter.drawLine(QLineF(x, top + FLAGS - 2, end, top + FLAGS - 2))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colours.dim))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    middle = top + FLAGS / 2 - 1
    corners = [QPointF(x, middle - 4), QPointF(x + _FLAG, middle), QPointF(x, middle + 4)]
    painter.drawPolygon(QPolygonF(corners))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    _draw_text(painter, marker.name, x + _FLAG + 3, room, top, colours, dim=True)  # to the next


def _draw_text(
    painter: QPainter,
    text: str,
    start: float,
    end: float,
    top: float,
    colours: Colours,
    dim: bool = False,
) -> None:
    room = end - start - 2
    if room < _LEAST_TEXT or not text:
        return
    metrics = QFontMetricsF(painter.font())
    shown = metrics.elidedText(one_line(text), Qt.TextElideMode.ElideRight, room)
    painter.setPen(QColor(colours.dim if dim else colours.text))
    where = QRectF(start, top, room + 1, FLAGS)
    painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


def flag_at(
    view: View, x: float, regions: Sequence[Region], markers: Sequence[Marker]
) -> Flag | None:
    """Return what is marked where the pointer is in the lane; of several the shortest region."""
    seconds = view.seconds(x)
    near = [m for m in markers if -2 <= x - view.x(m.start_s) <= _NEAR + _FLAG]
    if near:
        return near[-1]
    inside = [r for r in regions if r.start_s <= seconds <= r.end_s]
    return min(inside, key=lambda r: r.end_s - r.start_s, default=None)
