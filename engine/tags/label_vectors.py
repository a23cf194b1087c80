"""The labels of a taxonomy as one model sees them: costs and match strengths of sounds.

A label has several texts; its cost is their soft minimum, C_l = −ε log Σ_t w_t exp(−C_t/ε), so
that one text which fits is enough (docs/decisions/0013).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.models.spec import Ranking
from engine.search.rank import costs_between
from engine.store.vectors import Floats, Halves, Integers
from engine.tags.taxonomy import Taxonomy

if TYPE_CHECKING:
    from engine.search import Searcher

SOFT_MINIMUM = 4.0  # ε of the soft minimum over a label's texts, in units of the ranking's ε
_BLOCK = 512  # windows whose costs to all texts are held at once: about what a cache holds
_LEAST_WEIGHT = 1e-6  # of a label that no sound is like


@dataclass(frozen=True)
class LabelVectors:
    """Mapped vectors (texts, rank), text by text and label by label.

    ``firsts`` (labels,) is where each label's texts begin, ``log_weights`` (texts,) how much each
    counts, and ``handicaps`` (texts,) the g_q of each as a query, in units of the cost;
    ``softness`` is the ε of the soft minimum, in units of the ranking's.
    """

    taxonomy: Taxonomy
    vectors: Floats
    firsts: Integers
    log_weights: Floats
    handicaps: Floats
    ranking: Ranking
    softness: float = SOFT_MINIMUM

    @classmethod
    def of(cls, taxonomy: Taxonomy, searcher: Searcher) -> LabelVectors:
        """Embed the texts of all labels."""
        texts = [text for label in taxonomy.labels for text in label.texts]
        counts = np.array([len(label.texts) for label in taxonomy.labels])
        weights = np.array([w for label in taxonomy.labels for w in label.weights], np.float32)
        vectors = searcher.text_vectors(texts)
        return cls(
            taxonomy,
            vectors,
            np.cumsum(counts) - counts,
            np.log(np.maximum(weights, _LEAST_WEIGHT)),
            searcher.query_potentials(vectors),
            searcher.ranking,
        )

    def compare(
        self, heard: Floats | Halves, potentials: Floats
    ) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield for some windows at a time their places, label costs and strengths (n, labels).

        :param heard: (windows, rank) mapped vectors.
        :param potentials: (windows,) their potentials.
        :return: costs in the ranking's units; strengths as log-odds, not yet bounded.
        """
        epsilon = np.float32(self.softness * self.ranking.epsilon)
        blend = np.float32(self.ranking.strength_blend)
        for start in range(0, len(heard), _BLOCK):
            part = slice(start, min(len(heard), start + _BLOCK))
            own = np.asarray(heard[part], np.float32)
            cost = costs_between(own, self.vectors, self.ranking.cost_scale)
            fits = np.maximum.reduceat(self.handicaps - cost, self.firsts, axis=1)
            fits += blend * potentials[part, None]
            fits /= np.float32(self.ranking.epsilon)
            cost /= -epsilon
            cost += self.log_weights
            most = cost.max(axis=1, keepdims=True)
            np.exp(np.subtract(cost, most, out=cost), out=cost)
            shares = np.add.reduceat(cost, self.firsts, axis=1)
            labels: Floats = -epsilon * (np.log(np.maximum(shares, 1e-30)) + most)
            yield part, labels, fits
