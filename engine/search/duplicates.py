"""Find files that hold the same sound: the same bytes, or the same recording by its waveform.

What only sounds alike is another matter, and never called the same.  Candidates come from the
library's vectors; their waveforms decide (:mod:`engine.audio.alignment`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee

from engine.arrays import Floats, Halves, Integers
from engine.audio.alignment import Excerpt, longest_s, read_excerpts, same_recording
from engine.errors import AudioError
from engine.progress import Control, Progress
from engine.store import Library, SoundRow
from engine.store.places import same_content
from engine.store.vectors import load_vectors

Kind = Literal["same file", "same sound", "alike"]
Pair = tuple[int, int]

NEAR = 0.4  # distance of mapped vectors below which sounds are called alike
_LOSSLESS = frozenset({"alac", "ape", "tta", "wavpack"})  # FFmpeg's names of codecs without a depth
_NEIGHBOURS = 16  # of equal length, whose waveforms are compared
_BLOCK, _COLUMNS = 512, 16_384
_WINDOWS = 50_000
_MOST_BYTES = 200_000_000  # of excerpts that wait to be compared again


@dataclass(frozen=True)
class Group:
    """Sounds that are equal byte by byte, of one recording, or merely alike."""

    sounds: tuple[SoundRow, ...]
    kind: Kind

    @property
    def exact(self) -> bool:
        """Return whether the files are equal byte by byte."""
        return self.kind == "same file"


@dataclass(frozen=True)
class Duplicates:
    """Groups, the surest kind first; and the paths of files that could not be compared."""

    groups: tuple[Group, ...]
    unread: tuple[str, ...] = ()


def find_duplicates(
    library: Library, rank: int, control: Control, exact_only: bool = False, alike: bool = False
) -> Duplicates:
    """Return groups of equal files, then of copies of one recording, then of what sounds alike.

    Every sound of a "same sound" group was compared with the group's centre, by waveform.  Of equal
    files only the first stands in the other groups.

    :param exact_only: compare bytes alone.
    :param alike: also group what sounds alike.
    """
    known = same_content(library)
    sounds = library.sounds()
    exact = _groups((ids for ids in known.values() if len(ids) > 1), "same file", sounds)
    if exact_only:
        return Duplicates(tuple(exact))
    first = np.array(sorted(ids[0] for ids in known.values()), np.int64)
    ids, means = _means(library, rank)
    keep = np.isin(ids, first)
    pairs, distances = _candidates(ids[keep], means[keep], sounds, control)
    waveforms = _Waveforms(sounds)
    order = _short_memory_order(pairs)
    confirmed = []
    for done, (one, other) in enumerate(pairs[order].tolist()):
        control.report(Progress("comparing waveforms", done, len(pairs)))
        if waveforms.agree(one, other):
            confirmed.append((one, other))
    same = _centred(confirmed, waveforms.agree)
    groups = exact + _groups(same, "same sound", sounds)
    if alike:
        others = {i for group in same for i in group[1:]}  # their group's centre stands for them
        near = [
            (one, other)
            for one, other in pairs[distances < NEAR].tolist()
            if not {one, other} & others
        ]
        linked = {frozenset(pair) for pair in near}
        found = _centred(near, lambda one, other: frozenset((one, other)) in linked)
        groups += _groups(found, "alike", sounds)
    return Duplicates(tuple(groups), tuple(sorted(waveforms.unread)))


def best_of(group: Group) -> SoundRow:
    """Return the copy that holds most, by what headers say; of equals the first.

    A copy that was heard wholly is better than a damaged one.  More channels count next, then a
    rate of up to 44.1 kHz, whether it is lossless, depth, a higher rate, and length.  Whether a
    copy was made from a worse one, its file does not say.
    """

    def holds(sound: SoundRow) -> tuple[float, ...]:
        lossless = sound.bits is not None or sound.format in _LOSSLESS
        rate_hz = sound.rate_hz
        depth = sound.bits or 0
        whole = sound.damage is None
        length_s = sound.duration_s
        return whole, sound.channels, min(rate_hz, 44_100), lossless, depth, rate_hz, length_s

    return max(group.sounds, key=holds)


def _groups(found: Iterable[list[int]], kind: Kind, sounds: dict[int, SoundRow]) -> list[Group]:
    rows = (sorted((sounds[i] for i in ids), key=lambda s: s.path) for ids in found)
    groups = [Group(tuple(group), kind) for group in rows]
    return sorted(groups, key=lambda group: group.sounds[0].path)


def _means(library: Library, rank: int) -> tuple[Integers, Halves]:
    """Return present sounds' ids and the means of their windows' vectors, as float16."""
    windows = load_vectors(library, rank)
    there = np.flatnonzero(windows.present)
    ids, place = np.unique(windows.sound_ids[there], return_inverse=True)
    sums = np.zeros((len(ids), rank), np.float32)
    for start in range(0, len(there), _WINDOWS):
        part = slice(start, start + _WINDOWS)
        np.add.at(sums, place[part], np.asarray(windows.vectors[there[part]]).astype(np.float32))
    counts = np.bincount(place, minlength=len(ids)).clip(1).astype(np.float32)
    return ids, (sums / counts[:, None]).astype(np.float16)


def _candidates(
    ids: Integers, means: Halves, sounds: dict[int, SoundRow], control: Control
) -> tuple[Integers, Floats]:
    """Return pairs of ids (n, 2) that may be one recording, and their distances (n,).

    Every sound is paired with its nearest neighbours among those of like length, which lie together
    once all are sorted by length.
    """
    lengths = np.array([sounds[int(i)].duration_s for i in ids])
    order = np.argsort(lengths, kind="stable")
    ids, means, lengths = ids[order], means[order], lengths[order]
    last = np.searchsorted(lengths, [longest_s(length) for length in lengths], side="right")
    found: dict[Pair, float] = {}
    for start in range(0, len(ids), _BLOCK):
        control.report(Progress("comparing", start, len(ids)))
        stop = min(len(ids), start + _BLOCK)
        lowest = int(
            np.searchsorted(last, start, side="right")
        )  # the first that reaches up to here
        near, distances = _index(means, start, stop, lowest, int(last[stop - 1]), last)
        for row, place in zip(*np.nonzero(np.isfinite(distances)), strict=True):
            one, other = sorted((start + int(row), int(near[row, place])))
            found[int(ids[one]), int(ids[other])] = float(distances[row, place])
    pairs = np.array(list(found), np.int64).reshape(-1, 2)
    return pairs, np.array(list(found.values()), np.float32)


def _index(
    means: Halves, start: int, stop: int, lowest: int, highest: int, last: Integers
) -> tuple[Integers, Floats]:
    """Return the places and distances of the nearest sounds of like length, (rows, neighbours)."""
    rows = np.arange(start, stop)[:, None]
    own = means[start:stop].astype(np.float32)
    best = np.full((len(own), _NEIGHBOURS), np.inf, np.float32)
    places = np.zeros((len(own), _NEIGHBOURS), np.int64)
    for left in range(lowest, highest, _COLUMNS):
        columns = np.arange(left, min(highest, left + _COLUMNS))[None, :]
        other = means[left : columns[0, -1] + 1].astype(np.float32)
        square = np.square(own).sum(1)[:, None] + np.square(other).sum(1) - 2 * own @ other.T
        longer, shorter = np.maximum(rows, columns), np.minimum(rows, columns)
        square[(rows == columns) | (longer >= last[shorter])] = np.inf
        square = np.concatenate([best, square.clip(0)], axis=1)
        where = np.concatenate([places, np.broadcast_to(columns, (len(own), len(other)))], axis=1)
        kept = np.argpartition(square, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS]
        best = np.take_along_axis(square, kept, axis=1)
        places = np.take_along_axis(where, kept, axis=1)
    return places, np.sqrt(best)


def _graph(pairs: Integers) -> tuple[Integers, csr_array]:
    ids, places = np.unique(pairs, return_inverse=True)
    one, other = places.reshape(-1, 2).T
    both = np.concatenate([one, other]), np.concatenate([other, one])
    return ids, csr_array(coo_array((np.ones(len(both[0])), both), (len(ids), len(ids))))


def _short_memory_order(pairs: Integers) -> Integers:
    """Return an order of pairs in which a sound's pairs follow closely upon one another."""
    if not len(pairs):
        return np.zeros(0, np.int64)
    ids, graph = _graph(pairs)
    place = np.empty(len(ids), np.int64)
    place[reverse_cuthill_mckee(graph, symmetric_mode=True)] = np.arange(len(ids))
    places = place[np.searchsorted(ids, pairs)]
    order: Integers = np.lexsort((places.min(axis=1), places.max(axis=1)))
    return order


def _centred(pairs: list[Pair], agree: Callable[[int, int], bool]) -> list[list[int]]:
    """Return groups, each with its centre first, whose sounds all agree with the centre.

    A chain of pairs is no group: what agrees with a neighbour but not with the centre forms one of
    its own.
    """
    if not pairs:
        return []
    ids, graph = _graph(np.array(pairs, np.int64))
    count, parts = connected_components(graph, directed=False)
    degrees = np.diff(graph.indptr)
    by_part = np.split(np.argsort(parts, kind="stable"), np.cumsum(np.bincount(parts))[:-1])
    linked = set(pairs) | {(other, one) for one, other in pairs}
    groups = []
    for part in by_part[:count]:
        left = [int(ids[i]) for i in sorted(part, key=lambda i: (-degrees[i], ids[i]))]
        while len(left) > 1:
            centre, rest = left[0], left[1:]
            joined = {i for i in rest if (centre, i) in linked or agree(centre, i)}
            if joined:
                groups.append([centre, *(i for i in rest if i in joined)])
            left = [i for i in rest if i not in joined]
    return groups


class _Waveforms:
    """The data that files are compared by, read on first use and cached while there is room."""

    def __init__(self, sounds: dict[int, SoundRow]) -> None:
        self._sounds = sounds
        self._kept: OrderedDict[int, tuple[Excerpt, ...]] = OrderedDict()
        self._bytes = 0
        self.unread: set[str] = set()

    def agree(self, one: int, other: int) -> bool:
        """Return whether two sounds are one recording."""
        apart_s = abs(self._sounds[one].duration_s - self._sounds[other].duration_s)
        first, second = self._excerpts(one), self._excerpts(other)
        return bool(first and second) and same_recording(first, second, apart_s)

    def _excerpts(self, sound_id: int) -> tuple[Excerpt, ...]:
        known = self._kept.get(sound_id)
        if known is not None:
            self._kept.move_to_end(sound_id)
            return known
        path = self._sounds[sound_id].path
        excerpts: tuple[Excerpt, ...] = ()
        if path not in self.unread:
            try:
                excerpts = read_excerpts(Path(path))
            except AudioError:
                self.unread.add(path)
        self._kept[sound_id] = excerpts
        self._bytes += sum(excerpt.samples.nbytes for excerpt in excerpts)
        while self._bytes > _MOST_BYTES and len(self._kept) > 2:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= sum(excerpt.samples.nbytes for excerpt in gone)
        return excerpts
