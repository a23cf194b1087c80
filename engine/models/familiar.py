"""How familiar a query is: how well it matches sounds in general.

The exemplars, centres of the sounds that a model was made with, stand for sounds in general.
"Noise" is near to many of them and "church organ" to few; a match of "noise" says less.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.bank import Bank
from engine.models.match_model import MatchModel
from engine.models.spec import Ranking
from engine.transport import mahalanobis_cost

_BEST = 5


@dataclass(frozen=True)
class Familiar:
    """The exemplars of a model: mapped vectors (n, rank) and potentials (n,)."""

    vectors: Tensor
    potentials: Tensor
    ranking: Ranking

    @classmethod
    def of(cls, model: MatchModel, bank: Bank | None = None) -> Familiar:
        """Return those of a model, under its bank or a library's."""
        bank = bank or Bank.of(model)
        with torch.no_grad():
            vectors = model.map_features(model.exemplars)
            return cls(vectors, bank(vectors), bank.ranking)

    def __call__(self, queries: Tensor) -> Tensor:
        """Return (m,) what familiarity takes off the score ε s of queries (m, rank).

        It is the share ``ranking.familiar`` of the mean of their best scores among the
        exemplars; 0 if the model has none.
        """
        if not len(self.vectors) or not self.ranking.familiar:
            return queries.new_zeros(len(queries))
        cost = mahalanobis_cost(queries, self.vectors) / self.ranking.cost_scale
        score = self.ranking.blend * self.potentials - cost
        best = score.topk(min(_BEST, len(self.vectors)), dim=1).values.mean(1)
        return self.ranking.familiar * best
