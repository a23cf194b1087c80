"""Read sound files: facts and samples, as mono float32 at one rate.

libsndfile (through soundfile) reads what it knows, FFmpeg (through PyAV) the rest.  Files
are opened read-only and read in blocks, so that a long recording needs little memory.
Channels are mixed down to their mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import soundfile

from engine.errors import AudioError
from engine.paths import why_no_file

Samples = np.ndarray[Any, np.dtype[np.float32]]

_BITS = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "FLOAT": 32,
    "DOUBLE": 64,
    "ULAW": 8,
    "ALAW": 8,
}
_PCM = re.compile(r"pcm_[suf](\d+)")  # FFmpeg's names of codecs say the depth, as pcm_s24le
_BLOCK_S = 10.0
_WARM_UP_S = 1.0  # the resampler's memory, when a stream begins inside a file
_HIGHEST_RATE_HZ, _MOST_CHANNELS = 384_000, 128
_LONG_S = 600.0
_FEWEST_BYTES_A_SECOND = 100.0  # even FLAC spends more on silence
EXTENSIONS = frozenset(
    {".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"}
    | {".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".m4b", ".aac", ".mp4", ".wma", ".wv"}
    | {".ape", ".webm", ".mka"}
)


@dataclass(frozen=True)
class AudioFacts:
    """What a file's header says; ``bits`` is None where the codec has no fixed depth."""

    duration_s: float
    rate_hz: int
    channels: int
    bits: int | None
    format: str


def probe(path: Path) -> AudioFacts:
    """Return the facts in the header of ``path``.

    :raises AudioError: the file is empty, unreadable or no sound.
    """
    refuse_unreadable(path)
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, RuntimeError):
        facts = _probe_with_ffmpeg(path)
    else:
        facts = AudioFacts(
            duration_s=info.frames / max(1, info.samplerate),
            rate_hz=int(info.samplerate),
            channels=int(info.channels),
            bits=_BITS.get(info.subtype),
            format=str(info.format).lower(),
        )
    _refuse_absurd(path, facts)
    return facts


def stream(path: Path, rate_hz: int, start_s: float = 0.0) -> Iterator[Samples]:
    """Yield ``path`` as consecutive blocks of mono samples at ``rate_hz``, each about 10 s.

    Channels are mixed down to their mean.  ``start_s``, whole seconds, is where to begin.

    :raises AudioError: the file cannot be decoded, or holds samples that are not numbers.
    """
    refuse_unreadable(path)
    try:
        file = soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, RuntimeError):
        blocks, source_hz = _blocks_with_ffmpeg(path)
        before_s = start_s
    else:
        source_hz = int(file.samplerate)
        before_s = min(_WARM_UP_S, start_s) if file.seekable() else start_s
        if before_s < start_s:
            file.seek(min(file.frames, round((start_s - before_s) * source_hz)))
        blocks = _blocks_with_soundfile(file)
    converted = resampled(blocks, source_hz, rate_hz)
    for block in _without_first(converted, round(before_s * rate_hz)):
        if not np.isfinite(block).all():
            raise AudioError(f"{path.name} holds samples that are not numbers (NaN or infinite)")
        yield block


def decode(path: Path, rate_hz: int) -> Samples:
    """Return all of ``path`` as mono samples at ``rate_hz``, shape (samples,).

    :raises AudioError: see :func:`stream`; also when the file holds no samples.
    """
    blocks = list(stream(path, rate_hz))
    samples: Samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not samples.size:
        raise AudioError(f"{path.name} holds no samples")
    return samples


def refuse_unreadable(path: Path) -> None:
    """Tell in a sentence why a file cannot be opened.

    :raises AudioError: it is empty, not there, no regular file, or may not be read.
    """
    try:
        if (other := why_no_file(path)) is not None:
            raise AudioError(f"{path.name} {other}, not a sound file")
        with path.open("rb") as file:
            if not file.read(1):
                raise AudioError(f"{path.name} is empty")
    except FileNotFoundError:
        raise AudioError(f"{path.name} does not exist") from None
    except PermissionError:
        raise AudioError(f"{path.name} may not be read: permission denied") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        said = getattr(error, "strerror", None) or error
        raise AudioError(f"{path.name} cannot be read: {said}") from None


def _refuse_absurd(path: Path, facts: AudioFacts) -> None:
    """Refuse what no recording is: it would cost hours or all memory, and be no sound."""
    name = path.name
    if not 0 < facts.rate_hz <= _HIGHEST_RATE_HZ:
        most = _HIGHEST_RATE_HZ // 1000
        raise AudioError(f"{name} says {facts.rate_hz} samples a second; {most} kHz is the most")
    if not 0 < facts.channels <= _MOST_CHANNELS:
        raise AudioError(f"{name} says {facts.channels} channels; 1 to {_MOST_CHANNELS} are read")
    if not (math.isfinite(facts.duration_s) and facts.duration_s >= 0):
        raise AudioError(f"{name} says no length that can be: its header is damaged")
    if facts.duration_s > _LONG_S:
        rate = path.stat().st_size / facts.duration_s
        if rate < _FEWEST_BYTES_A_SECOND:
            hours = facts.duration_s / 3600
            raise AudioError(
                f"{name} says {hours:.0f} hours in {rate:.0f} bytes a second: its header is "
                "damaged, or it holds nothing"
            )


def _without_first(blocks: Iterator[Samples], samples: int) -> Iterator[Samples]:
    for block in blocks:
        if samples < len(block):
            yield block[samples:]
        samples = max(0, samples - len(block))


def _blocks_with_soundfile(file: soundfile.SoundFile) -> Iterator[Samples]:
    with file:
        frames = max(1, int(file.samplerate * _BLOCK_S))
        while True:
            try:
                block = file.read(frames, dtype="float32", always_2d=True)
            except (soundfile.LibsndfileError, RuntimeError) as error:
                name = Path(str(file.name)).name
                raise AudioError(f"{name} is damaged: {error}") from None
            if not len(block):
                return
            yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)


def open_with_ffmpeg(path: Path) -> tuple[Any, Any]:
    """Return FFmpeg's container and first audio stream.

    :raises AudioError: it is no sound.
    """
    try:
        container = av.open(str(path), mode="r")
    except (av.error.FFmpegError, OSError, ValueError):
        raise AudioError(f"{path.name} is not a sound file, or its header is damaged") from None
    # A stream whose codec is unknown has no rate at all.
    if not container.streams.audio or not getattr(container.streams.audio[0], "rate", None):
        container.close()
        raise AudioError(f"{path.name} holds no sound")
    return container, container.streams.audio[0]


def ffmpeg_duration_s(container: Any, audio: Any) -> float:
    """Return how long a stream says it is, or else its container; 0 if neither does."""
    if audio.duration is not None:
        return float(audio.duration * audio.time_base)
    return float((container.duration or 0) / av.time_base)


def _probe_with_ffmpeg(path: Path) -> AudioFacts:
    container, audio = open_with_ffmpeg(path)
    with container:
        depth = _PCM.match(audio.codec_context.name)
        return AudioFacts(
            duration_s=ffmpeg_duration_s(container, audio),
            rate_hz=int(audio.rate),
            channels=int(audio.codec_context.channels),
            bits=int(depth[1]) if depth else None,
            format=str(audio.codec_context.name),
        )


def _blocks_with_ffmpeg(path: Path) -> tuple[Iterator[Samples], int]:
    container, audio = open_with_ffmpeg(path)
    source_hz = int(audio.rate)
    to_float = av.AudioResampler(format="fltp")

    def blocks() -> Iterator[Samples]:
        waiting: list[Samples] = []
        count = 0
        with container:
            try:
                for frame in container.decode(audio):
                    for converted in to_float.resample(frame):
                        mono = converted.to_ndarray().mean(axis=0, dtype=np.float32)
                        waiting.append(mono)
                        count += len(mono)
                    if count >= source_hz * _BLOCK_S:
                        yield np.concatenate(waiting)
                        waiting, count = [], 0
            except (av.error.FFmpegError, ValueError) as error:
                raise AudioError(f"{path.name} is damaged: {error}") from None
        if waiting:
            yield np.concatenate(waiting)

    return blocks(), source_hz


def resampled(blocks: Iterator[Samples], source_hz: int, rate_hz: int) -> Iterator[Samples]:
    """Convert the rate of a stream of mono blocks with FFmpeg's band-limited resampler."""
    if source_hz == rate_hz:
        yield from blocks
        return
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block[None], dtype=np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = source_hz
        parts = [part.to_ndarray()[0] for part in resampler.resample(frame)]
        if parts:
            yield np.concatenate(parts)
    tail = [part.to_ndarray()[0] for part in resampler.resample(None)]
    if tail:
        yield np.concatenate(tail)
