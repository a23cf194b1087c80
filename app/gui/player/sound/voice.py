"""What is played, as a stream of frames: order, speed, pitch, channels and rate of the device."""

from __future__ import annotations

import numpy as np

from app.gui.player.sound.order import Order
from engine.audio.clip import Clip, Frames
from engine.audio.fades import equal_power
from engine.audio.resample import FOR_LISTENING, Resampler
from engine.audio.stretch import Stretching

_FADE_S = 0.003  # where playing begins inside a file
_AHEAD_S = 0.04  # that is stretched at once


class Voice:
    """Reads an order's frames for a device; :attr:`place` is the source frame heard next."""

    def __init__(self, clip: Clip, order: Order, rate_hz: int, channels: int) -> None:
        self._clip, self._order = clip, order
        self._channels = channels
        start, stop = order.range_s or (0.0, clip.duration_s)
        self._first = max(0, round(start * clip.rate_hz))
        self._last = max(self._first + 1, min(clip.frames, round(stop * clip.rate_hz)))
        place = round(order.start_s * clip.rate_hz)
        self._next_place = min(max(place, self._first), self._last - (0 if order.reverse else 1))
        if order.reverse and self._next_place == self._first:
            self._next_place = self._last
        self._ended = False
        self._left: Frames = np.zeros((0, channels), np.float32)  # made, but not asked for yet
        self._fade = round(_FADE_S * rate_hz) if 0 < self._next_place < clip.frames else 0
        self._faded = 0
        self._edges = _Edges(order, self._first, self._last, clip.rate_hz)
        self._begun, self._given = self._next_place, 0
        self._is_stretched = not order.is_tape
        self._convert = _converter(clip, order, rate_hz, channels)
        self.step = order.speed * clip.rate_hz / rate_hz * (-1 if order.reverse else 1)

    @property
    def place(self) -> float:
        """Return the frame of the source that the next frame of the device plays."""
        if not self._is_stretched:
            return self._next_place
        # What was read lies ahead of what is heard: count what was given, across the loop.
        place = self._begun + self._given * self.step
        if self._order.loop:
            first, length = self._first, self._last - self._first
            return first + (place - first) % length if not first <= place < self._last else place
        return min(max(place, self._first), self._last)

    def read(self, count: int) -> Frames | None:
        """Return about ``count`` frames for the device, or None after the last."""
        if self._ended and not len(self._left):
            return None
        frames = self._stretched(count) if self._is_stretched else self._converted(count)
        frames = frames * np.float32(self._order.gain)
        self._given += len(frames)
        if self._faded < self._fade and len(frames):
            ramp = (self._faded + np.arange(len(frames))) / self._fade
            frames = frames * np.clip(ramp, 0, 1).astype(np.float32)[:, None]
            self._faded += len(frames)
        return frames

    def _stretched(self, count: int) -> Frames:
        """Return ``count`` frames; what is made in larger pieces waits."""
        parts = [self._left]
        least = round(_AHEAD_S * self._clip.rate_hz * self._order.speed)
        while not self._ended and sum(map(len, parts)) < count:
            parts.append(self._converted(count, least))
        made = np.concatenate(parts)
        self._left = made[count:]
        return made[:count]

    def _converted(self, count: int, least: int = 1) -> Frames:
        """Return what about so many frames of the device are made of, as far as they are made."""
        frames = self._next(max(least, round(count * abs(self.step))))
        heard = to_channels(self._order.listening(frames), self._channels)
        return heard if self._convert is None else self._convert(heard, self._ended)

    def _next(self, count: int) -> Frames:
        """Return ``count`` source frames in playing order, across the end where it loops."""
        parts: list[Frames] = []
        while count:
            block = self._backward(count) if self._order.reverse else self._forward(count)
            parts.append(block)
            count -= len(block)
            edge = self._first if self._order.reverse else self._last
            if self._next_place != edge and len(block):
                continue
            if not self._order.loop or (not len(block) and len(parts) > 2):
                self._ended = True
                break
            self._next_place = self._last if self._order.reverse else self._first
        return np.concatenate(parts)

    def _forward(self, count: int) -> Frames:
        start = self._next_place
        block = self._clip.read(start, min(count, self._last - start))
        self._next_place += len(block)
        if not len(block):
            self._last = max(self._next_place, self._first + 1)  # shorter than its header said
        return self._edges(block, start)

    def _backward(self, count: int) -> Frames:
        start = max(self._first, self._next_place - count)
        block = self._clip.read(start, self._next_place - start)
        self._next_place = start
        return self._edges(block, start)[::-1]


def _converter(
    clip: Clip, order: Order, rate_hz: int, channels: int
) -> Resampler | Stretching | None:
    """Return what makes frames of the device of those of the source, None where they are."""
    if not order.is_tape:
        return Stretching(clip.rate_hz, channels, order.speed, order.pitch, rate_hz)
    source_hz = round(clip.rate_hz * order.speed)
    return Resampler(source_hz, rate_hz, FOR_LISTENING) if source_hz != rate_hz else None


class _Edges:
    """Fades in and out at the ends of a range, wherever reading begins."""

    def __init__(self, order: Order, first: int, last: int, rate_hz: int) -> None:
        self._first, self._last = first, last
        self._in, self._out = (round(seconds * rate_hz) for seconds in order.fades_s)

    def __call__(self, block: Frames, start: int) -> Frames:
        """Return frames of the source, of which the first lies at ``start``, with their fades."""
        inside = start >= self._first + self._in and start + len(block) <= self._last - self._out
        if inside or not len(block):
            return block
        places = np.arange(start, start + len(block), dtype=np.float64)
        gain = np.ones(len(block))
        if self._in:
            gain = np.minimum(gain, (places - self._first) / self._in)
        if self._out:
            gain = np.minimum(gain, (self._last - 1 - places) / self._out)
        faded: Frames = block * equal_power(gain).astype(np.float32)[:, None]
        return faded


def to_channels(frames: Frames, channels: int) -> Frames:
    """Return frames with so many channels; more than the device has are folded down.

    5.1 and 7.1 follow ITU-R BS.775 without the LFE; other layouts alternate left and right.
    """
    have = frames.shape[1]
    if have == channels:
        return frames
    if have < channels:
        more: Frames = np.zeros((len(frames), channels), np.float32)
        more[:, :have] = frames
        if have == 1:
            more[:, 1] = frames[:, 0]
        return more
    stereo = frames @ _fold(have)
    mixed: Frames = stereo if channels > 1 else stereo.mean(axis=1, keepdims=True)
    if channels > 2:
        return to_channels(mixed, channels)
    return mixed


def _fold(channels: int) -> Frames:
    """Return the matrix (channels, 2) that folds a layout down to stereo."""
    matrix: Frames = np.zeros((channels, 2), np.float32)
    if channels in (6, 8):
        half = np.float32(np.sqrt(0.5))
        matrix[0, 0] = matrix[1, 1] = 1.0
        matrix[2] = half
        matrix[4::2, 0] = matrix[5::2, 1] = half
        folded: Frames = matrix / matrix.sum(axis=0).max()
        return folded
    matrix[0::2, 0] = 1.0 / len(matrix[0::2])
    matrix[1::2, 1] = 1.0 / max(1, len(matrix[1::2]))
    return matrix
