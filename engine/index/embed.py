"""Turn files into features: decode ahead in threads, embed in batches.

Threads decode and push windows into a short queue; whoever iterates embeds them, windows of
several files together.  Memory is bounded by the queue, however long the files are.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

import numpy as np

from engine.audio.decode import Samples, stream
from engine.audio.facts import Frames
from engine.audio.loudness import Loudness, LoudnessMeter
from engine.audio.windows import windows
from engine.digest import digest_of
from engine.errors import AudioError
from engine.log import logger, named
from engine.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from engine.arrays import Floats
    from engine.models.match_model import AudioEncoder

_log = logger(__name__)
_QUEUE = 96  # windows decoded but not yet embedded
_BATCH = 24  # windows embedded at once
_FILL_S = 0.5  # how long a batch may take to fill up
_NEIGHBOURS = 16  # files whose windows are embedded with one another's, where that is settled
_POLL_S = 0.2
_SILENCE = 10 ** (-70 / 20)  # the loudest sample of a window that is not worth hearing


@dataclass(frozen=True)
class EmbeddedFile:
    """What was heard in a file, or in a part of it, silence left out.

    ``features`` (windows, 384) and each window's seconds; ``heard_s`` is where the next part
    begins, or of the last part, which has the ``content_hash``, the file's true duration.  If not
    all of the file could be heard, ``damage`` says so, in the last part, which also has the
    loudness of the whole file, where that was measured.  ``mapped`` are vectors (windows, rank)
    and potentials (windows,), if whoever heard it has mapped the features, too.
    """

    features: Floats
    times_s: tuple[tuple[float, float], ...]
    content_hash: str
    heard_s: float
    damage: str | None = None
    loudness: Loudness | None = None
    mapped: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class _Ending:
    """What is known of a file once all of it was heard."""

    content_hash: str
    duration_s: float
    damage: str | None
    loudness: Loudness | None = None


@dataclass(frozen=True)
class _Window:
    path: Path
    log_mel: Tensor
    times_s: tuple[float, float]


@dataclass(frozen=True)
class _End:
    """The end of a file, or the reason why it cannot be heard."""

    path: Path
    outcome: _Ending | AudioError


@dataclass
class _Partial:
    """What has been embedded of a file so far."""

    features: list[Floats] = field(default_factory=list)
    times_s: list[tuple[float, float]] = field(default_factory=list)
    has_earlier: bool = False

    def part(
        self, content_hash: str, heard_s: float, width: int, ending: _Ending | None = None
    ) -> EmbeddedFile:
        """Return what waits, and begin the next part."""
        features = np.stack(self.features) if self.features else np.zeros((0, width), np.float32)
        known = (ending.damage, ending.loudness) if ending is not None else ()
        part = EmbeddedFile(features, tuple(self.times_s), content_hash, heard_s, *known)
        self.features, self.times_s, self.has_earlier = [], [], True
        return part


_Item = _Window | _End | None  # None: a thread has no more files


def content_hash(path: Path) -> str:
    """Return the digest of a file's bytes, by which it is followed through renames.

    :raises AudioError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return digest_of(file)
    except OSError as error:
        raise AudioError(f"{path.name} cannot be read: {error.strerror or error}") from None


def embed_files(
    audio_encoder: AudioEncoder,
    paths: Iterable[Path],
    threads: int = 2,
    starts_s: Mapping[Path, float] | None = None,
    part_windows: int | None = None,
    steady: bool = False,
    measure: bool = False,
) -> Iterator[tuple[Path, EmbeddedFile | AudioError]]:
    """Yield each path, as it is finished, with its features or the reason why there are none.

    :param paths: all are taken before any is heard.
    :param starts_s: where to begin in files that were heard in part, multiples of the hop.
    :param part_windows: yield files longer than this in parts, as they are heard.
    :param steady: embed the same windows together however fast the threads are, so that features
        are the same to the last bit.  Paths are distinct then, and their files heard whole.
    :param measure: tell how loud files are, which are heard from their beginning.
    """
    paths = list(paths)
    queue: Queue[_Item] = Queue(_QUEUE)
    stop = threading.Event()
    source = _Source(paths)
    workers = [
        threading.Thread(
            target=_decode,
            args=(audio_encoder, source, starts_s or {}, queue, stop, measure),
            daemon=True,
        )
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    try:
        if steady:
            yield from _embed_steadily(audio_encoder, queue, paths)
        else:
            yield from _embed(audio_encoder, queue, threads, starts_s or {}, part_windows)
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
    audio_encoder: AudioEncoder,
    source: _Source,
    starts_s: Mapping[Path, float],
    queue: Queue[_Item],
    stop: threading.Event,
    measure: bool,
) -> None:
    """Push the windows and the end of one file after the other."""
    while not stop.is_set() and (path := source.take()) is not None:
        try:
            cutting = _Cutting(audio_encoder, path, starts_s.get(path, 0.0), measure)
            for window in cutting.windows():
                _put(queue, window, stop)
                if stop.is_set():
                    return
            outcome: _Ending | AudioError = _Ending(
                content_hash(path), cutting.end_s, cutting.damage, cutting.loudness
            )
        except AudioError as error:
            outcome = error
        except Exception as error:  # whatever a broken file does to a decoder: one skipped file
            _log.warning("%s cannot be decoded", named(path), exc_info=error)
            outcome = AudioError(f"{path.name} cannot be decoded: {error}")
        _put(queue, _End(path, outcome), stop)
    _put(queue, None, stop)


class _Cutting:
    """The windows of a file from a moment on, and how long it turned out to be."""

    def __init__(
        self, audio_encoder: AudioEncoder, path: Path, start_s: float, measure: bool
    ) -> None:
        self._audio_encoder, self._path, self._start_s = audio_encoder, path, start_s
        self._measure = measure and not start_s
        self._meter: LoudnessMeter | None = None
        self.end_s = start_s
        self.damage: str | None = None

    @property
    def loudness(self) -> Loudness | None:
        """Return how loud all of the file was, None of what was not measured."""
        return self._meter.loudness() if self._meter is not None else None

    def windows(self) -> Iterator[_Window]:
        """Yield the windows that are not silent."""
        spec: ModelSpec = self._audio_encoder.model.spec
        rate = spec.front_end.rate_hz
        blocks = self._counted(rate)
        for window in windows(blocks, rate, spec.window_s, spec.hop_s, self._start_s):
            if np.abs(window.samples).max(initial=0.0) > _SILENCE:
                log_mel = self._audio_encoder.log_mel(window.samples)
                yield _Window(self._path, log_mel, (window.start_s, window.end_s))

    def _counted(self, rate_hz: int) -> Iterator[Samples]:
        heard = stream(self._path, rate_hz, self._start_s, self._tap if self._measure else None)
        for block in heard:
            self.end_s += len(block) / rate_hz
            yield block
        self.damage = heard.damage

    def _tap(self, frames: Frames, rate_hz: int) -> None:
        if self._meter is None:
            self._meter = LoudnessMeter(rate_hz, frames.shape[1])
        self._meter.add(frames)


def _put(queue: Queue[_Item], item: _Item, stop: threading.Event) -> None:
    """Wait for room in the queue, unless nobody listens any more."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=_POLL_S)
            return
        except Full:
            continue


def _embed(
    audio_encoder: AudioEncoder,
    queue: Queue[_Item],
    threads: int,
    starts_s: Mapping[Path, float],
    part_windows: int | None,
) -> Iterator[tuple[Path, EmbeddedFile | AudioError]]:
    partial: dict[Path, _Partial] = {}
    spec = audio_encoder.model.spec
    while threads:
        items = _take(queue)
        heard = [item for item in items if isinstance(item, _Window)]
        _embed_windows(audio_encoder, heard, partial)
        for path, part in partial.items():
            if part_windows is not None and len(part.features) >= part_windows:
                yield path, part.part("", part.times_s[-1][0] + spec.hop_s, spec.features)
        for item in items:
            if isinstance(item, _End):
                part = partial.pop(item.path, _Partial())
                part.has_earlier |= item.path in starts_s
                yield item.path, _finished(item, part, spec.features)
            elif item is None:
                threads -= 1


def _embed_steadily(
    audio_encoder: AudioEncoder, queue: Queue[_Item], paths: Sequence[Path]
) -> Iterator[tuple[Path, EmbeddedFile | AudioError]]:
    """Embed full batches of one file, and what is left over of neighbours when all of them ended.

    Only the neighbours of files that are being decoded wait, however long those are.
    """
    group = {path: place // _NEIGHBOURS for place, path in enumerate(paths)}
    open_files = Counter(group.values())
    waiting: dict[Path, list[_Window]] = {path: [] for path in paths}
    ends: dict[Path, _End] = {}
    partial: dict[Path, _Partial] = {}
    while open_files:
        item = queue.get()
        if isinstance(item, _Window):
            waiting[item.path].append(item)
            if len(waiting[item.path]) == _BATCH:
                _embed_windows(audio_encoder, waiting[item.path], partial)
                waiting[item.path] = []
        elif item is not None:
            own = group[item.path]
            ends[item.path] = item
            open_files[own] -= 1
            if open_files[own]:
                continue
            del open_files[own]
            ended = paths[own * _NEIGHBOURS : (own + 1) * _NEIGHBOURS]
            left = [window for path in ended for window in waiting.pop(path)]
            for start in range(0, len(left), _BATCH):
                _embed_windows(audio_encoder, left[start : start + _BATCH], partial)
            for path in ended:
                part = partial.pop(path, _Partial())
                yield path, _finished(ends.pop(path), part, audio_encoder.model.spec.features)


def _embed_windows(
    audio_encoder: AudioEncoder, heard: Sequence[_Window], partial: dict[Path, _Partial]
) -> None:
    """Embed windows together, each for its file."""
    if not heard:
        return
    features = audio_encoder.features([window.log_mel for window in heard]).numpy()
    for window, feature in zip(heard, features, strict=True):
        part = partial.setdefault(window.path, _Partial())
        part.features.append(feature)
        part.times_s.append(window.times_s)


def _take(queue: Queue[_Item]) -> list[_Item]:
    """Return the next items, at least one and at most a batch of windows among them.

    Kernels are prepared for each size of a batch, so that a full one is worth a short wait.
    """
    items = [queue.get()]
    until, windows = time.monotonic() + _FILL_S, int(isinstance(items[0], _Window))
    while items[-1] is not None and windows < _BATCH:
        try:
            items.append(queue.get(timeout=max(0.0, until - time.monotonic())))
        except Empty:
            break
        windows += isinstance(items[-1], _Window)
    return items


def _finished(end: _End, partial: _Partial, width: int) -> EmbeddedFile | AudioError:
    if isinstance(end.outcome, AudioError):
        return end.outcome
    ending = end.outcome
    if not partial.features and not partial.has_earlier:
        what = "only silence" if ending.duration_s else "no samples"
        return AudioError(f"{end.path.name} holds {what}")
    return partial.part(ending.content_hash, ending.duration_s, width, ending)
