"""The waveform of one sound: zoom, the moment that matched, a range to loop or drag out."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QLineF, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
)
from PySide6.QtWidgets import QApplication

from app.gui.kit.style.palette import Colours
from app.gui.player.span import Span
from app.gui.player.waveform_flags import flag_at
from app.gui.player.waveform_picture import RULER, Picture
from app.gui.player.zoomed import Zoomed
from engine.metadata.markers import Marker
from engine.store.regions import Region


class Waveform(Zoomed):
    """Shows a :class:`Picture` of a sound.

    ``sought`` gives a place to play from, ``range_changed`` a range or None, ``detail_wanted``
    asks for samples between two seconds, ``range_dragged`` says that the range leaves the window.
    ``fades_changed`` says that its fades did, ``scrubbed`` gives a place that is dragged over with
    Ctrl held, ``menu_wanted`` a region and where its menu should be.
    """

    sought = Signal(float)
    range_changed = Signal(object)
    detail_wanted = Signal(float, float)
    range_dragged = Signal()
    fades_changed = Signal()
    scrubbed = Signal(float)
    menu_wanted = Signal(object, QPoint)

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._drawn = Picture()
        self._range: Span | None = None
        self._pixels: QPixmap | None = None
        self._pressed: QPoint | None = None
        self._anchor_s = 0.0
        self._dragging = ""
        self._edge = 0
        self.setMinimumHeight(70)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Waveform"))

    # What is shown

    def show_sound(self, duration_s: float, match: tuple[float, float] | None) -> None:
        """Show another sound, whose peaks come later."""
        self._drawn = Picture(match=match, coloured=self._drawn.coloured)
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
        """Show a range, without fades."""
        self._range = Span(*range_s) if range_s is not None else None
        self.update()

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self._redraw()

    @property
    def range_s(self) -> tuple[float, float] | None:
        """Return the chosen range."""
        return self._range.edges if self._range is not None else None

    @property
    def fades_s(self) -> tuple[float, float]:
        """Return how long the range fades in and out."""
        return self._range.fades_s if self._range is not None else (0.0, 0.0)

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
            self._range.draw(painter, view, self.height(), accent)
        if self._duration_s:
            painter.setPen(QColor(self._colours.text))
            x = view.x(self._position_s)
            painter.drawLine(QLineF(x, 0, x, self.height()))
        if self.hasFocus():
            painter.setPen(accent)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to choose a range, or to drag one out."""
        if event.button() != Qt.MouseButton.LeftButton or not self._duration_s:
            return
        self._pressed = event.position().toPoint()
        seconds = self._seconds(event.position().x())
        inside = self._range is not None and self._range.holds(seconds)
        extend = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        self._dragging = "out" if inside and not extend else "new"
        handle = self._handle(event.position())
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._dragging = "scrub"
            self.scrubbed.emit(seconds)
        elif handle and self._range is not None:
            self._dragging, edge = handle[0], handle[1]
            self._edge, self._anchor_s = edge, self._range.edges[1 - edge]
        elif extend:
            self._dragging = "range"
            ends = self.range_s or (self._position_s, self._position_s)
            near_first = abs(seconds - ends[0]) < abs(seconds - ends[1])
            self._anchor_s = ends[1] if near_first else ends[0]
            self._choose(seconds)
        else:
            self._anchor_s = seconds

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Choose a range, drag it out, or show what the pointer would do."""
        if self._pressed is None:
            handle = self._handle(event.position())
            shape = {"range": Qt.CursorShape.SplitHCursor, "fade": Qt.CursorShape.SizeHorCursor}
            self.setCursor(shape[handle[0]] if handle else Qt.CursorShape.ArrowCursor)
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        seconds = self._seconds(event.position().x())
        if self._dragging == "scrub":
            self.scrubbed.emit(seconds)
        elif moved < QApplication.startDragDistance():
            return
        elif self._dragging == "out":
            self._pressed = None
            self.range_dragged.emit()
        elif self._dragging == "fade" and self._range is not None:
            self._range = self._range.faded(self._edge, seconds)
            self.update()
        else:
            self._choose(seconds)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Play from where it was clicked, or keep the range or the fades that were chosen."""
        if self._pressed is None or event.button() != Qt.MouseButton.LeftButton:
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        self._pressed = None
        if self._dragging == "scrub":
            return
        if self._dragging == "fade":
            self.fades_changed.emit()
        elif moved < QApplication.startDragDistance():
            self._click(event.position())
        elif self._range is not None:
            self.range_changed.emit(self._range.edges)
        self.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of a region."""
        flag = self._flag(QPointF(event.pos()))
        if isinstance(flag, Region):
            self.menu_wanted.emit(flag, event.globalPos())

    def _moved(self, changed: bool) -> None:
        if changed:
            self._drawn = replace(self._drawn, detail=None, spectrogram=None, axis=())
        self.view_changed.emit()
        self._redraw()

    def _redraw(self) -> None:
        self._pixels = None
        self.update()
        if self._drawn.detail is None and self._drawn.is_coarse(self.view):
            self.detail_wanted.emit(self._start_s, self._end_s)

    def _choose(self, seconds: float) -> None:
        first, last = sorted((self._anchor_s, seconds))
        first, last = max(0.0, first), min(self._duration_s, last)
        kept = self._range if self._dragging == "range" else None  # its fades stay
        self._range = (kept or Span(first, last)).between(first, last)
        self.update()

    def _click(self, place: QPointF) -> None:
        """Go to what is marked there, or to the place itself."""
        flag, seconds = self._flag(place), self._seconds(place.x())
        part = None
        if isinstance(flag, Region | Marker):
            seconds = flag.start_s
            part = (seconds, flag.end_s) if flag.end_s is not None else None
        if part is not None or (self._range is not None and not self._range.holds(seconds)):
            self.set_range(part)
            self.range_changed.emit(part)
        self.sought.emit(seconds)

    def _flag(self, place: QPointF) -> Region | Marker | None:
        """Return what is marked in the lane below, where the pointer is."""
        bottom = self.height() - RULER
        if not bottom - self._drawn.flags <= place.y() < bottom:
            return None
        return flag_at(self.view, place.x(), self._drawn.regions, self._drawn.markers)

    def _handle(self, place: QPointF) -> tuple[str, int] | None:
        """Return what can be dragged there, a ``fade`` or an edge of the ``range``, and which."""
        if self._range is None:
            return None
        fade = self._range.fade_at(self.view, place.x(), place.y())
        if fade is not None:
            return "fade", fade
        edge = self._range.edge_at(self.view, place.x())
        return ("range", edge) if edge is not None else None
