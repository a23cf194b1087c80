"""Tell which sounds of a library come from one recording.

Two takes of one door are no test of one another: a model that learnt the first has all but
learnt the second.  So a recording goes as a whole to what is trained on or to what is held out.
Sounds are of one recording where

- they lie in one folder and their names say the same, but for numbers, takes, channels and
  other words of the trade (``door_01``, ``Door-02_L``);
- or, where names say nothing, they share their longest number, as the tracks ``ZOOM0001_LR`` and
  ``ZOOM0001_Tr1`` do, or pieces of the recording 100032 (``1-100032-A-0``);
- or the model hears all but the same in them: copies in other formats, names and folders.

Pieces of one recording that have different names or lie in different folders, and sound unlike
one another, are not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from engine.arrays import Integers
from engine.metadata.captions import caption_of_name
from engine.progress import Control, Progress

NEAR = 0.1  # distance of features of length 1; see docs/decisions/0008
_CHANNELS = frozenset({"left", "right", "center", "centre", "lfe"})
_COUNTER = 3  # digits that a recorder or a collection counts its recordings with
_ROWS, _COLUMNS = 256, 8192  # of a block of distances: 8 MB


def recordings_of(paths: Sequence[Path], features: Tensor, control: Control) -> Integers:
    """Return each sound's recording as a number, (sounds,).

    :param features: a sound's mean features, (sounds, width).
    """
    by_name, by_sound = _by_name(paths), copies(features, NEAR, control)
    linked = _parts(by_name, len(paths) + by_sound, 2 * len(paths))
    return linked[by_name]


def copies(features: Tensor, radius: float, control: Control) -> Integers:
    """Return a number for each sound that is equal for those within ``radius``, or linked so.

    What is nearer than ``radius`` is nearer along any axis, too.  So sounds are sorted along the
    axis on which they differ most, and a block of them is compared only with those that follow
    within the radius: that is exact, and memory is a block of distances and a number a sound.

    :param features: (sounds, width), of which directions alone are compared.
    """
    z = torch.nn.functional.normalize(features.float(), dim=1)
    along = (z - z.mean(0)) @ _longest_axis(z)
    order = torch.argsort(along)
    z, along = z[order], along[order].contiguous()
    ends = torch.searchsorted(along, along + radius, right=True)
    groups = np.arange(len(z))
    for start in range(0, len(z), _ROWS):
        control.report(Progress("looking for copies", start, len(z)))
        stop = min(len(z), start + _ROWS)
        for left in range(start, int(ends[stop - 1]), _COLUMNS):
            right = min(int(ends[stop - 1]), left + _COLUMNS)
            near = z[start:stop] @ z[left:right].T > 1 - radius**2 / 2
            one, other = near.nonzero(as_tuple=True)
            first, second = groups[start + one.numpy()], groups[left + other.numpy()]
            if (first != second).any():
                groups = _parts(first, second, len(z))[groups]
    back = np.empty_like(groups)
    back[order.numpy()] = groups
    return back


def _parts(first: Integers, second: Integers, size: int) -> Integers:
    """Return the connected component of each of ``size`` nodes, given its edges' ends."""
    graph: Any = coo_array((np.ones(len(first), bool), (first, second)), shape=(size, size))
    parts: Integers = connected_components(graph, directed=False)[1].astype(np.int64)
    return parts


def _longest_axis(z: Tensor) -> Tensor:
    """Return the first principal axis (width,) of vectors (n, width)."""
    centred = z - z.mean(0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    axis: Tensor = vectors[:, -1]
    return axis


def _by_name(paths: Sequence[Path]) -> Integers:
    """Return a number for each path that is equal for takes in one folder."""
    numbers: dict[tuple[str, ...], int] = {}
    return np.array([numbers.setdefault(_key(p), len(numbers)) for p in paths], np.int64)


def _key(path: Path) -> tuple[str, ...]:
    """Return what takes of one recording have in common: the folder, and words or a number."""
    said = caption_of_name(path)
    if said is not None:
        words = [word for word in said.split() if word not in _CHANNELS]
        return (str(path.parent), *(words or [said]))
    numbers = [number for number in re.findall(r"\d+", path.stem) if len(number) >= _COUNTER]
    if numbers:
        return (str(path.parent), max(reversed(numbers), key=len))
    return (str(path),)
