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
from dataclasses import dataclass, replace
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
    def of_model(cls, taxonomy: Taxonomy, model_folder: Path) -> Filing:
        """Return a model's examples, which are filed under categories of UCS: maybe none.

        :raises ModelError: the model cannot be read.
        """
        from engine.models.match_model import load_model

        spec = read_spec(model_folder)
        vectors: Floats = np.zeros((0, spec.rank), np.float32)
        under: list[list[str]] = []
        if taxonomy.is_ucs and spec.filed_sounds:
            model = load_model(model_folder, ("filed",))
            if model.filed is not None:
                vectors = model.map_features(model.filed.sounds).numpy()
                places = model.filed.categories.tolist()
                names = (*spec.categories, "")  # the last where a sound has fewer categories
                under = [[names[place] for place in some if names[place]] for some in places]
        return cls(*_examples(vectors, under, taxonomy, 1.0), spec.ranking.cost_scale)

    def with_own(self, taxonomy: Taxonomy, index: VectorIndex, library: Library) -> Filing:
        """Return these examples and those of a library, as it is now."""
        vectors, weights, shares = _of_library(taxonomy, index, library)
        return replace(
            self,
            vectors=np.concatenate([self.vectors, vectors]),
            weights=np.concatenate([self.weights, weights]),
            shares=sparse.hstack([self.shares, shares], format="csr"),
        )

    def __len__(self) -> int:
        """Return how many examples there are."""
        return len(self.vectors)

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
