"""A sound file that FFmpeg reads, however damaged: what cannot be decoded is left out.

A packet that cannot be decoded leaves a hole, so that what follows stays in its place; frames
of a hole are NaN.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from engine.audio.facts import AudioFacts, Frames, is_thin
from engine.audio.mpeg import read_length_tag
from engine.errors import AudioError

_PCM = re.compile(r"pcm_[suf](\d+)")  # FFmpeg's names of codecs say the depth, as pcm_s24le
_AHEAD_S = 5.0  # so far ahead, decoding on is cheaper than seeking
_BEFORE_S = 1.5  # a codec is given this much before the frame that is wanted
_HOLE_S = 60.0  # the longest hole in a file of unknown length
_SLACK_S = 0.02  # by which times may be wrong where nothing is
_END_S = 0.3  # before the end there must be a packet
_MOST_FAILURES = 64  # in a row, of a container to give its next packet
_MOST_SHAPES = 8  # of frames that are not what the header says
_CHUNK = 1 << 16  # frames of a hole at once
_CONTAINERS = {"mp3": "mp3", "ogg": "ogg", "wav": "wav"}  # which users know, not the codec
_ESTIMATES = ("aac", "matroska,webm", "mp3")  # containers that may only guess their length


class Ffmpeg:
    """A file that FFmpeg reads; places are counted from its first sample.

    :raises AudioError: it does not.
    """

    is_exact = False  # what lies before a place must be decoded, to know what is lost
    tells_length = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container, self._audio = _open(path)
        self._rate_hz = int(self._audio.rate)
        self._channels = int(self._audio.codec_context.channels)
        self._kind = str(self._container.format.name)
        told_s = _told_duration_s(self._container, self._audio)
        self._end_tag = read_length_tag(path) if self._kind == "mp3" else None
        is_told = told_s > 0 and (self._kind not in _ESTIMATES or self._end_tag is not None)
        self.said = round(told_s * self._rate_hz) if is_told else None
        if not told_s or (self._kind == "flac" and is_thin(told_s, path.stat().st_size)):
            self.said = None
            told_s = self._counted() / max(1, self._rate_hz)
        self.facts = AudioFacts(
            duration_s=told_s,
            rate_hz=self._rate_hz,
            channels=self._channels,
            bits=_bits(self._audio),
            format=_CONTAINERS.get(self._kind, str(self._audio.codec_context.name)),
        )
        self._waiting: Frames
        self._origin: int | None  # the place that the container gives its first sample
        self._failed: bool  # something was left out since the last frame
        self._begin()

    def frames(self) -> int:
        """Return how many frames there are, counted where the header does not tell."""
        if self.said is not None and self._has_end():
            return self.said
        return self._counted()

    def read(self, start: int, count: int) -> Frames:
        """Return up to ``count`` frames from ``start``; fewer at the end.

        :raises AudioError: the drive failed.
        """
        if self._origin is None:
            self._fill(1)
        ahead = start - self._place
        if ahead < 0 or ahead > len(self._waiting) + _AHEAD_S * self._rate_hz:
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
        """Close the file."""
        self._container.close()

    def _begin(self) -> None:
        """Stand at the beginning, with nothing decoded."""
        self._converters: dict[tuple[int, int], Any] = {}
        self._origin = None
        self._place = 0
        self._failed = False
        self._waiting = np.zeros((0, self._channels), np.float32)
        self._decoded = self._without_holes(0)

    def _fill(self, count: int) -> bool:
        """Decode until ``count`` frames wait; return whether any came."""
        parts, waiting = [self._waiting], len(self._waiting)
        for frames in self._decoded:
            parts.append(frames)
            waiting += len(frames)
            if waiting >= count:
                break
        came = len(parts) > 1
        if came:
            self._waiting = np.concatenate(parts)
        return came

    def _seek(self, start: int) -> None:
        """Stand shortly before ``start``, or where a container cannot do that, at the beginning."""
        before = max(0, start - round(_BEFORE_S * self._rate_hz))
        target = (before + (self._origin or 0)) / self._rate_hz / float(self._audio.time_base)
        try:
            self._container.seek(round(target), stream=self._audio)
        except (av.error.FFmpegError, OSError):
            self._container.close()
            self._container, self._audio = _open(self._path)
            self._begin()
            self._fill(1)
            return
        self._waiting = self._waiting[:0]
        self._place = start  # if nothing comes
        self._failed = False
        decoded = self._frames()
        for place, frames in decoded:
            self._place = min(place, start) if place is not None else start
            self._decoded = self._without_holes(self._place, (place, frames), decoded)
            return
        self._decoded = iter(())

    def _without_holes(
        self,
        expected: int,
        first: tuple[int | None, Frames] | None = None,
        decoded: Iterator[tuple[int | None, Frames]] | None = None,
    ) -> Iterator[Frames]:
        """Yield consecutive frames from the place ``expected``, those of holes as NaN."""
        is_late = first is not None  # after a seek, the first frame may be behind the place
        for place, frames in _chain(first, decoded or self._frames()):
            hole = place - expected if place is not None else 0
            may_be = self._failed or is_late or self._kind in ("flac", "ogg")
            if may_be and self._is_hole(hole, expected):
                for begin in range(0, hole, _CHUNK):
                    length = min(_CHUNK, hole - begin)
                    yield np.full((length, self._channels), np.nan, np.float32)
                expected += hole
            self._failed = is_late = False
            yield frames
            expected += len(frames)

    def _is_hole(self, length: int, place: int) -> bool:
        if self.said is None:
            return _SLACK_S * self._rate_hz < length < _HOLE_S * self._rate_hz
        return length > _SLACK_S * self._rate_hz and place + length <= self.said + self._rate_hz

    def _frames(self) -> Iterator[tuple[int | None, Frames]]:
        """Yield (place, frames) from where the container stands, as far as they can be decoded."""
        for packet in self._packets():
            try:
                decoded = packet.decode()
            except (av.error.FFmpegError, ValueError):
                self._failed = True
                continue
            told = self._told_place(packet)
            for frame in decoded:
                place = told if told is not None else self._place_of(frame)
                told = None
                if self._origin is None:
                    self._origin = self._first_place(place or 0)
                if place is not None:
                    place -= self._origin
                for converted in self._converted(frame):
                    yield place, converted
                    place = None

    def _packets(self) -> Iterator[Any]:
        """Yield packets, also behind damage."""
        failures = 0
        while failures < _MOST_FAILURES:
            try:
                for packet in self._container.demux(self._audio):
                    failures = 0
                    yield packet
                return
            except (av.error.FFmpegError, ValueError, OSError) as error:
                if isinstance(error, OSError) and error.errno == errno.EIO:
                    name = self._path.name
                    raise AudioError(f"{name} cannot be read: {error.strerror}") from None
                self._failed = True
                failures += 1

    def _first_place(self, place: int) -> int:
        """Return the place of the first sample, of which ``place`` is the first decoded one."""
        if not self._failed or self._audio.start_time is None:
            return place
        return min(
            place, round(float(self._audio.start_time * self._audio.time_base) * self._rate_hz)
        )

    def _place_of(self, frame: Any) -> int | None:
        if frame.pts is None:
            return None
        time_base = frame.time_base or self._audio.time_base
        return round(float(frame.pts * time_base) * self._rate_hz)

    def _told_place(self, packet: Any) -> int | None:
        """Return where a FLAC packet says it belongs, which FFmpeg does not ask."""
        if self._kind != "flac":
            return None
        streaminfo = self._audio.codec_context.extradata or b""
        return flac_place(bytes(packet)[:16], int.from_bytes(streaminfo[2:4], "big"))

    def _converted(self, frame: Any) -> Iterator[Frames]:
        """Yield a frame as floats, in the rate and channels that the header says."""
        shape = (int(frame.sample_rate), int(frame.layout.nb_channels))
        own = (self._rate_hz, self._channels)
        known = self._converters
        if shape != own and (own in known or self._kind == "mp3" or len(known) >= _MOST_SHAPES):
            self._failed = True  # something that only looks like a frame
            return
        if shape not in known:  # in one plane: PyAV cannot tell how many there are above eight
            layout = self._audio.codec_context.layout
            known[shape] = av.AudioResampler(format="flt", layout=layout, rate=self._rate_hz)
        try:
            parts = known[shape].resample(frame)
        except (av.error.FFmpegError, ValueError):
            self._failed = True
            return
        for part in parts:
            samples: Frames = part.to_ndarray().reshape(-1, self._channels)
            yield samples

    def _has_end(self) -> bool:
        """Return whether a file holds something where its header says that it ends."""
        if self._end_tag is not None:
            return self._end_tag.is_whole
        end_s = self.facts.duration_s
        container, audio = _open(self._path)
        with container:
            first_s = float((audio.start_time or 0) * audio.time_base)
            target = round((first_s + max(0.0, end_s - 2 * _END_S)) / float(audio.time_base))
            try:
                container.seek(target, stream=audio)
                for packet in container.demux(audio):
                    if packet.pts is None or not packet.size:
                        continue
                    last = packet.pts + (packet.duration or 0)
                    if float(last * audio.time_base) - first_s > end_s - _END_S:
                        return True
            except (av.error.FFmpegError, ValueError, OSError):
                return False
        return False

    def _counted(self) -> int:
        """Return how many frames the packets hold; stop where they get absurdly thin."""
        container, audio = _open(self._path)
        last, size = 0, self._path.stat().st_size
        with container, closing(self._ends(container, audio)) as ends:
            for end, position in ends:
                last = max(last, end)
                if position and is_thin(last / self._rate_hz, position):
                    return last * size // position
        return last

    def _ends(self, container: Any, audio: Any) -> Generator[tuple[int, int]]:
        """Yield where every packet ends, in frames and in bytes."""
        size = int.from_bytes((audio.codec_context.extradata or b"")[2:4], "big")
        first = None
        try:
            for packet in container.demux(audio):
                if packet.pts is None:
                    continue
                if first is None:
                    first = packet.pts if audio.start_time is None else audio.start_time
                place = round(float((packet.pts - first) * audio.time_base) * self._rate_hz)
                if self._kind == "flac":
                    told = flac_place(bytes(packet)[:16], size)
                    place = told if told is not None and told < place + self._rate_hz else place
                length = float((packet.duration or 0) * audio.time_base) * self._rate_hz
                yield place + round(length), packet.pos or 0
        except (av.error.FFmpegError, ValueError, OSError):
            return


def flac_place(packet: bytes, block_size: int) -> int | None:
    """Return the place of a FLAC frame's first sample, or None if it tells none (RFC 9639, 9.1)."""
    if len(packet) < 12 or packet[0] != 0xFF or packet[1] not in (0xF8, 0xF9):
        return None
    first = packet[4]
    more = 0 if first < 0x80 else 8 - (first ^ 0xFF).bit_length() - 1
    number = first if not more else first & (0x3F >> more)
    for byte in packet[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    return number * (block_size if packet[1] == 0xF8 else 1)


def _chain(
    first: tuple[int | None, Frames] | None, rest: Iterator[tuple[int | None, Frames]]
) -> Iterator[tuple[int | None, Frames]]:
    if first is not None:
        yield first
    yield from rest


def _open(path: Path) -> tuple[Any, Any]:
    """Return FFmpeg's container and first audio stream.

    :raises AudioError: it is no sound.
    """
    try:
        # Tags in an older encoding would end it: PyAV reads them as UTF-8.
        container = av.open(str(path), mode="r", metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError):
        raise AudioError(f"{path.name} is not a sound file, or its header is damaged") from None
    # A stream whose codec is unknown has no rate at all.
    if not container.streams.audio or not getattr(container.streams.audio[0], "rate", None):
        container.close()
        raise AudioError(f"{path.name} holds no sound")
    audio = container.streams.audio[0]
    if audio.codec_context.name == "flac":  # a frame whose checksum is wrong would be noise
        audio.codec_context.options = {"err_detect": "crccheck+explode"}
    return container, audio


def _bits(audio: Any) -> int | None:
    """Return the depth of a stream's samples, if its codec has one."""
    context = audio.codec_context
    if context.name == "flac" and len(context.extradata or b"") >= 14:
        return int((context.extradata[12] & 1) << 4 | context.extradata[13] >> 4) + 1
    depth = _PCM.match(context.name)
    return int(depth[1]) if depth else None


def _told_duration_s(container: Any, audio: Any) -> float:
    """Return how long a stream says it is, or else its container; 0 if neither does."""
    if audio.duration is not None:
        return float(audio.duration * audio.time_base)
    return float((container.duration or 0) / av.time_base)
