"""What is played, as a stream of frames: order, speed, channels and rate of the device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from engine.audio.clip import Clip, Frames

SLOWEST, FASTEST = 0.25, 4.0
_FADE_S = 0.003  # where playing begins inside a file


@dataclass(frozen=True)
class Order:
    """What to play: a file from a place, in seconds, and how.

    ``range_s`` bounds it, as does the file; ``serial`` tells a new wish from an old one.
    """

    path: Path
    start_s: float = 0.0
    range_s: tuple[float, float] | None = None
    loop: bool = False
    reverse: bool = False
    speed: float = 1.0
    gain: float = 1.0
    serial: int = 0

    def at(self, start_s: float) -> Order:
        """Return the same from another place."""
        return replace(self, start_s=start_s)


class Voice:
    """Reads an order's frames for a device; :attr:`place` is the source frame that comes next."""

    def __init__(self, clip: Clip, order: Order, rate_hz: int, channels: int) -> None:
        self._clip, self._order = clip, order
        self._channels = channels
        start, stop = order.range_s or (0.0, clip.duration_s)
        self._first = max(0, round(start * clip.rate_hz))
        self._last = max(self._first + 1, min(clip.frames, round(stop * clip.rate_hz)))
        place = round(order.start_s * clip.rate_hz)
        self.place = min(max(place, self._first), self._last - (0 if order.reverse else 1))
        if order.reverse and self.place == self._first:
            self.place = self._last
        self._ended = False
        self._fade = round(_FADE_S * clip.rate_hz) if 0 < self.place < clip.frames else 0
        self._faded = 0
        source_hz = round(clip.rate_hz * order.speed)
        self._resampler = _Resampler(source_hz, rate_hz) if source_hz != rate_hz else None
        self.step = order.speed * clip.rate_hz / rate_hz * (-1 if order.reverse else 1)

    def read(self, count: int) -> Frames | None:
        """Return about ``count`` frames for the device, or None after the last."""
        if self._ended:
            return None
        wanted = max(1, round(count * abs(self.step)))
        frames = self._channelled(self._next(wanted)) * np.float32(self._order.gain)
        if self._faded < self._fade and len(frames):
            ramp = (self._faded + np.arange(len(frames))) / self._fade
            frames = frames * np.clip(ramp, 0, 1).astype(np.float32)[:, None]
            self._faded += len(frames)
        if self._resampler is not None:
            return self._resampler(frames, last=self._ended)
        return frames

    def _next(self, count: int) -> Frames:
        """Return ``count`` source frames in playing order, across the end where it loops."""
        parts: list[Frames] = []
        while count:
            block = self._backward(count) if self._order.reverse else self._forward(count)
            parts.append(block)
            count -= len(block)
            edge = self._first if self._order.reverse else self._last
            if self.place != edge and len(block):
                continue
            if not self._order.loop or (not len(block) and len(parts) > 2):
                self._ended = True
                break
            self.place = self._last if self._order.reverse else self._first
        return np.concatenate(parts)

    def _forward(self, count: int) -> Frames:
        block = self._clip.read(self.place, min(count, self._last - self.place))
        self.place += len(block)
        if not len(block):
            self._last = max(self.place, self._first + 1)  # shorter than its header said
        return block

    def _backward(self, count: int) -> Frames:
        start = max(self._first, self.place - count)
        block = self._clip.read(start, self.place - start)
        self.place = start
        return block[::-1]

    def _channelled(self, frames: Frames) -> Frames:
        return to_channels(frames, self._channels)


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


class _Resampler:
    """FFmpeg's band-limited resampler, a mono one for each channel, so that any layout goes."""

    def __init__(self, source_hz: int, rate_hz: int) -> None:
        self._source_hz, self._rate_hz = source_hz, rate_hz
        self._each: list[av.AudioResampler] = []

    def __call__(self, frames: Frames, last: bool) -> Frames:
        if not self._each:
            self._each = [
                av.AudioResampler(format="fltp", layout="mono", rate=self._rate_hz)
                for _ in range(frames.shape[1])
            ]
        lanes = [
            self._convert(lane, channel, last)
            for lane, channel in zip(self._each, frames.T, strict=True)
        ]
        return np.stack(lanes, axis=1)

    def _convert(self, lane: av.AudioResampler, samples: Frames, last: bool) -> Frames:
        parts = [np.zeros(0, np.float32)]
        if len(samples):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[None]), format="fltp", layout="mono"
            )
            frame.sample_rate = self._source_hz
            parts += [part.to_ndarray()[0] for part in lane.resample(frame)]
        if last:
            parts += [part.to_ndarray()[0] for part in lane.resample(None)]
        return np.concatenate(parts)
