"""The mouse on the map: push, zoom, rest on a point, click it, draw around several."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QApplication

from app.gui.library.map.cloud import Cloud
from app.gui.library.map.lasso import rows_within
from app.gui.library.map.view import MapView
from engine.arrays import Booleans, Integers

_REACH_PX = 7.0  # from the pointer to a point that it means
_ZOOM = 1.2
_APART_PX = 3
_Drag = Literal["", "push", "lasso"]


class Canvas(Protocol):
    """What a hand works on."""

    cloud: Cloud
    view: MapView
    chosen: Booleans
    lasso_on: bool

    def set_view(self, view: MapView) -> None:
        """Show another part."""

    def choose(self, rows: Integers, add: bool = False) -> None:
        """Choose points."""

    def mean(self, row: int | None) -> None:
        """Mark the point that the pointer rests on."""

    def open(self, row: int) -> None:
        """Look at a point."""

    def update(self) -> None:
        """Paint again."""


class Hand:
    """What the mouse does on a canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._drag: _Drag = ""
        self._pressed = self._last = QPointF()
        self.lasso: list[QPointF] = []

    @property
    def pushes(self) -> bool:
        """Return whether the map is being pushed."""
        return self._drag == "push" and self._last != self._pressed

    def press(self, event: QMouseEvent) -> None:
        """Begin to push the map, or to draw around points."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        self._pressed = self._last = event.position()
        self._drag = "lasso" if self._canvas.lasso_on or shift else "push"
        self.lasso = [event.position()] if self._drag == "lasso" else []

    def move(self, event: QMouseEvent) -> None:
        """Push, draw, or look which point is meant."""
        canvas, at = self._canvas, event.position()
        if self._drag == "lasso":
            if (at - self.lasso[-1]).manhattanLength() > _APART_PX:
                self.lasso.append(at)
                canvas.update()
        elif self._drag == "push":
            moved, self._last = at - self._last, at
            canvas.set_view(canvas.view.moved(moved.x(), moved.y()))
        else:
            canvas.mean(self._row_at(at))

    def release(self, event: QMouseEvent) -> None:
        """Choose what was drawn around, or look at what was clicked."""
        canvas, drag, self._drag = self._canvas, self._drag, ""
        polygon, self.lasso = QPolygonF(self.lasso), []
        if not drag or event.button() != Qt.MouseButton.LeftButton:
            return
        moved = (event.position() - self._pressed).manhattanLength()
        add = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        still = moved < QApplication.startDragDistance()
        if drag == "lasso" and polygon.size() > 2:
            canvas.choose(rows_within(canvas.cloud, canvas.view, polygon), add)
        elif still:
            self._click(event.position(), add)
        canvas.update()

    def turn(self, event: QWheelEvent) -> None:
        """Zoom around the pointer."""
        steps, at = event.angleDelta().y() / 120, event.position()
        if steps:
            self._canvas.set_view(self._canvas.view.zoomed(_ZOOM**steps, at.x(), at.y()))
            self._canvas.mean(self._row_at(at))
        event.accept()

    def _click(self, at: QPointF, add: bool) -> None:
        canvas, row = self._canvas, self._row_at(at)
        if row is None:
            if canvas.chosen.any() and not add:
                canvas.choose(np.zeros(0, np.int64))
            return
        if add:
            canvas.choose(np.array([row]), True)
        canvas.open(row)

    def _row_at(self, at: QPointF) -> int | None:
        x, y = self._canvas.view.to_map(at.x(), at.y())
        return self._canvas.cloud.nearest(x, y, _REACH_PX / self._canvas.view.scale)
