"""What libsndfile and FFmpeg hear in a file, so that a changed one can be compared with the old."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
import soundfile

_BLOCK = 1 << 16  # frames


@dataclass(frozen=True)
class Heard:
    """What one reader made of a file: rate, channels, frames, and the digest of its samples.

    ``whole`` is False where it stopped at something damaged.
    """

    rate_hz: int
    channels: int
    frames: int
    digest: str
    whole: bool


@dataclass(frozen=True)
class Hearing:
    """What the two readers made of a file; None where one could not open it."""

    libsndfile: Heard | None
    ffmpeg: Heard | None

    def is_kept_by(self, other: Hearing) -> bool:
        """Return whether every reader that could read this hears the same in the other."""
        pairs = ((self.libsndfile, other.libsndfile), (self.ffmpeg, other.ffmpeg))
        return all(old is None or old == new for old, new in pairs)


def hearing_of(path: Path) -> Hearing:
    """Let both readers decode a whole file."""
    return Hearing(_by_libsndfile(path), _by_ffmpeg(path))


def _by_libsndfile(path: Path) -> Heard | None:
    digest, frames, whole = hashlib.blake2b(digest_size=20), 0, True
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate, channels = int(file.samplerate), int(file.channels)
            try:
                while len(block := file.read(_BLOCK, dtype="float64", always_2d=True)):
                    digest.update(np.ascontiguousarray(block).tobytes())
                    frames += len(block)
            except (soundfile.LibsndfileError, RuntimeError):
                whole = False
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    return Heard(rate, channels, frames, digest.hexdigest(), whole)


def _by_ffmpeg(path: Path) -> Heard | None:
    digest, frames, whole = hashlib.blake2b(digest_size=20), 0, True
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            rate = int(getattr(stream, "rate", None) or 0)
            channels = int(stream.codec_context.channels)
            try:
                for frame in container.decode(stream):
                    digest.update(frame.to_ndarray().tobytes())
                    frames += frame.samples
            except (av.error.FFmpegError, ValueError):
                whole = False
    except (av.error.FFmpegError, OSError, ValueError):
        return None
    return Heard(rate, channels, frames, digest.hexdigest(), whole)
