"""Which picture of the points is there, and which is to be made: one at a time."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter

from app.gui.library.map.picture import Frame, Look, Order, order_of
from app.gui.library.map.view import MapView

_NEAR = 0.05  # of the view that must be painted around it


class Frames:
    """Keeps the newest picture, and asks for the next by ``ask`` when it no longer does.

    While a picture is made, that which is there is pushed and stretched in its place.
    """

    def __init__(self, ask: Callable[[Order], None]) -> None:
        self._ask = ask
        self._frame: Frame | None = None
        self._asked = self._stale = False
        self.look: Look | None = None

    @property
    def is_there(self) -> bool:
        """Return whether there is a picture."""
        return self._frame is not None

    def forget(self) -> None:
        """Show nothing until there is another picture."""
        self._frame = None

    def renew(self, view: MapView, ratio: float) -> None:
        """Ask for a picture in the present look, now or when the one that is made has come."""
        self._stale = self._asked
        if not self._asked:
            self._order(view, ratio)

    def take(self, frame: Frame, view: MapView, ratio: float) -> None:
        """Show a picture that was asked for, and ask for the next if the view went on."""
        self._frame, self._asked = frame, False
        if self._stale:
            self._order(view, ratio)
        else:
            self.follow(view, ratio)

    def follow(self, view: MapView, ratio: float) -> None:
        """Ask for a picture if that which is there does not cover the view, or not sharply."""
        if self._asked:
            return
        frame = self._frame
        if (
            frame is None
            or not _is_sharp(frame, view, ratio)
            or not frame.order.part.holds(view.part.grown(_NEAR))
        ):
            self._order(view, ratio)

    def paint(self, painter: QPainter, view: MapView, ratio: float) -> None:
        """Paint the picture where it belongs."""
        frame = self._frame
        if frame is None:
            return
        part = frame.order.part
        left, top = view.to_screen(part.left, part.top)
        if _is_sharp(frame, view, ratio):
            # whole device pixels: a picture between two pixels would be blurred
            at = QPointF(round(left * ratio) / ratio, round(top * ratio) / ratio)
            frame.image.setDevicePixelRatio(ratio)
            painter.drawImage(at, frame.image)
            return
        right, bottom = view.to_screen(part.right, part.bottom)
        frame.image.setDevicePixelRatio(1.0)
        painter.drawImage(QRectF(left, top, right - left, bottom - top), frame.image)

    def _order(self, view: MapView, ratio: float) -> None:
        if self.look is not None:
            self._asked, self._stale = True, False
            self._ask(order_of(view.part, view.scale * ratio, self.look))


def _is_sharp(frame: Frame, view: MapView, ratio: float) -> bool:
    return abs(frame.order.scale - view.scale * ratio) < 1e-6 * frame.order.scale
