"""What sounds that were filed by hand say of a sound's label.

A sound is compared with examples: those of the model (:class:`engine.models.filed.Filed`), and
sounds of the library whose tags were accepted, or whose headers tell their category.  From the
costs c_i of these follows each label's share, by kernel regression (Nadaraya 1964; Watson 1964):
P_l = Σ_i w_i T_il exp(−c_i/h) / (Σ_i w_i exp(−c_i/h) + exp(−s/h)).  T_il says what example i is
filed under; a stranger stands at the cost s, so that a sound that is like no example gains little
from them.  A label's cost falls by v log(1 + P_l/δ) (docs/decisions/0040).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from engine.arrays import Floats, Integers
from engine.errors import ModelError
from engine.metadata.ucs_names import category_of_tag
from engine.models.spec import ModelSpec
from engine.search.labels.taxonomy import Taxonomy
from engine.search.rank import costs_between
from engine.store import Library
from engine.store.tags import DECIDERS, filed_sounds

if TYPE_CHECKING:
    from engine.search.vector_index import VectorIndex

WIDTH = 0.1  # h, in units of the cost
STRANGER = 0.49  # s, likewise
WORTH_IN_UCS, WORTH_IN_LISTS = 0.16, 0.1  # v, in units of the cost
LEAST = 0.01  # δ
OWN = 3.0  # w of the library's own examples; that of the model's is 1
_MOST_OWN, _MOST_OF_A_LABEL = 4096, 64  # tags of a library's sounds
_WINDOWS = 3  # of a sound that is an example, at most


@dataclass(frozen=True)
class Filing:
    """Examples: mapped vectors (n, rank), ``weights`` w (n,), ``shares`` T (labels, n), sparse.

    ``worth`` is v of the list's labels.
    """

    vectors: Floats
    weights: Floats
    shares: Any
    cost_scale: float
    worth: float

    @classmethod
    def of_model(cls, taxonomy: Taxonomy, spec: ModelSpec, folder: Path) -> Filing:
        """Return a model's examples, which are filed under categories of UCS: maybe none.

        :raises ModelError: the model cannot be read, or is another by now.
        """
        vectors: Floats = np.zeros((0, spec.rank), np.float32)
        under: list[list[str]] = []
        if taxonomy.is_ucs and spec.filed_sounds:
            from engine.models.match_model import load_model

            model = load_model(folder, ("filed",))
            if model.filed is None or model.spec.id != spec.id:
                raise ModelError(f"the model in {folder} was exchanged: open the library again")
            vectors = model.map_features(model.filed.sounds).numpy()
            names = (*spec.categories, "")  # the last where a sound has fewer categories
            places = model.filed.categories.tolist()
            under = [[names[place] for place in some if names[place]] for some in places]
        worth = WORTH_IN_UCS if taxonomy.is_ucs else WORTH_IN_LISTS
        return cls(*_examples(vectors, under, taxonomy, 1.0), spec.ranking.cost_scale, worth)

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
        found *= np.float32(self.worth)
        return found


_Examples = tuple[Floats, Floats, Any]  # as in a Filing


def _of_library(taxonomy: Taxonomy, index: VectorIndex, library: Library) -> _Examples:
    """Return sounds of a library that were filed, of each label some."""
    known = {_tag(label.tag, taxonomy) for label in taxonomy.labels}
    told = filed_sounds(library, _MOST_OF_A_LABEL, taxonomy.is_ucs)
    told = [row for row in told if _tag(row.label, taxonomy) in known]
    if taxonomy.is_ucs:  # a sound has one category, and whoever decided knows better than the file
        decided = {row.sound_id for row in told if row.said_by in DECIDERS}
        told = [r for r in told if r.said_by in DECIDERS or r.sound_id not in decided]
    room = max(1, _MOST_OWN // max(1, len({row.label for row in told})))
    tags: dict[tuple[int, float | None, float | None], list[str]] = {}
    for _, rows in groupby(told, lambda row: row.label):
        for row in islice(rows, room):
            tags.setdefault((row.sound_id, row.start_s, row.end_s), []).append(row.label)
    parts = [_windows_of(index, *part) for part in tags]
    under = [tags[part] for part, windows in zip(tags, parts, strict=True) for _ in windows]
    places = np.concatenate([np.zeros(0, np.int64), *parts])
    vectors = index.windows.vectors[places].astype(np.float32)
    return _examples(vectors, under, taxonomy, OWN)


def _windows_of(
    index: VectorIndex, sound_id: int, start_s: float | None, end_s: float | None
) -> Integers:
    """Return some windows of the part of a sound that a tag was said of; none that is not there."""
    windows, places = index.windows, index.rows_of(np.array([sound_id]))
    start = -np.inf if start_s is None else start_s
    end = np.inf if end_s is None else end_s
    inside = (windows.starts_s[places] < end) & (windows.ends_s[places] > start)
    places = places[inside & windows.present[places]]
    if len(places) > _WINDOWS:
        places = places[np.linspace(0, len(places) - 1, _WINDOWS).round().astype(np.int64)]
    finite: Integers = places[np.isfinite(windows.vectors[places]).all(axis=1)]
    return finite


def _tag(tag: str, taxonomy: Taxonomy) -> str:
    """Return a tag as it is compared: "Door" is a door, but RAIN is a category and rain a word."""
    return tag if taxonomy.is_ucs or category_of_tag(tag) else tag.casefold()


def _examples(
    vectors: Floats, under: Sequence[Sequence[str]], taxonomy: Taxonomy, weight: float
) -> _Examples:
    """Return examples; of k labels that a sound is filed under, each counts 1/k.

    :param under: the tags of each of ``vectors``, of which a taxonomy may lack some.
    """
    labels = enumerate(taxonomy.labels)
    place = {_tag(label.tag, taxonomy): number for number, label in labels}
    shares = sparse.lil_array((len(taxonomy.labels), len(vectors)), dtype=np.float32)
    for example, tags in enumerate(under):
        for tag in tags:
            if (label := place.get(_tag(tag, taxonomy))) is not None:
                shares[label, example] = 1 / len(tags)
    return vectors, np.full(len(vectors), weight, np.float32), shares.tocsr()
