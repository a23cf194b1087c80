"""What sounds that were filed by hand say of a sound's label.

A sound is compared with examples: those of the model (:class:`engine.models.filed.Filed`), and
sounds of the library whose tags were accepted, or whose headers tell their category.  From the
costs c_i of these follows each label's share, by kernel regression (Nadaraya 1964; Watson 1964):
P_l = Σ_i w_i T_il exp(−c_i/h) / (Σ_i w_i exp(−c_i/h) + exp(−s/h)).  T_il says what example i is
filed under; a stranger stands at the cost s, so that a sound that is like no example hears
nothing from them.  A label's cost falls by v log(1 + P_l/δ) (docs/decisions/0040).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from engine.arrays import Floats, Integers
from engine.models.spec import read_spec
from engine.search.rank import costs_between
from engine.store import Library
from engine.store.tags import TagRow, filed_sounds
from engine.tags.taxonomy import Taxonomy

if TYPE_CHECKING:
    from engine.search import Searcher
    from engine.search.vector_index import VectorIndex

WIDTH = 0.1  # h, in units of the cost
STRANGER = 0.49  # s, likewise
WORTH, LEAST = 0.08, 0.01  # v, in units of the cost, and δ
OWN = 3.0  # w of the library's own examples; that of the model's is 1
_MOST_OWN, _MOST_OF_A_LABEL = 4096, 64  # sounds
_WINDOWS = 3  # of a sound that is an example


@dataclass(frozen=True)
class Filing:
    """Examples: mapped vectors (n, rank), ``weights`` w (n,), ``shares`` T (labels, n), sparse."""

    vectors: Floats
    weights: Floats
    shares: Any
    cost_scale: float

    @classmethod
    def of(cls, taxonomy: Taxonomy, searcher: Searcher, library: Library) -> Filing | None:
        """Return the examples that there are for a taxonomy; None if there are none.

        :raises ModelError: the model cannot be read.
        """
        own = _of_library(taxonomy, searcher.index, library)
        parts = [_of_model(taxonomy, searcher.model_folder), own]
        vectors, weights, shares = zip(*parts, strict=True)
        if not sum(map(len, vectors)):
            return None
        scale = searcher.spec.ranking.cost_scale
        return cls(np.concatenate(vectors), np.concatenate(weights), sparse.hstack(shares), scale)

    def bonus(self, heard: Floats) -> Floats:
        """Return what labels' costs fall by (m, labels), for mapped vectors (m, rank)."""
        likeness = np.exp(costs_between(heard, self.vectors, self.cost_scale) / np.float32(-WIDTH))
        likeness *= self.weights
        found: Floats = (self.shares @ likeness.T).T
        found /= likeness.sum(axis=1, keepdims=True) + np.float32(np.exp(-STRANGER / WIDTH))
        found *= np.float32(1 / LEAST)
        np.log1p(found, out=found)
        found *= np.float32(WORTH)
        return found


_Examples = tuple[Floats, Floats, Any]  # as in a Filing


def _of_model(taxonomy: Taxonomy, folder: Path) -> _Examples:
    """Return a model's own examples, which are filed under categories of UCS."""
    from engine.models.match_model import load_model

    spec = read_spec(folder)
    filed = taxonomy.is_ucs and spec.filed_sounds > 0
    model = load_model(folder, ("filed",) if filed else ())
    if model.filed is None:
        return _examples(np.zeros((0, spec.rank), np.float32), [], taxonomy, 1.0)
    vectors: Floats = model.map_features(model.filed.sounds).numpy()
    places = model.filed.categories.tolist()
    under = [[spec.categories[place] for place in some if place >= 0] for some in places]
    return _examples(vectors, under, taxonomy, 1.0)


def _of_library(taxonomy: Taxonomy, index: VectorIndex, library: Library) -> _Examples:
    """Return sounds of a library that were filed, of each label some."""
    known = {label.tag for label in taxonomy.labels}
    told = [row for row in filed_sounds(library, _MOST_OF_A_LABEL) if row.label in known]
    chosen = _spread(told, _MOST_OWN)
    parts = [_windows_of(row, index) for row in chosen]
    under = [[row.label] for row, part in zip(chosen, parts, strict=True) for _ in part]
    places = np.concatenate([np.zeros(0, np.int64), *parts])
    return _examples(index.windows.vectors[places].astype(np.float32), under, taxonomy, OWN)


def _windows_of(row: TagRow, index: VectorIndex) -> Integers:
    """Return some windows of the part of a sound that a tag was said of."""
    windows, places = index.windows, index.rows_of(np.array([row.sound_id]))
    start = -np.inf if row.start_s is None else row.start_s
    end = np.inf if row.end_s is None else row.end_s
    inside = (windows.starts_s[places] < end) & (windows.ends_s[places] > start)
    found: Integers = _spread(places[inside], _WINDOWS)
    return found


def _spread(several: Any, most: int) -> Any:
    """Return at most so many of several, from all over."""
    step = max(1, -(-len(several) // most))
    return several[::step]


def _examples(
    vectors: Floats, under: Sequence[Sequence[str]], taxonomy: Taxonomy, weight: float
) -> _Examples:
    """Return examples; of k labels that a sound is filed under, each counts 1/k.

    :param under: the tags of each of ``vectors``; those that the taxonomy lacks do not count.
    """
    place = {label.tag: number for number, label in enumerate(taxonomy.labels)}
    shares = sparse.lil_array((len(taxonomy.labels), len(vectors)), dtype=np.float32)
    for example, tags in enumerate(under):
        for tag in tags:
            if tag in place:
                shares[place[tag], example] = 1 / len(tags)
    return vectors, np.full(len(vectors), weight, np.float32), shares.tocsr()
