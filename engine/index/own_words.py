"""The library's own words: what its sounds are called, and whether that tells what is heard.

They come from names, descriptions in headers, accepted tags and folders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.metadata.captions import captions_of
from engine.store import Library
from engine.store.listing import named_sounds
from engine.store.tags import accepted_tags

if TYPE_CHECKING:
    from torch import Tensor

_MOST_TEXTS = 1000
_MOST_SOUNDS = 100_000  # whose names are read
_CHANGED = 0.1  # share of other texts that makes words others


@dataclass(frozen=True)
class OwnWords:
    """Distinct captions of a library, and which of them each sound has, by its id."""

    texts: tuple[str, ...]
    of_sound: Mapping[int, tuple[int, ...]]


def own_words(library: Library) -> OwnWords:
    """Return what sounds are called: the commonest captions, and a spread of the rest."""
    sounds = named_sounds(library, _MOST_SOUNDS)
    tags = accepted_tags(library)
    called = {
        sound: captions_of(Path(path), description, tags.get(sound, ()))
        for sound, path, description in sounds
    }
    counts = Counter(text for texts in called.values() for text in texts)
    order = sorted(counts, key=lambda text: (-counts[text], text))
    common, rest = order[: _MOST_TEXTS // 2], sorted(order[_MOST_TEXTS // 2 :])
    step = max(1, -(-len(rest) // (_MOST_TEXTS - len(common) or 1)))
    texts = tuple(sorted([*common, *rest[::step]]))
    place = {text: number for number, text in enumerate(texts)}
    known = {
        sound: tuple(place[text] for text in own if text in place) for sound, own in called.items()
    }
    return OwnWords(texts, {sound: own for sound, own in known.items() if own})


def telling_of(cost: Tensor, own: Sequence[Sequence[int]]) -> float:
    """Return how often a window is nearer to its own caption than to another; 0.5 is chance.

    :param cost: (windows, texts).
    :param own: the texts of each window, perhaps none.
    :return: the mean over windows that have a text, 0 if none has.
    """
    shares = []
    for row, texts in zip(cost, own, strict=True):
        if texts:
            index = row[list(texts)].min()
            others = (row > index).sum() + 0.5 * ((row == index).sum() - 1)
            shares.append(float(others) / max(1, len(row) - 1))
    return float(np.mean(shares)) if shares else 0.0


def are_other(texts: Sequence[str], before: Sequence[str]) -> bool:
    """Return whether more than a tenth of the texts came or went."""
    changed = set(texts) ^ set(before)
    return len(changed) > _CHANGED * max(len(texts), len(before))
