"""Turn files into features: decode ahead in threads, embed in batches.

Threads decode and push windows into a short queue; whoever iterates embeds them, windows of
several files together.  Memory is bounded by the queue, however long the files are.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

import numpy as np

from engine.audio.decode import AudioFacts, probe, stream
from engine.audio.windows import windows
from engine.errors import AudioError
from engine.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.match_model import Listener
    from engine.store.vectors import Floats

_QUEUE = 96  # windows decoded but not yet embedded
_BATCH = 48  # windows embedded at once
_POLL_S = 0.2


@dataclass(frozen=True)
class HeardFile:
    """What was heard in a file: features (windows, 384) and each window's seconds."""

    features: Floats
    times_s: tuple[tuple[float, float], ...]
    facts: AudioFacts
    content_hash: str

    @property
    def duration_s(self) -> float:
        """How long the decoded sound is; headers may say something else."""
        return self.times_s[-1][1]


@dataclass(frozen=True)
class _Window:
    path: Path
    log_mel: Tensor
    times_s: tuple[float, float]


@dataclass(frozen=True)
class _End:
    """The end of a file: its facts and hash, or the reason why it cannot be heard."""

    path: Path
    outcome: tuple[AudioFacts, str] | AudioError


@dataclass
class _Hearing:
    """What has been embedded of a file so far."""

    features: list[Floats] = field(default_factory=list)
    times_s: list[tuple[float, float]] = field(default_factory=list)


_Item = _Window | _End | None  # None: a thread has no more files


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
    """Yield each path, as it is finished, with its features or the reason why there are none."""
    queue: Queue[_Item] = Queue(_QUEUE)
    stop = threading.Event()
    source = _Source(paths)
    workers = [
        threading.Thread(target=_decode, args=(listener, source, queue, stop), daemon=True)
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    try:
        yield from _embed(listener, queue, threads)
    finally:
        stop.set()
        for worker in workers:
            worker.join()


class _Source:
    """An iterator that several threads may share."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths, self._lock = iter(paths), threading.Lock()

    def take(self) -> Path | None:
        with self._lock:
            return next(self._paths, None)


def _decode(
    listener: Listener, source: _Source, queue: Queue[_Item], stop: threading.Event
) -> None:
    """Push the windows and the end of one file after the other."""
    while not stop.is_set() and (path := source.take()) is not None:
        try:
            facts = probe(path)
            for window in _windows_of(listener, path):
                _put(queue, window, stop)
            outcome: tuple[AudioFacts, str] | AudioError = (facts, content_hash(path))
        except AudioError as error:
            outcome = error
        except Exception as error:  # whatever a broken file does to a decoder: one skipped file
            outcome = AudioError(f"{path.name} cannot be decoded: {error}")
        _put(queue, _End(path, outcome), stop)
    _put(queue, None, stop)


def _windows_of(listener: Listener, path: Path) -> Iterator[_Window]:
    spec: ModelSpec = listener.model.spec
    rate = spec.front_end.rate_hz
    for window in windows(stream(path, rate), rate, spec.window_s, spec.hop_s):
        log_mel = listener.log_mel(window.samples)
        yield _Window(path, log_mel, (window.start_s, window.end_s))


def _put(queue: Queue[_Item], item: _Item, stop: threading.Event) -> None:
    """Wait for room in the queue, unless nobody listens any more."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=_POLL_S)
            return
        except Full:
            continue


def _embed(
    listener: Listener, queue: Queue[_Item], threads: int
) -> Iterator[tuple[Path, HeardFile | AudioError]]:
    hearing: dict[Path, _Hearing] = {}
    while threads:
        items = _take(queue)
        heard = [item for item in items if isinstance(item, _Window)]
        if heard:
            features = listener.features([window.log_mel for window in heard]).numpy()
            for window, feature in zip(heard, features, strict=True):
                part = hearing.setdefault(window.path, _Hearing())
                part.features.append(feature)
                part.times_s.append(window.times_s)
        for item in items:
            if isinstance(item, _End):
                yield item.path, _finished(item, hearing.pop(item.path, _Hearing()))
            elif item is None:
                threads -= 1


def _take(queue: Queue[_Item]) -> list[_Item]:
    """Return what waits in the queue, at least one item and at most a batch."""
    items = [queue.get()]
    while len(items) < _BATCH:
        try:
            items.append(queue.get_nowait())
        except Empty:
            break
    return items


def _finished(end: _End, hearing: _Hearing) -> HeardFile | AudioError:
    if isinstance(end.outcome, AudioError):
        return end.outcome
    if not hearing.features:
        return AudioError(f"{end.path.name} holds no samples")
    facts, digest = end.outcome
    return HeardFile(np.stack(hearing.features), tuple(hearing.times_s), facts, digest)
