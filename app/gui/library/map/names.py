"""The names of regions, painted once and put where they belong."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from app.gui.kit.style.palette import Colours
from app.gui.library.map.labels import SIZES_PX, Label, chosen_labels
from app.gui.library.map.view import MapView
from engine.plain_text import one_line
from engine.search.library_map.kept import MapRegion

_HALO_PX = 3.5
_SOFT = 0.86  # opacity of the finer names


class NamePainter:
    """Paints what regions are called, with a halo in the colour of the background."""

    def __init__(self, widget: QWidget, colours: Colours) -> None:
        self._widget, self._colours = widget, colours
        self._regions: Sequence[MapRegion] = ()
        self._labels: list[Label] = []
        self._scale = 0.0
        self._sizes: dict[tuple[str, int], tuple[float, float]] = {}
        self._pictures: dict[tuple[str, int], QPixmap] = {}

    @property
    def labels(self) -> list[Label]:
        """Return the names that are shown at the present scale, in view or not."""
        return self._labels

    def show(self, regions: Sequence[MapRegion]) -> None:
        """Name other regions."""
        self._regions, self._scale = regions, 0.0

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self._pictures.clear()

    def place(self, view: MapView) -> None:
        """Choose the names for a scale."""
        if view.scale != self._scale:
            self._scale = view.scale
            self._labels = chosen_labels(self._regions, view.depth, view.scale, self._size)

    def paint(self, painter: QPainter, view: MapView) -> None:
        """Paint the names in view."""
        self.place(view)
        for label in self._labels:
            x, y = view.to_screen(label.region.x, label.region.y)
            left, top = x - label.width / 2, y - label.height / 2
            if -label.width < left < view.width and -label.height < top < view.height:
                painter.drawPixmap(QPointF(round(left), round(top)), self._picture(label))

    def _size(self, region: MapRegion) -> tuple[float, float]:
        key = (region.name, region.level)
        if key not in self._sizes:
            metrics = QFontMetricsF(self._font(region.level))
            width = metrics.horizontalAdvance(one_line(region.name)) + 2 * _HALO_PX
            self._sizes[key] = (width, metrics.height() + 2 * _HALO_PX)
        return self._sizes[key]

    def _font(self, level: int) -> QFont:
        font = QFont(self._widget.font())
        font.setPixelSize(SIZES_PX[min(level, len(SIZES_PX) - 1)])
        font.setWeight(QFont.Weight.DemiBold if level == 0 else QFont.Weight.Normal)
        return font

    def _picture(self, label: Label) -> QPixmap:
        key = (label.region.name, label.region.level)
        ratio = self._widget.devicePixelRatioF()
        found = self._pictures.get(key)
        if found is None or found.devicePixelRatio() != ratio:
            found = self._pictures[key] = self._drawn(label, ratio)
        return found

    def _drawn(self, label: Label, ratio: float) -> QPixmap:
        picture = QPixmap((QSizeF(label.width, label.height) * ratio).toSize())
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        font = self._font(label.region.level)
        path = QPainterPath()
        path.addText(
            _HALO_PX, _HALO_PX + QFontMetricsF(font).ascent(), font, one_line(label.region.name)
        )
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        halo = QColor(self._colours.panel)
        halo.setAlphaF(_SOFT)
        pen = QPen(halo, 2 * _HALO_PX - 1)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.strokePath(path, pen)
        painter.fillPath(path, QColor(self._colours.text))
        painter.end()
        return picture
