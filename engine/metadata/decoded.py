"""What libsndfile and FFmpeg hear in a file, so that a changed one can be compared with the old."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import soundfile

from engine.audio.mpeg import is_mpeg_or_tagged
from engine.audio.sizes import sizes_of

_BLOCK = 1 << 16  # frames


@dataclass(frozen=True)
class Decoded:
    """What one reader made of a file: rate, channels, frames, and the digest of its samples.

    ``whole`` is False where it stopped at something damaged.
    """

    rate_hz: int
    channels: int
    frames: int
    digest: str
    whole: bool


@dataclass(frozen=True)
class Decodings:
    """What the two readers made of a file; None where one could not open it."""

    libsndfile: Decoded | None
    ffmpeg: Decoded | None

    def is_kept_by(self, other: Decodings) -> bool:
        """Return whether every reader that could read this hears the same in the other."""
        pairs = ((self.libsndfile, other.libsndfile), (self.ffmpeg, other.ffmpeg))
        return all(old is None or old == new for old, new in pairs)


def decodings_of(path: Path) -> Decodings:
    """Let both readers decode a whole file."""
    return Decodings(_by_libsndfile(path), _by_ffmpeg(path))


def _by_libsndfile(path: Path) -> Decoded | None:
    digest, frames, whole = hashlib.blake2b(digest_size=20), 0, True
    try:
        with _quiet(path), soundfile.SoundFile(str(path)) as file:
            rate, channels = int(file.samplerate), int(file.channels)
            try:
                while len(block := file.read(_BLOCK, dtype="float64", always_2d=True)):
                    digest.update(np.ascontiguousarray(block).tobytes())
                    frames += len(block)
            except (soundfile.LibsndfileError, RuntimeError):
                whole = False
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    return Decoded(rate, channels, frames, digest.hexdigest(), whole)


class _Packer:
    """Takes frames in one plane, since PyAV cannot tell how many there are above eight."""

    def __init__(self) -> None:
        self._known: dict[str, av.AudioResampler] = {}

    def pack(self, frame: Any) -> bytes:
        """Return a frame's shape, which damaged ones have of their own, and its samples."""
        shape = f"{frame.format.name} {frame.layout.nb_channels} {frame.sample_rate}"
        if shape not in self._known:
            self._known[shape] = av.AudioResampler(format=frame.format.packed.name)
        parts = self._known[shape].resample(frame)
        return b"".join([shape.encode(), *(part.to_ndarray().tobytes() for part in parts)])


@contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """Keep libmpg123's own words about damaged files away from the terminal.

    They go to descriptor 2 of the process, past Python.  Files are written one after the other, by
    one thread; whatever another one writes there meanwhile is lost.
    """
    with path.open("rb") as file:
        head = file.read(4)
    sizes = sizes_of(path)
    named = path.suffix.lower() == ".mp3"  # zeros or remains of a tag may stand before the audio
    if not (named or is_mpeg_or_tagged(head) or (sizes is not None and sizes.is_mpeg)):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _by_ffmpeg(path: Path) -> Decoded | None:
    digest, frames, whole = hashlib.blake2b(digest_size=20), 0, True
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.audio:
                return None
            stream: Any = container.streams.audio[0]
            if stream.codec_context is None:  # no decoder knows it
                return None
            rate = int(getattr(stream, "rate", None) or 0)
            channels, packer = int(stream.codec_context.channels), _Packer()
            try:
                for frame in container.decode(stream):
                    digest.update(packer.pack(frame))
                    frames += frame.samples
            except (av.error.FFmpegError, ValueError):
                whole = False
    except (av.error.FFmpegError, OSError, ValueError):
        return None
    return Decoded(rate, channels, frames, digest.hexdigest(), whole)
