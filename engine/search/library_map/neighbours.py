"""Sounds as short vectors, and the nearest of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.arrays import Floats, Integers
from engine.progress import Control, Progress
from engine.store.vectors import WindowVectors

NEIGHBOURS = 15  # that a sound is drawn to
_DIMENSIONS = 64  # that are left of mapped vectors: neighbours hardly change (docs/decisions/0025)
_EXACT_PAIRS = 4e9  # that are compared one by one, at most
_PROBES = 16  # lists of an inverted file that are looked into, of 2 √n
_TRAINED_ON = 40  # vectors a list
_BLOCK = 20_000  # windows that are read at once
_ASKED = 10_000  # vectors whose nearest are looked for at once
_SAMPLE = 50_000
_MARKS = 2  # numbers by which a sound is known again


@dataclass(frozen=True)
class SoundVectors:
    """Sounds by ascending id, the mean vector (n, d) of each in few dimensions, by importance.

    ``marks`` (n, 2) tell whether a sound is still what it was, whatever the others are.
    """

    ids: Integers
    vectors: Floats
    marks: Floats


def sound_vectors(windows: WindowVectors, control: Control) -> SoundVectors:
    """Return the mean vectors of all sounds that have a window, in their principal components.

    :raises Cancelled: the user asked to stop.
    """
    order = np.argsort(windows.sound_ids, kind="stable")
    ids, first, counts = np.unique(windows.sound_ids[order], return_index=True, return_counts=True)
    rank = windows.vectors.shape[1]
    if not len(ids):
        return SoundVectors(ids, np.zeros((0, 2), np.float32), np.zeros((0, _MARKS), np.float32))
    middle, axes = _principal(windows, rank)
    known_by = _directions(rank)
    short = np.zeros((len(ids), axes.shape[1]), np.float32)
    marks = np.zeros((len(ids), _MARKS), np.float32)
    for start, stop in _whole_sounds(first, counts):
        rows = order[first[start] : first[stop - 1] + counts[stop - 1]]
        read = np.asarray(windows.vectors[rows]).astype(np.float32)
        sums = np.add.reduceat(read, first[start:stop] - first[start], axis=0)
        means = sums / counts[start:stop, None]
        short[start:stop] = (means - middle) @ axes
        marks[start:stop] = means @ known_by
        control.report(Progress("reading", stop, len(ids)))
    windows.release()
    return SoundVectors(ids, short, marks)


def nearest(
    among: Floats, asked: Floats, count: int, control: Control, stage: str = "comparing"
) -> tuple[Integers, Floats]:
    """Return which of ``among`` (m, d) are nearest to each of ``asked`` (n, d), nearest first.

    Shapes (n, count) both: places, and squared distances.  Of very many pairs the nearest are
    looked for where most of them are; a few are missed.

    :raises Cancelled: the user asked to stop.
    """
    index = _index_of(among, len(asked))
    places = np.zeros((len(asked), count), np.int64)
    squares = np.zeros((len(asked), count), np.float32)
    for start in range(0, len(asked), _ASKED):
        part = slice(start, start + _ASKED)
        squares[part], places[part] = index.search(asked[part], count)
        control.report(Progress(stage, min(len(asked), start + _ASKED), len(asked)))
    missing = places < 0  # fewer vectors than asked for in the lists that were looked into
    if missing.any():
        places = np.where(missing, places[:, :1].clip(0), places)
        squares = np.where(missing, squares[:, :1], squares)
    return places, squares


def neighbours_of(vectors: Floats, count: int, control: Control) -> Integers:
    """Return the ``count`` nearest others (n, count) of each of ``vectors`` (n, d).

    :raises Cancelled: the user asked to stop.
    """
    places, _ = nearest(vectors, vectors, count + 1, control)
    own = places == np.arange(len(vectors))[:, None]
    own[~own.any(1), -1] = True  # twins hide it: leave the farthest out
    own &= np.cumsum(own, axis=1) == 1
    others: Integers = places[~own].reshape(len(vectors), count)
    return others


def _index_of(vectors: Floats, asked: int) -> Any:
    import faiss

    n, width = vectors.shape
    if n * asked <= _EXACT_PAIRS:
        index: Any = faiss.IndexFlatL2(width)
    else:
        lists = int(2 * n**0.5)
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, lists)
        index.nprobe = _PROBES
        step = max(1, n // (lists * _TRAINED_ON))
        index.train(np.ascontiguousarray(vectors[::step]))
    index.add(np.ascontiguousarray(vectors))
    return index


def _principal(windows: WindowVectors, rank: int) -> tuple[Floats, Floats]:
    """Return the mean (rank,) of windows, and their principal axes (rank, d), widest first."""
    step = max(1, len(windows.vectors) // _SAMPLE)
    sample = np.asarray(windows.vectors[::step]).astype(np.float32)
    middle: Floats = sample.mean(0)
    centred = sample - middle
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, : min(rank, _DIMENSIONS)]
    # an axis has two directions: the same sounds must give the same one
    axes = axes * np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1, 1)
    return middle, np.ascontiguousarray(axes, np.float32)


def _directions(rank: int) -> Floats:
    """Return directions (rank, 2) that never change."""
    random = np.random.default_rng(rank)
    return random.standard_normal((rank, _MARKS)).astype(np.float32)


def _whole_sounds(first: Integers, counts: Integers) -> list[tuple[int, int]]:
    """Return stretches of sounds with about :data:`_BLOCK` windows each."""
    parts, start = [], 0
    while start < len(first):
        stop = int(np.searchsorted(first, first[start] + _BLOCK))
        stop = max(start + 1, stop)
        parts.append((start, stop))
        start = stop
    return parts
