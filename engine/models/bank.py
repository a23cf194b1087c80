"""What a library is transported to: texts, as mapped vectors, and their potentials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.models.match_model import MatchModel
from engine.models.spec import Ranking, Setting, own_ranking
from engine.transport import library_potential, mahalanobis_cost

_AT_ONCE = 5000  # windows whose costs are held in memory


@dataclass(frozen=True)
class Bank:
    """Texts as mapped vectors (n, rank), with potentials g (n,)."""

    vectors: Tensor
    potentials: Tensor
    ranking: Ranking

    @classmethod
    def of(cls, model: MatchModel, potentials: bytes | None = None) -> Bank:
        """Return the bank of a model, under its own potentials or those (float32) of a library."""
        g = model.bank_potentials
        solved = None if potentials is None else np.frombuffer(potentials, np.float32)
        if solved is not None and len(solved) == len(g):
            g = torch.from_numpy(solved.copy())
        return cls(model.bank_vectors, g, model.spec.ranking)

    @classmethod
    def stored(cls, model: MatchModel, setting: Setting) -> Bank:
        """Return the bank that a library is transported to: its own words, or the model's."""
        potentials, vectors = setting("bank_potentials"), setting("own_vectors")
        if not vectors or not potentials:
            return cls.of(model, potentials)
        own = np.frombuffer(vectors, np.float16).reshape(-1, model.spec.rank)
        g = np.frombuffer(potentials, np.float32)
        return cls(
            torch.from_numpy(own.astype(np.float32)),
            torch.from_numpy(g.copy()),
            own_ranking(model.spec),
        )

    def cost(self, u: Tensor) -> Tensor:
        """Return the costs (m, n) of mapped windows (m, rank) to the texts."""
        return mahalanobis_cost(u, self.vectors) / self.ranking.cost_scale

    def __call__(self, u: Tensor) -> Tensor:
        """Return the potentials (m,) of mapped windows (m, rank)."""
        parts = [
            library_potential(self.cost(part), self.potentials, self.ranking.epsilon)
            for part in torch.split(u, _AT_ONCE)
        ]
        return torch.cat(parts) if parts else u.new_zeros(0)
