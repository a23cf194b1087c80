"""Turn files into features: decode ahead in threads, embed in batches of like lengths."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.audio.decode import AudioFacts, probe, stream
from engine.audio.windows import windows
from engine.errors import AudioError
from engine.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.match_model import Listener

_AHEAD = 64  # files decoded but not yet embedded


@dataclass(frozen=True)
class HeardFile:
    """What was heard in a file: features (windows, 384) and each window's seconds."""

    features: Tensor
    times_s: tuple[tuple[float, float], ...]
    facts: AudioFacts
    content_hash: str

    @property
    def duration_s(self) -> float:
        """How long the decoded sound is; headers may say something else."""
        return self.times_s[-1][1]


@dataclass(frozen=True)
class _Spectra:
    log_mels: list[Tensor]
    times_s: tuple[tuple[float, float], ...]
    facts: AudioFacts
    content_hash: str


def content_hash(path: Path) -> str:
    """Return the BLAKE2b-160 of a file's bytes, which follows a file through renames.

    :raises AudioError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
    except OSError as error:
        raise AudioError(f"{path.name} cannot be read: {error.strerror or error}") from None


def listen(
    listener: Listener, paths: Iterable[Path], threads: int = 2
) -> Iterator[tuple[Path, HeardFile | AudioError]]:
    """Yield each path, in order, with its features or with the reason why there are none.

    Decoding and spectra run in threads ahead of the network; windows of several files are
    embedded together, sorted by length, so that little is padded.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    waiting: deque[tuple[Path, Future[_Spectra]]] = deque()
    source = iter(paths)
    try:
        while True:
            for path in source:
                waiting.append((path, pool.submit(_spectra, listener, path)))
                if len(waiting) >= _AHEAD:
                    break
            if not waiting:
                return
            yield from _embed(listener, [waiting.popleft() for _ in range(_take(len(waiting)))])
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _take(waiting: int) -> int:
    """Return how many files to embed at once: half of those ahead, so that decoding goes on."""
    return max(1, waiting // 2)


def _spectra(listener: Listener, path: Path) -> _Spectra:
    spec: ModelSpec = listener.model.spec
    rate = spec.front_end.rate_hz
    log_mels, times = [], []
    try:
        facts = probe(path)
        for window in windows(stream(path, rate), rate, spec.window_s, spec.hop_s):
            log_mels.append(listener.log_mel(window.samples))
            times.append((window.start_s, window.end_s))
    except AudioError:
        raise
    except Exception as error:  # whatever a broken file does to a decoder, it is one skipped file
        raise AudioError(f"{path.name} cannot be decoded: {error}") from error
    if not log_mels:
        raise AudioError(f"{path.name} holds no samples")
    return _Spectra(log_mels, tuple(times), facts, content_hash(path))


def _embed(
    listener: Listener, files: list[tuple[Path, Future[_Spectra]]]
) -> Iterator[tuple[Path, HeardFile | AudioError]]:
    heard: list[_Spectra | AudioError] = []
    for _, future in files:
        try:
            heard.append(future.result())
        except AudioError as error:
            heard.append(error)
    log_mels = [m for item in heard if isinstance(item, _Spectra) for m in item.log_mels]
    features = listener.features(log_mels)
    first = 0
    for (path, _), item in zip(files, heard, strict=True):
        if isinstance(item, AudioError):
            yield path, item
            continue
        last = first + len(item.log_mels)
        yield path, HeardFile(features[first:last], item.times_s, item.facts, item.content_hash)
        first = last
