"""A sound file read from anywhere, all channels: for playing, drawing and rendering."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import av
import av.error
import numpy as np
import soundfile

from engine.audio.decode import ffmpeg_duration_s, open_with_ffmpeg, refuse_unreadable
from engine.errors import AudioError

Frames = np.ndarray[Any, np.dtype[np.float32]]  # (frames, channels)
_AHEAD_S = 5.0  # so far ahead, decoding on is cheaper than seeking
_BEFORE_S = 0.2  # a codec is given this much before the frame that is wanted


class _Source(Protocol):
    rate_hz: int
    channels: int
    frames: int

    def read(self, start: int, count: int) -> Frames: ...

    def close(self) -> None: ...


class Clip:
    """An open sound file; ``frames`` is its length, for some codecs an estimate.

    :raises AudioError: it cannot be opened; from :meth:`read`, that it is damaged.
    """

    def __init__(self, path: Path) -> None:
        refuse_unreadable(path)
        self.path = path
        self._source: _Source
        try:
            self._source = _Libsndfile(path)
        except (soundfile.LibsndfileError, RuntimeError):
            self._source = _Ffmpeg(path)
        self.rate_hz, self.channels = self._source.rate_hz, self._source.channels
        self.frames = self._source.frames

    def __enter__(self) -> Clip:
        """Give the open clip."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    @property
    def duration_s(self) -> float:
        """Return its length in seconds."""
        return self.frames / self.rate_hz

    def read(self, start: int, count: int) -> Frames:
        """Return up to ``count`` frames from ``start``, shape (frames, channels); fewer at the end.

        Samples that are not numbers are silent.
        """
        frames = self._source.read(max(0, start), max(0, count))
        return np.nan_to_num(frames, copy=False, nan=0.0, posinf=0.0, neginf=0.0)

    def blocks(self, start: int, stop: int, size: int) -> Iterator[Frames]:
        """Yield consecutive blocks of at most ``size`` frames from ``start`` to ``stop``."""
        while start < stop:
            block = self.read(start, min(size, stop - start))
            if not len(block):
                return
            yield block
            start += len(block)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


class _Libsndfile:
    """A file that libsndfile reads."""

    def __init__(self, path: Path) -> None:
        self._file = soundfile.SoundFile(str(path))
        self._name = path.name
        self.rate_hz, self.channels = int(self._file.samplerate), int(self._file.channels)
        self.frames = int(self._file.frames)

    def read(self, start: int, count: int) -> Frames:
        try:
            if self._file.tell() != start:
                self._file.seek(min(start, self.frames))
            frames: Frames = self._file.read(count, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError(f"{self._name} is damaged: {error}") from None
        return frames

    def close(self) -> None:
        self._file.close()


class _Ffmpeg:
    """A file that FFmpeg reads; places are counted from its first sample."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._container, self._audio = open_with_ffmpeg(path)
        self.rate_hz = int(self._audio.rate)
        self.channels = int(self._audio.codec_context.channels)
        self.frames = round(ffmpeg_duration_s(self._container, self._audio) * self.rate_hz)
        self._planar = av.AudioResampler(format="fltp")
        self._origin: int | None = None  # the place that the container gives its first sample
        self._place = 0
        self._waiting: Frames = np.zeros((0, self.channels), np.float32)
        self._decoded = self._decode()

    def read(self, start: int, count: int) -> Frames:
        if self._origin is None:
            self._fill(1)
        ahead = start - self._place
        if ahead < 0 or ahead > len(self._waiting) + _AHEAD_S * self.rate_hz:
            self._seek(start)
        while self._place + len(self._waiting) < start + count:
            drop = min(len(self._waiting), max(0, start - self._place))
            self._waiting = self._waiting[drop:]
            self._place += drop
            if not self._fill(start + count - self._place):
                break
        first = max(0, start - self._place)
        found = self._waiting[first : first + count]
        keep = min(len(self._waiting), first + count)
        self._waiting = self._waiting[keep:]
        self._place += keep
        return np.ascontiguousarray(found)

    def close(self) -> None:
        self._container.close()

    def _fill(self, count: int) -> bool:
        """Decode until ``count`` frames wait; return whether any came."""
        parts, waiting = [self._waiting], len(self._waiting)
        for _, frames in self._decoded:
            parts.append(frames)
            waiting += len(frames)
            if waiting >= count:
                break
        came = len(parts) > 1
        if came:
            self._waiting = np.concatenate(parts)
        return came

    def _seek(self, start: int) -> None:
        before = start - round(_BEFORE_S * self.rate_hz) + (self._origin or 0)
        target = round(before / self.rate_hz / float(self._audio.time_base))
        try:
            self._container.seek(target, stream=self._audio)
        except (av.error.FFmpegError, OSError) as error:
            raise AudioError(f"{self._name} cannot be read from {start}: {error}") from None
        self._decoded = self._decode()
        self._waiting = self._waiting[:0]
        for place, frames in self._decoded:
            self._place, self._waiting = place, frames
            return
        self._place = start

    def _decode(self) -> Iterator[tuple[int, Frames]]:
        """Yield (place, frames) from where the container stands."""
        try:
            for frame in self._container.decode(self._audio):
                pts = frame.pts if frame.pts is not None else 0
                place = round(
                    float(pts * (frame.time_base or self._audio.time_base)) * self.rate_hz
                )
                if self._origin is None:
                    self._origin = place
                for converted in self._planar.resample(frame):
                    yield place - self._origin, converted.to_ndarray().T.astype(np.float32)
        except (av.error.FFmpegError, ValueError) as error:
            raise AudioError(f"{self._name} is damaged: {error}") from None
