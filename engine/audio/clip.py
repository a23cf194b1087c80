"""A sound file read from anywhere, all channels: for hearing, playing, drawing and rendering."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np

from engine.audio.facts import Frames
from engine.audio.ffmpeg import Ffmpeg
from engine.audio.ogg import MissingPages, missing_pages
from engine.audio.sources import AudioSource, open_source
from engine.errors import AudioError

__all__ = ["Clip", "Frames"]
_LOUDEST = 1e10  # a sample that is no accident; louder ones overflow in a spectrum
_SMALL = 64 << 20  # bytes of an Ogg file whose pages are looked at before it is played


class Clip:
    """An open sound file; ``facts`` are what its header says.

    What cannot be decoded, and samples that are not numbers or beyond all sense, are silent;
    ``lost`` counts such frames as they are read.

    :raises AudioError: it cannot be opened; from :meth:`read`, that its drive failed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._source: AudioSource = open_source(path)
        self.facts = self._source.facts
        self.rate_hz, self.channels = self.facts.rate_hz, self.facts.channels
        self.lost = 0
        self._next = 0  # the frame behind those that were read last
        self._is_settled = self.facts.format != "ogg" or path.stat().st_size > _SMALL

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
    def said(self) -> int | None:
        """Return the frames that the header says there are, where that can be trusted."""
        return self._source.said

    @property
    def tells_length(self) -> bool:
        """Return whether the header was ever finished."""
        return self._source.tells_length

    @property
    def is_exact(self) -> bool:
        """Return whether reading may begin anywhere, and nothing that is lost be overlooked."""
        return self._source.is_exact

    @cached_property
    def pages(self) -> MissingPages:
        """Return what is missing of an Ogg file, all of which is read for that.

        With a hole in it, FFmpeg reads it, which leaves what follows in its place.
        """
        if self.facts.format != "ogg":
            return MissingPages(0.0, is_cut=False)
        pages = missing_pages(self.path, self.rate_hz)
        if pages.lost_s and not isinstance(self._source, Ffmpeg):
            with suppress(AudioError):
                self._turn_to_ffmpeg()
        return pages

    @cached_property
    def frames(self) -> int:
        """Return how many frames there are; of some damaged files, an estimate."""
        self._settle()
        try:
            return self._source.frames()
        except AudioError:
            self._turn_to_ffmpeg()
            return self._source.frames()

    @property
    def duration_s(self) -> float:
        """Return its length in seconds."""
        return self.frames / self.rate_hz

    def read(self, start: int, count: int) -> Frames:
        """Return up to ``count`` frames from ``start``, shape (frames, channels); fewer at the end.

        Samples that are not numbers are silent.
        """
        start, count = max(0, start), max(0, count)
        self._settle()
        self._before(start)
        try:
            frames = self._source.read(start, count)
        except AudioError:
            self._turn_to_ffmpeg()
            frames = self._source.read(start, count)
        self._next = start + len(frames)
        if _are_sane(frames):
            return frames
        broken = ~(np.abs(frames) < _LOUDEST)  # what is no number is not below anything
        self.lost += int(broken.any(axis=1).sum())
        frames[broken] = 0.0
        return frames

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

    def _settle(self) -> None:
        """Decide who reads an Ogg file, before anything is read."""
        if not self._is_settled:
            self._is_settled = True
            _ = self.pages

    def _before(self, start: int) -> None:
        """Let FFmpeg go to a place in an Ogg file: libsndfile arrives hundreds of frames beside."""
        goes_on = start == self._next
        if self.facts.format == "ogg" and not goes_on and not isinstance(self._source, Ffmpeg):
            with suppress(AudioError):
                self._turn_to_ffmpeg()

    def _turn_to_ffmpeg(self) -> None:
        """Go on with FFmpeg, which decodes what lies behind damage.

        :raises AudioError: it cannot, or did so already, or it hears another sound.
        """
        if isinstance(self._source, Ffmpeg):
            raise AudioError(f"{self.path.name} is damaged")
        other = Ffmpeg(self.path)
        if (other.facts.rate_hz, other.facts.channels) != (self.rate_hz, self.channels):
            other.close()
            raise AudioError(f"{self.path.name} is damaged")
        self._source.close()
        self._source = other


def _are_sane(frames: Frames) -> bool:
    """Return whether all samples are numbers, and below the loudest, which energy tells fast."""
    samples = frames.reshape(-1)
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.dot(samples, samples) < _LOUDEST**2)
