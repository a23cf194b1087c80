"""The waveform of one sound: zoom, the moment that matched, a range to loop or drag out."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QLineF, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from app.gui.kit.style.palette import Colours
from app.gui.player.waveform_picture import Picture, View

_SHORTEST_S = 0.002  # that can be seen at once
_ZOOM = 1.25


class Waveform(QWidget):
    """Shows a :class:`Picture` of a sound.

    ``sought`` gives a place to play from, ``range_changed`` a range or None, ``detail_wanted``
    asks for samples between two seconds, ``range_dragged`` says that the range leaves the window.
    """

    sought = Signal(float)
    range_changed = Signal(object)
    detail_wanted = Signal(float, float)
    view_changed = Signal()
    range_dragged = Signal()

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._drawn = Picture()
        self._duration_s = 0.0
        self._start_s = self._end_s = 0.0
        self._range: tuple[float, float] | None = None
        self._position_s = 0.0
        self._pixels: QPixmap | None = None
        self._pressed: QPoint | None = None
        self._anchor_s = 0.0
        self._dragging = ""
        self.setMinimumHeight(70)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Waveform"))

    # What is shown

    def show_sound(self, duration_s: float, match: tuple[float, float] | None) -> None:
        """Show another sound, whose peaks come later."""
        self._drawn = Picture(match=match)
        self._duration_s, self._range, self._position_s = duration_s, None, 0.0
        self._set_view(0.0, duration_s)

    def put(self, **changes: object) -> None:
        """Draw other peaks, moments, detail or spectrogram: fields of :class:`Picture`."""
        self._drawn = replace(self._drawn, **changes)  # type: ignore[arg-type]
        self._redraw()

    def set_position(self, seconds: float) -> None:
        """Move the line that shows what is heard."""
        before, self._position_s = self.view.x(self._position_s), seconds
        after = self.view.x(seconds)
        left, right = sorted((before, after))
        self.update(int(left) - 2, 0, int(right - left) + 5, self.height())

    def set_range(self, range_s: tuple[float, float] | None) -> None:
        """Show a range."""
        self._range = range_s
        self.update()

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self._redraw()

    @property
    def range_s(self) -> tuple[float, float] | None:
        """Return the chosen range."""
        return self._range

    @property
    def view(self) -> View:
        """Return what is in view."""
        return View(self._start_s, self._end_s, max(1, self.width()))

    def zoom(self, factor: float, around_s: float | None = None) -> None:
        """Show less (factor above 1) or more, around a place or what is heard."""
        start, end = self._start_s, self._end_s
        middle = self._position_s if around_s is None else around_s
        if not start <= middle <= end:
            middle = (start + end) / 2
        length = min(self._duration_s, max(_SHORTEST_S, (end - start) / factor))
        share = (middle - start) / max(1e-9, end - start)
        self._set_view(middle - share * length, middle + (1 - share) * length)

    def move_to(self, start_s: float) -> None:
        """Show what begins at a place."""
        self._set_view(start_s, start_s + self._end_s - self._start_s)

    # Events

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture, the range, and the line of what is heard."""
        painter = QPainter(self)
        view = self.view
        if self._pixels is None:
            scale = self.devicePixelRatioF()
            self._pixels = self._drawn.draw(view, self.height(), scale, self._colours)
        painter.drawPixmap(0, 0, self._pixels)
        accent = QColor(self._colours.accent)
        if self._range is not None:
            first, last = (view.x(seconds) for seconds in self._range)
            shade = QColor(accent)
            shade.setAlpha(46)
            painter.fillRect(QRectF(first, 0, last - first, self.height()), shade)
            painter.setPen(accent)
            painter.drawLines(
                [QLineF(x, 0, x, self.height()) for x in (first, last) if 0 <= x <= self.width()]
            )
        if self._duration_s:
            painter.setPen(QColor(self._colours.text))
            x = view.x(self._position_s)
            painter.drawLine(QLineF(x, 0, x, self.height()))
        if self.hasFocus():
            painter.setPen(accent)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw anew."""
        self._set_view(self._start_s, self._end_s)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to choose a range, or to drag one out."""
        if event.button() != Qt.MouseButton.LeftButton or not self._duration_s:
            return
        self._pressed = event.position().toPoint()
        seconds = self._seconds(event.position().x())
        inside = self._range is not None and self._range[0] <= seconds <= self._range[1]
        extend = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        self._dragging = "out" if inside and not extend else "range"
        edge = self._edge_at(event.position().x())
        if edge is not None and self._range is not None:
            self._dragging, self._anchor_s = "range", self._range[1 - edge]
        elif extend:
            ends = self._range or (self._position_s, self._position_s)
            near_first = abs(seconds - ends[0]) < abs(seconds - ends[1])
            self._anchor_s = ends[1] if near_first else ends[0]
            self._choose(seconds)
        else:
            self._anchor_s = seconds

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Choose a range, drag it out, or show what the pointer would do."""
        if self._pressed is None:
            near = self._edge_at(event.position().x()) is not None
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        if moved < QApplication.startDragDistance():
            return
        if self._dragging == "out":
            self._pressed = None
            self.range_dragged.emit()
        else:
            self._choose(self._seconds(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Play from where it was clicked, or keep the range that was chosen."""
        if self._pressed is None or event.button() != Qt.MouseButton.LeftButton:
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        self._pressed = None
        if moved < QApplication.startDragDistance():
            seconds = self._seconds(event.position().x())
            if self._range is not None and not self._range[0] <= seconds <= self._range[1]:
                self._range = None
                self.range_changed.emit(None)
            self.sought.emit(seconds)
        elif self._range is not None:
            self.range_changed.emit(self._range)
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer; sideways or with Shift, move along."""
        delta = event.angleDelta()
        along = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if abs(delta.x()) > abs(delta.y()) or along:
            steps = (delta.x() or delta.y()) / 120
            start, end = self._start_s, self._end_s
            move = -steps * (end - start) / 10
            self._set_view(start + move, end + move)
        elif delta.y():
            self.zoom(_ZOOM ** (delta.y() / 120), self._seconds(event.position().x()))
        event.accept()

    def _set_view(self, start: float, end: float) -> None:
        length = min(end - start, self._duration_s)
        start = min(max(0.0, start), max(0.0, self._duration_s - length))
        changed = (self._start_s, self._end_s) != (start, start + length)
        self._start_s, self._end_s = start, start + length
        if changed:
            self._drawn = replace(self._drawn, detail=None, spectrogram=None)
        self.view_changed.emit()
        self._redraw()

    def _redraw(self) -> None:
        self._pixels = None
        self.update()
        if self._drawn.detail is None and self._drawn.is_coarse(self.view):
            self.detail_wanted.emit(self._start_s, self._end_s)

    def _choose(self, seconds: float) -> None:
        first, last = sorted((self._anchor_s, seconds))
        self._range = (max(0.0, first), min(self._duration_s, last))
        self.update()

    def _edge_at(self, x: float) -> int | None:
        if self._range is None:
            return None
        for edge, seconds in enumerate(self._range):
            if abs(self.view.x(seconds) - x) <= 3:
                return edge
        return None

    def _seconds(self, x: float) -> float:
        return min(self._duration_s, max(0.0, self.view.seconds(x)))
