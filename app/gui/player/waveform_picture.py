"""The picture of a waveform, without what moves over it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap, QPolygonF

from app.gui.kit.style.palette import Colours
from app.gui.kit.text import duration
from engine.audio.clip import Frames
from engine.audio.peaks import EACH, Peaks
from engine.search.explain import Moment

_RULER = 16
_STRIP = 4  # height of the strip of strengths


@dataclass(frozen=True)
class View:
    """What is in view: seconds across so many pixels."""

    start_s: float = 0.0
    end_s: float = 0.0
    width: int = 1

    def x(self, seconds: float) -> float:
        """Return where a place is."""
        return (seconds - self.start_s) / max(1e-9, self.end_s - self.start_s) * self.width

    def seconds(self, x: float) -> float:
        """Return which place is somewhere."""
        return self.start_s + x / max(1, self.width) * (self.end_s - self.start_s)


@dataclass(frozen=True)
class Picture:
    """What is drawn: peaks, or samples in ``detail`` where peaks are too coarse, or a spectrogram.

    ``match`` is the moment that was found, ``moments`` how strongly each moment fits.
    """

    peaks: Peaks | None = None
    detail: tuple[View, Frames] | None = None
    spectrogram: QImage | None = None
    match: tuple[float, float] | None = None
    moments: tuple[Moment, ...] = ()

    def is_coarse(self, view: View) -> bool:
        """Return whether less than one pair of peaks falls on a pixel."""
        if self.peaks is None:
            return False
        return (view.end_s - view.start_s) * self.peaks.rate_hz < view.width * EACH

    def draw(self, view: View, height: int, scale: float, colours: Colours) -> QPixmap:
        """Return the picture, ``scale`` device pixels to each of its pixels."""
        picture = QPixmap(math.ceil(view.width * scale), math.ceil(height * scale))
        picture.setDevicePixelRatio(scale)
        picture.fill(QColor(colours.panel))
        painter = QPainter(picture)
        if self.match is not None:
            first, last = (view.x(seconds) for seconds in self.match)
            whole = last - first > 0.98 * view.width and not self.match[0]
            if not whole:
                band = QRectF(first, 0, last - first, height - _RULER)
                painter.fillRect(band, QColor(colours.match))
        painter.setPen(QColor(colours.wave))
        if self.spectrogram is not None:
            where = QRectF(0, _STRIP, view.width, height - _RULER - _STRIP)
            painter.drawImage(where, self.spectrogram)
        elif self.detail is not None and self.is_coarse(view):
            _draw_samples(painter, view, height, *self.detail)
        elif self.peaks is not None:
            _draw_peaks(painter, view, height, self.peaks)
        for moment in self.moments:
            colour = QColor(colours.accent)
            colour.setAlphaF(min(1.0, max(0.06, moment.strength)))
            first, last = view.x(moment.start_s), view.x(moment.end_s)
            painter.fillRect(QRectF(first, 0, max(1.0, last - first), _STRIP), colour)
        painter.setPen(QColor(colours.dim))
        _draw_ruler(painter, view, height)
        painter.end()
        return picture


def _lanes(height: int, channels: int) -> list[tuple[float, float]]:
    """Return the middle and half the height of every channel's lane."""
    room = (height - _RULER - _STRIP) / max(1, channels)
    return [(_STRIP + room * (lane + 0.5), room * 0.47) for lane in range(channels)]


def _draw_peaks(painter: QPainter, view: View, height: int, peaks: Peaks) -> None:
    start, end = view.start_s * peaks.rate_hz, view.end_s * peaks.rate_hz
    low, high = peaks.columns(start, end, max(1, view.width))
    for lane, (middle, half) in enumerate(_lanes(height, low.shape[1])):
        top = (middle - high[:, lane] / 127.0 * half - 0.4).tolist()
        bottom = (middle - low[:, lane] / 127.0 * half + 0.4).tolist()
        painter.drawLines(
            [
                QLineF(x + 0.5, a, x + 0.5, b)
                for x, (a, b) in enumerate(zip(top, bottom, strict=True))
            ]
        )


def _draw_samples(
    painter: QPainter, view: View, height: int, covered: View, frames: Frames
) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    first, last = view.x(covered.start_s), view.x(covered.end_s)
    places = np.linspace(first, last, max(1, len(frames)), endpoint=False).tolist()
    for lane, (middle, half) in enumerate(_lanes(height, frames.shape[1])):
        values = (middle - np.clip(frames[:, lane], -1, 1) * half).tolist()
        line = QPolygonF([QPointF(x, y) for x, y in zip(places, values, strict=True)])
        painter.drawPolyline(line)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _draw_ruler(painter: QPainter, view: View, height: int) -> None:
    if view.end_s <= view.start_s:
        return
    step = _round_step((view.end_s - view.start_s) * 90 / max(1, view.width))
    font = painter.font()
    font.setPointSizeF(max(6.0, font.pointSizeF() * 0.8))
    painter.setFont(font)
    number = math.ceil(view.start_s / step)
    while number * step <= view.end_s:
        x = view.x(number * step)
        painter.drawLine(QLineF(x, height - _RULER, x, height - _RULER + 4))
        where = QRectF(x + 3, height - _RULER, 90, _RULER)
        painter.drawText(where, Qt.AlignmentFlag.AlignLeft, _mark(number * step, step))
        number += 1


def _round_step(least_s: float) -> float:
    """Return a step of 1, 2 or 5 times a power of ten, of minutes above 60 s."""
    for unit in (1.0, 60.0, 3600.0):
        power = 10.0 ** math.floor(math.log10(max(1e-6, least_s / unit)))
        for factor in (1, 2, 5, 10):
            step = unit * power * factor
            if step >= least_s and (unit == 3600.0 or step < 60 * unit):
                return step
    return 3600.0


def _mark(seconds: float, step: float) -> str:
    if step < 0.01:
        return f"{seconds:.3f}"
    return duration(seconds) if seconds >= 60 else f"{round(seconds, 2):g}"
