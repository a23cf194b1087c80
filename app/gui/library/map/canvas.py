"""The map on the screen: zoomed and pushed, looked at, chosen from with the mouse or the keys."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app.gui.kit.style.palette import Colours
from app.gui.library.map.cloud import Cloud
from app.gui.library.map.frames import Frames
from app.gui.library.map.hand import Hand
from app.gui.library.map.lasso import rows_within
from app.gui.library.map.names import NamePainter
from app.gui.library.map.picture import Frame, Look
from app.gui.library.map.view import MapView
from engine.arrays import Booleans, Integers

_HOVER_MS = 140  # that the pointer rests before a sound is heard
_KEY_ZOOM = 1.6
_PUSH_PX = 80
_MOST_RINGS = 500
_STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class MapCanvas(QWidget):
    """Shows a :class:`Cloud`.

    ``picture_wanted`` gives an :class:`app.gui.library.map.picture.Order`, whose picture comes
    back by :meth:`show_frame`; ``pointed`` tells the row the pointer rests on or None, ``opened``
    the row to look at, ``play_wanted`` the row to hear or to silence; ``chosen_changed`` that
    other points are chosen, ``show_wanted`` that they are wanted elsewhere.
    """

    picture_wanted = Signal(object)
    pointed = Signal(object)
    opened = Signal(int)
    play_wanted = Signal(int)
    chosen_changed = Signal()
    show_wanted = Signal()

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self.cloud = Cloud.empty()
        self.view = MapView()
        self.lasso_on = False
        self.current: int | None = None
        self.chosen: Booleans = np.zeros(0, bool)
        self._found_ids: Integers = np.zeros(0, np.int64)
        self._found: Integers = self._found_ids  # their rows
        self._look: Look | None = None
        self.frames = Frames(self.picture_wanted.emit)
        self.names = NamePainter(self, colours)
        self._hand = Hand(self)
        self._under: int | None = None
        self._rest = QTimer(self, interval=_HOVER_MS, singleShot=True)
        self._rest.timeout.connect(lambda: self.pointed.emit(self._under))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 180)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("Map of the library"))
        describe(self, "")

    # What is shown

    def show_cloud(self, cloud: Cloud, look: Look) -> None:
        """Show other points; what is in view stays, and so does what was chosen of them."""
        chosen = self.cloud.ids[self.chosen]
        current = [] if self.current is None else [self.cloud.ids[self.current]]
        self.cloud, self._under = cloud, None
        self.chosen = np.zeros(len(cloud.ids), bool)
        self.chosen[cloud.rows_of(chosen)] = True
        self._found = cloud.rows_of(self._found_ids)
        rows = cloud.rows_of(np.array(current, np.int64))
        self.current = int(rows[0]) if len(rows) else None
        self.names.show(cloud.regions)
        self.frames.forget()
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        """Paint the points otherwise; those that are chosen or were found stand out."""
        self._look = look
        chosen = self.chosen if self.chosen.any() else None
        faded = bool(len(self._found)) or chosen is not None
        self.frames.look = Look(
            look.background, look.accent, look.colours, look.kinds, chosen, faded
        )
        if len(self.cloud.ids) and self.isVisible():
            self.frames.renew(self.view, self.devicePixelRatioF())
        self.update()

    def show_frame(self, frame: Frame) -> None:
        """Show a picture that was asked for."""
        self.frames.take(frame, self.view, self.devicePixelRatioF())
        self.update()

    def highlight(self, sound_ids: Integers) -> None:
        """Let the sounds that were found stand out, the best first; none: all are alike."""
        self._found_ids = sound_ids[:_MOST_RINGS]
        self._found = self.cloud.rows_of(self._found_ids)
        self._again()

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme; the look of the points comes with :meth:`set_look`."""
        self._colours = colours
        self.names.set_colours(colours)
        self.update()

    def set_view(self, view: MapView) -> None:
        """Show another part."""
        self.view = view
        if len(self.cloud.ids) and self.isVisible():
            self.frames.follow(view, self.devicePixelRatioF())
        self.update()

    def open(self, row: int) -> None:
        """Look at a point."""
        self.current = row
        self.set_view(self.view.around(*map(float, self.cloud.xy[row])))
        self.opened.emit(row)

    def mean(self, row: int | None) -> None:
        """Mark the point that the pointer rests on, and tell it after a while."""
        if row != self._under:
            self._under = row
            self._rest.start()
            self.update()

    def zoom(self, factor: float) -> None:
        """Show less or more around what is looked at."""
        self.set_view(self.view.zoomed(factor, *_anchor(self)))

    def choose(self, rows: Integers, add: bool = False) -> None:
        """Choose points, beside those that were chosen or in their place."""
        chosen = self.chosen.copy() if add else np.zeros(len(self.cloud.ids), bool)
        chosen[rows] = True
        self.chosen = chosen
        self._again()
        self.chosen_changed.emit()

    def _again(self) -> None:
        if self._look is not None:
            self.set_look(self._look)

    # Events

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture that there is, names, what was found, and the lasso."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._colours.panel))
        if not len(self.cloud.ids):
            return
        self.frames.paint(painter, self.view, self.devicePixelRatioF())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _paint_marks(painter, self, self._found, self._under, self._colours)
        self.names.paint(painter, self.view)
        accent = QColor(self._colours.accent)
        if len(self._hand.lasso) > 1:
            shade = QColor(accent)
            shade.setAlpha(40)
            painter.setBrush(shade)
            painter.setPen(QPen(accent, 1.2))
            painter.drawPolygon(QPolygonF(self._hand.lasso))
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(accent)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to push the map, or to draw around points."""
        self._hand.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Push, draw, or look which point is meant."""
        self._hand.move(event)
        shape = Qt.CursorShape.CrossCursor if self.lasso_on else Qt.CursorShape.ArrowCursor
        self.setCursor(Qt.CursorShape.ClosedHandCursor if self._hand.pushes else shape)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Choose what was drawn around, or look at what was clicked."""
        self._hand.release(event)
        self.unsetCursor()

    def leaveEvent(self, event: QEvent) -> None:
        """Mean nothing any more."""
        self.mean(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer."""
        self._hand.turn(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from sound to sound, push, zoom, play, choose."""
        if not key_pressed(self, event):
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the same place."""
        self.set_view(self.view.resized(self.width(), self.height()))

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for a picture."""
        self._again()


def describe(canvas: MapCanvas, text: str) -> None:
    """Tell screen readers what is looked at on a map."""
    keys = canvas.tr(
        "Arrow keys go from sound to sound, plus and minus zoom, Space plays, Enter shows the "
        "chosen sounds in the results."
    )
    canvas.setAccessibleDescription(f"{text} {keys}".strip())
    event = QAccessibleEvent(canvas, QAccessible.Event.DescriptionChanged)
    QAccessible.updateAccessibility(event)


def _paint_marks(
    painter: QPainter, canvas: MapCanvas, found: Integers, under: int | None, colours: Colours
) -> None:
    """Paint what was found, and rings around what the pointer means and what is looked at."""
    view, xy = canvas.view, canvas.cloud.xy
    painter.setBrush(QColor(colours.accent))
    painter.setPen(QPen(QColor(colours.panel), 1.5))
    for x, y in np.stack(view.places(xy[found]), axis=1).tolist():
        if -9 < x < view.width + 9 and -9 < y < view.height + 9:
            painter.drawEllipse(QPointF(x, y), 4.5, 4.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for row, radius, colour in ((under, 6.5, colours.text), (canvas.current, 8.0, colours.accent)):
        if row is not None:
            at = QPointF(*view.to_screen(*map(float, xy[row])))
            for tint, width in ((colours.panel, 4.5), (colour, 2.0)):
                painter.setPen(QPen(QColor(tint), width))
                painter.drawEllipse(at, radius, radius)


def key_pressed(canvas: MapCanvas, event: QKeyEvent) -> bool:
    """Do what a key means on the map; return whether it means anything."""
    key, control = event.key(), event.modifiers() & Qt.KeyboardModifier.ControlModifier
    view, step = canvas.view, _STEPS.get(Qt.Key(key))
    if step is not None and control:
        canvas.set_view(view.moved(-step[0] * _PUSH_PX, -step[1] * _PUSH_PX))
    elif step is not None:
        _go(canvas, *step)
    elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
        canvas.zoom(_KEY_ZOOM)
    elif key == Qt.Key.Key_Minus:
        canvas.zoom(1 / _KEY_ZOOM)
    elif key in (Qt.Key.Key_0, Qt.Key.Key_Home):
        canvas.set_view(view.fitted())
    elif key == Qt.Key.Key_Space and canvas.current is not None:
        canvas.play_wanted.emit(canvas.current)
    elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        if not canvas.chosen.any() and canvas.current is not None:
            canvas.choose(np.array([canvas.current]))
        canvas.show_wanted.emit()
    elif key == Qt.Key.Key_A and control:
        whole = QPolygonF(QRectF(canvas.rect()))
        canvas.choose(rows_within(canvas.cloud, view, whole))
    elif key == Qt.Key.Key_Escape and canvas.chosen.any():
        canvas.choose(np.zeros(0, np.int64))
    else:
        return False
    return True


def _go(canvas: MapCanvas, dx: int, dy: int) -> None:
    """Look at the next sound in a direction, at first at the one in the middle."""
    cloud, view = canvas.cloud, canvas.view
    if not len(cloud.ids):
        return
    if canvas.current is None:
        rows = cloud.rows_in(view.part)
        rows = rows if len(rows) else np.arange(len(cloud.ids))
        apart = np.hypot(cloud.xy[rows, 0] - view.x, cloud.xy[rows, 1] - view.y)
        canvas.open(int(rows[apart.argmin()]))
        return
    found = cloud.beside(canvas.current, dx, dy, 12 / view.scale)
    if found is not None:
        canvas.open(found)


def _anchor(canvas: MapCanvas) -> tuple[float, float]:
    """Return what to zoom around: the sound that is looked at if it is in view."""
    if canvas.current is not None:
        x, y = canvas.view.to_screen(*map(float, canvas.cloud.xy[canvas.current]))
        if 0 <= x < canvas.width() and 0 <= y < canvas.height():
            return x, y
    return canvas.width() / 2, canvas.height() / 2
