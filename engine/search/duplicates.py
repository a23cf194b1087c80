"""Find files that hold the same sound: by content, and by what they sound like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.progress import Control, Progress
from engine.store import Library, SoundRow
from engine.store.places import same_content
from engine.store.vectors import Floats, load_vectors

NEAR = 0.4  # distance of mapped vectors: recodings stay below, other sounds begin at 0.6
_SAME_LENGTH = 0.02  # share by which durations may differ
_BLOCK = 512


@dataclass(frozen=True)
class Group:
    """Sounds that are the same; ``exact``: byte for byte."""

    sounds: tuple[SoundRow, ...]
    exact: bool


def find_duplicates(
    library: Library, rank: int, control: Control, exact_only: bool = False
) -> list[Group]:
    """Return groups of equal files, then groups that sound alike and last equally long.

    Two sounds are near-duplicates when the means of their windows' mapped vectors are closer
    than :data:`NEAR` and their durations differ by less than a fiftieth.
    """
    known = same_content(library)
    sounds = library.sounds()
    exact = [
        Group(tuple(sorted((sounds[i] for i in ids), key=lambda s: s.path)), True)
        for ids in known.values()
        if len(ids) > 1
    ]
    if exact_only:
        return sorted(exact, key=_path)
    first = {ids[0] for ids in known.values()}  # one of each content
    ids, means = _means(library, rank)
    keep = np.isin(ids, list(first))
    pairs = _near_pairs(ids[keep], means[keep], sounds, control)
    similar = [
        Group(tuple(sorted((sounds[i] for i in group), key=lambda s: s.path)), False)
        for group in _joined(pairs)
    ]
    return sorted(exact, key=_path) + sorted(similar, key=_path)


def _path(group: Group) -> str:
    return group.sounds[0].path


def _means(library: Library, rank: int) -> tuple[np.ndarray, Floats]:
    """Return present sounds' ids and the means of their windows' vectors."""
    windows = load_vectors(library, rank)
    there = np.flatnonzero(windows.present)
    ids, place = np.unique(windows.sound_ids[there], return_inverse=True)
    sums = np.zeros((len(ids), rank), np.float32)
    for start in range(0, len(there), 50_000):
        part = slice(start, start + 50_000)
        np.add.at(sums, place[part], np.asarray(windows.vectors[there[part]]).astype(np.float32))
    return ids, sums / np.bincount(place, minlength=len(ids)).clip(1)[:, None]


def _near_pairs(
    ids: np.ndarray,
    means: Floats,
    sounds: dict[int, SoundRow],
    control: Control,
) -> Iterator[tuple[int, int]]:
    """Yield pairs of ids, comparing only sounds of like length: sorted, those lie together."""
    lengths = np.array([sounds[int(i)].duration_s for i in ids])
    order = np.argsort(lengths, kind="stable")
    ids, means, lengths = ids[order], means[order], lengths[order]
    squares = np.einsum("ij,ij->i", means, means)
    for start in range(0, len(ids), _BLOCK):
        control.report(Progress("comparing", start, len(ids)))
        part = slice(start, start + _BLOCK)
        longest = lengths[part][-1] * (1 + _SAME_LENGTH) + 0.01
        last = int(np.searchsorted(lengths, longest, side="right"))
        others = slice(start, last)
        square = squares[part, None] + squares[None, others] - 2 * means[part] @ means[others].T
        rows, columns = np.nonzero(square < NEAR * NEAR)
        for row, column in zip(start + rows, start + columns, strict=True):
            if column > row and lengths[column] <= lengths[row] * (1 + _SAME_LENGTH) + 0.01:
                yield int(ids[row]), int(ids[column])


def _joined(pairs: Iterator[tuple[int, int]]) -> list[list[int]]:
    """Return the connected groups of pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    found = np.array(list(pairs), np.int64).reshape(-1, 2)
    ids, places = np.unique(found, return_inverse=True)
    first, second = places.reshape(-1, 2).T
    graph = coo_array((np.ones(len(found)), (first, second)), (len(ids), len(ids)))
    count, groups = connected_components(graph, directed=False)
    return [ids[groups == number].tolist() for number in range(count)]
