"""Which points lie within a polygon on the screen."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPolygonF

from app.gui.library.map.cloud import Cloud, Part
from app.gui.library.map.view import MapView
from engine.arrays import Integers


def rows_within(cloud: Cloud, view: MapView, polygon: QPolygonF) -> Integers:
    """Return the rows within a polygon, which is painted so that each is looked up at once."""
    mask = QImage(QSize(view.width, view.height), QImage.Format.Format_Grayscale8)
    mask.fill(0)
    painter = QPainter(mask)
    painter.setBrush(Qt.GlobalColor.white)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawPolygon(polygon)
    painter.end()
    lines = np.frombuffer(mask.constBits(), np.uint8).reshape(view.height, mask.bytesPerLine())
    box = polygon.boundingRect()
    low = view.to_map(box.left(), box.top())
    high = view.to_map(box.right(), box.bottom())
    rows = cloud.rows_in(Part(*low, *high))
    x, y = np.floor(view.places(cloud.xy[rows])).astype(np.int64)
    inside = (x >= 0) & (x < view.width) & (y >= 0) & (y < view.height)
    rows, x, y = rows[inside], x[inside], y[inside]
    found: Integers = rows[lines[y, x] > 127]
    return found
