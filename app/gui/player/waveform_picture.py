"""The picture of a waveform, without what moves over it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap, QPolygonF

from app.gui.kit.painting import by_tone
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import duration
from app.gui.player.overlays import draw_axis, draw_loudness
from app.gui.player.view import View
from app.gui.player.waveform_flags import FLAGS, draw_flags
from engine.audio.clip import Frames
from engine.audio.loudness_curve import LoudnessCurve
from engine.audio.peaks import EACH, Peaks
from engine.metadata.markers import Marker
from engine.search.explain import Moment
from engine.store.regions import Region

RULER = 16
_STRIP = 4  # height of the strip of strengths
_COLUMNS = 2  # a pixel, for screens that have twice as many
_DENSE = 4  # samples a column above which a line through all of them shows nothing more


@dataclass(frozen=True)
class Picture:
    """What is drawn: peaks, or samples in ``detail`` where peaks are too coarse, or a spectrogram.

    ``match`` is the moment that was found, ``moments`` how strongly each moment fits, ``regions``
    and ``markers`` what people and the file itself mark, ``axis`` places and texts beside the
    spectrogram; what is drawn is ``coloured`` by where in frequency its energy lies.
    """

    peaks: Peaks | None = None
    detail: tuple[View, Frames] | None = None
    spectrogram: QImage | None = None
    match: tuple[float, float] | None = None
    moments: tuple[Moment, ...] = ()
    axis: tuple[tuple[float, str], ...] = ()
    coloured: bool = False
    loudness: LoudnessCurve | None = None
    regions: tuple[Region, ...] = ()
    markers: tuple[Marker, ...] = ()

    @property
    def flags(self) -> int:
        """Return how high the lane of regions and markers is, 0 without any."""
        return FLAGS if self.regions or self.markers else 0

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
        above = height - self.flags
        if self.match is not None:
            first, last = (view.x(seconds) for seconds in self.match)
            whole = last - first > 0.98 * view.width and not self.match[0]
            if not whole:
                band = QRectF(first, 0, last - first, above - RULER)
                painter.fillRect(band, QColor(colours.match))
        painter.setPen(QColor(colours.wave))
        if self.spectrogram is not None:
            where = QRectF(0, _STRIP, view.width, above - RULER - _STRIP)
            painter.drawImage(where, self.spectrogram)
            draw_axis(painter, where, self.axis, colours)
        elif self.detail is not None and self.is_coarse(view):
            by = self.peaks if self.coloured else None
            _draw_samples(painter, view, above, *self.detail, by, colours)
        elif self.peaks is not None:
            _draw_peaks(painter, view, above, self.peaks, colours if self.coloured else None)
        if self.loudness is not None:
            area = QRectF(0, _STRIP, view.width, above - RULER - _STRIP)
            draw_loudness(painter, view, area, self.loudness, colours)
        for moment in self.moments:
            colour = QColor(colours.accent)
            colour.setAlphaF(min(1.0, max(0.06, moment.strength)))
            first, last = view.x(moment.start_s), view.x(moment.end_s)
            painter.fillRect(QRectF(first, 0, max(1.0, last - first), _STRIP), colour)
        if self.flags:
            draw_flags(painter, view, above - RULER, self.regions, self.markers, colours)
        painter.setPen(QColor(colours.dim))
        _draw_ruler(painter, view, height)
        painter.end()
        return picture


def _lanes(height: int, channels: int) -> list[tuple[float, float]]:
    """Return the middle and half the height of every channel's lane."""
    room = (height - RULER - _STRIP) / max(1, channels)
    return [(_STRIP + room * (lane + 0.5), room * 0.47) for lane in range(channels)]


def _draw_peaks(
    painter: QPainter, view: View, height: int, peaks: Peaks, colours: Colours | None
) -> None:
    start, end = view.start_s * peaks.rate_hz, view.end_s * peaks.rate_hz
    low, high = peaks.columns(start, end, max(1, view.width))
    pens = [(painter.pen().color(), [*range(view.width)])]
    if colours is not None:
        pens = by_tone(peaks.column_tones(start, end, view.width), colours)
    for lane, (middle, half) in enumerate(_lanes(height, low.shape[1])):
        top = (middle - high[:, lane] / 127.0 * half - 0.4).tolist()
        bottom = (middle - low[:, lane] / 127.0 * half + 0.4).tolist()
        for colour, columns in pens:
            painter.setPen(colour)
            painter.drawLines([QLineF(x + 0.5, top[x], x + 0.5, bottom[x]) for x in columns])


def _draw_samples(
    painter: QPainter,
    view: View,
    height: int,
    covered: View,
    frames: Frames,
    coloured_by: Peaks | None,
    colours: Colours,
) -> None:
    first, last = view.x(covered.start_s), view.x(covered.end_s)
    columns = max(1, round((last - first) * _COLUMNS))
    count = columns if len(frames) > _DENSE * columns else max(1, len(frames))
    places = np.linspace(first, last, count, endpoint=False)
    groups = [(painter.pen().color(), [*range(count)])]
    if coloured_by is not None:
        ends = (covered.start_s * coloured_by.rate_hz, covered.end_s * coloured_by.rate_hz)
        groups = by_tone(coloured_by.column_tones(*ends, count), colours)
    if count < len(frames):
        _draw_extremes(painter, height, frames, places.tolist(), groups)
        return
    parts = _stretches(groups, count)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for lane, (middle, half) in enumerate(_lanes(height, frames.shape[1])):
        values = middle - np.clip(frames[:, lane], -1, 1) * half
        for colour, begin, end in parts:
            painter.setPen(colour)
            some = slice(begin, end + 1)  # to where the next begins
            pairs = zip(places[some].tolist(), values[some].tolist(), strict=True)
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in pairs]))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _draw_extremes(
    painter: QPainter,
    height: int,
    frames: Frames,
    places: Sequence[float],
    groups: list[tuple[QColor, list[int]]],
) -> None:
    """Draw samples that lie close as lines from lowest to highest, one a place, without gaps.

    ``groups`` are colours, and the numbers of their places.
    """
    edges = np.arange(len(places)) * len(frames) // len(places)
    low = np.minimum.reduceat(frames, edges, axis=0)
    high = np.maximum.reduceat(frames, edges, axis=0)
    joined_low, joined_high = low.copy(), high.copy()
    joined_low[1:] = np.minimum(low[1:], high[:-1])
    joined_high[1:] = np.maximum(high[1:], low[:-1])
    for lane, (middle, half) in enumerate(_lanes(height, frames.shape[1])):
        top = (middle - np.clip(joined_high[:, lane], -1, 1) * half - 0.4).tolist()
        bottom = (middle - np.clip(joined_low[:, lane], -1, 1) * half + 0.4).tolist()
        for colour, columns in groups:
            painter.setPen(colour)
            painter.drawLines([QLineF(places[n], top[n], places[n], bottom[n]) for n in columns])


def _stretches(groups: list[tuple[QColor, list[int]]], count: int) -> list[tuple[QColor, int, int]]:
    """Return colours of columns as stretches of one colour, from and to which column."""
    own = np.zeros(count, np.int64)
    for number, (_, columns) in enumerate(groups):
        own[columns] = number
    edges = [0, *(np.flatnonzero(np.diff(own)) + 1).tolist(), count]
    return [(groups[own[a]][0], a, b) for a, b in itertools.pairwise(edges) if a < b]


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
        painter.drawLine(QLineF(x, height - RULER, x, height - RULER + 4))
        where = QRectF(x + 3, height - RULER, 90, RULER)
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
