"""Hear sound files: facts and samples, as mono float32 at one rate.

Files are opened read-only (``sources.py`` says by what) and read in blocks, so that a long
recording needs little memory.  Channels are mixed down to their mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.clip import Clip
from engine.audio.damage import damage_of
from engine.audio.facts import AudioFacts, Frames
from engine.audio.resample import AS_MODELS_HEAR, Lane
from engine.errors import AudioError

Samples = np.ndarray[Any, np.dtype[np.float32]]
Tap = Callable[[Frames, int], None]  # hears all channels of each block, at the file's rate

_BLOCK_S = 10.0
_BLOCK_SAMPLES = 1 << 25  # of all channels, at most
_WARM_UP_S = 1.0  # the resampler's memory, when a stream begins inside a file
_LEAST_S = 0.1  # of a damaged file that is worth hearing
EXTENSIONS = frozenset(
    {".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"}
    | {".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".m4b", ".aac", ".mp4", ".wma", ".wv"}
    | {".ape", ".webm", ".mka"}
)


def probe(path: Path) -> AudioFacts:
    """Return the facts in the header of ``path``.

    :raises AudioError: the file is empty, unreadable or no sound.
    """
    with Clip(path) as clip:
        return clip.facts


class Stream:
    """A file as consecutive blocks of mono samples at ``rate_hz``, each about 10 s.

    ``start_s``, whole seconds, is where to begin.  After the last block ``damage`` says in a few
    words what of the file could not be heard, or None.  ``tap`` hears on the way what is decoded.

    :raises AudioError: from iterating: the file cannot be opened, or next to nothing be heard.
    """

    def __init__(
        self, path: Path, rate_hz: int, start_s: float = 0.0, tap: Tap | None = None
    ) -> None:
        self._path, self._rate_hz, self._start_s, self._tap = path, rate_hz, start_s, tap
        self.damage: str | None = None

    def __iter__(self) -> Iterator[Samples]:
        """Yield the blocks."""
        with Clip(self._path) as clip:
            # What was lost before the start belongs to the file, too.
            before_s = min(_WARM_UP_S, self._start_s) if clip.is_exact else self._start_s
            first = round((self._start_s - before_s) * clip.rate_hz)
            _ = clip.pages  # decides who reads it
            place = [first]
            blocks = resampled(_mono(clip, place, self._tap), clip.rate_hz, self._rate_hz)
            yield from _without_first(blocks, round(before_s * self._rate_hz))
            damage = damage_of(clip, place[0])
            if damage is None:
                return
            if damage.heard_s < _LEAST_S:
                raise AudioError(f"{self._path.name} is damaged: none of it could be read")
            self.damage = str(damage)


def stream(path: Path, rate_hz: int, start_s: float = 0.0, tap: Tap | None = None) -> Stream:
    """Return ``path`` as a stream; see there."""
    return Stream(path, rate_hz, start_s, tap)


def decode(path: Path, rate_hz: int) -> Samples:
    """Return all of ``path`` as mono samples at ``rate_hz``, shape (samples,).

    :raises AudioError: see :class:`Stream`; also when the file holds no samples.
    """
    blocks = list(stream(path, rate_hz))
    samples: Samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not samples.size:
        raise AudioError(f"{path.name} holds no samples")
    return samples


def _mono(clip: Clip, place: list[int], tap: Tap | None) -> Iterator[Samples]:
    """Yield mono blocks from a place on, which goes along."""
    size = max(1, min(round(clip.rate_hz * _BLOCK_S), _BLOCK_SAMPLES // clip.channels))
    while len(block := clip.read(place[0], size)):
        place[0] += len(block)
        if tap is not None:
            tap(block, clip.rate_hz)
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)


def _without_first(blocks: Iterator[Samples], samples: int) -> Iterator[Samples]:
    for block in blocks:
        if samples < len(block):
            yield block[samples:]
        samples = max(0, samples - len(block))


def resampled(blocks: Iterator[Samples], source_hz: int, rate_hz: int) -> Iterator[Samples]:
    """Convert the rate of a stream of mono blocks, as models hear them.

    A click that is shorter than its filter gives nothing by itself: silence is put behind it.
    """
    if source_hz == rate_hz:
        yield from blocks
        return
    first = next(blocks, np.zeros(0, np.float32))
    has_begun = False
    for part in _converted(itertools.chain([first], blocks), source_hz, rate_hz):
        has_begun = True
        yield part
    if not has_begun and first.size:
        longer = np.concatenate([first, np.zeros(source_hz, np.float32)])
        whole = np.concatenate(list(_converted(iter([longer]), source_hz, rate_hz)))
        yield whole[: max(1, round(first.size * rate_hz / source_hz))]


def _converted(blocks: Iterator[Samples], source_hz: int, rate_hz: int) -> Iterator[Samples]:
    lane = Lane(source_hz, rate_hz, AS_MODELS_HEAR)
    for block in filter(len, blocks):
        made = lane(block)
        if len(made):
            yield made
    tail = lane(np.zeros(0, np.float32), last=True)
    if len(tail):
        yield tail
