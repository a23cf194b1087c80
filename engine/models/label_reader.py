"""How a model reads the texts of labels: where they lie, and which tags they speak of.

In search a caption stands alone; labels are rivals, and between them it counts what a sound surely
is.  A text speaks of tags with probabilities p_k (its second view), and so weighs them by
a_k = p_k^(3/2) / (1 + Σ_j p_j^(3/2)): one that speaks of none for sure weighs little.  A sound has
each tag with log-odds, of which z holds the standardised ones over sounds in general; tags that
mostly come together count less each, by (Σ + 1)^(-1/2) z, where Σ is their correlation (whitening,
halfway: Kessy, Lewin and Strimmer, *The American Statistician* 2018, and Ledoit and Wolf, *Journal
of Multivariate Analysis* 2004, for the shrinkage).  A sound's *lean* towards a text is
⟨a, (Σ + 1)^(-1/2) z⟩, by which the cost of the label falls.

A stored sound is a mapped vector u.  From that z is read back by ridge regression (Hoerl and
Kennard, *Technometrics* 1970) over the sounds that a model holds, so that a text has a direction d
and a zero with lean(u) = ⟨d, u⟩ − zero (docs/decisions/0041).

Some texts are near to sounds of all kinds, and would be the nearest of many that are not theirs:
hubs (Radovanović, Nanopoulos and Ivanović, *JMLR* 2010).  What a text comes to in the mean with the
kinds of sounds that are nearest to it, among those that a model remembers, is therefore a part of
its zero, as in cross-domain similarity local scaling (Conneau et al., *Word translation without
parallel data*, ICLR 2018; docs/decisions/0046).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from engine.models.label_texts import HUBNESS, NEAR, POWER, RIDGE, UNSURE, WORTH, LabelTexts
from engine.models.match_model import MatchModel, TextEncoder
from engine.transport import mahalanobis_cost

_LEAST_SPREAD = 1e-3  # of a tag's log-odds, and of vectors


class LabelReader:
    """The text side of a model that reads labels."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder

    def __call__(self, texts: Sequence[str]) -> LabelTexts:
        """Return what ``texts`` are to the model."""
        return self.of_features(self.encoder.features(texts))

    @torch.inference_mode()
    def of_features(self, features: Tensor) -> LabelTexts:
        """Return what texts with these features (n, width) are to the model."""
        vectors = self.encoder.model.metric(self.encoder.embed_features(features))
        directions, zeros = self._leaning(features)
        zeros = zeros + HUBNESS * self._nearness(vectors, directions, zeros)
        return LabelTexts(vectors.numpy(), directions.numpy(), zeros.numpy())

    def _leaning(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return directions (n, rank) and zeros (n,) of text features (n, width)."""
        view = self.encoder.model.text_head.tags
        basis, middle = self._tags_of_vectors
        if view is None or not basis.shape[1]:
            return features.new_zeros(len(features), len(middle)), features.new_zeros(len(features))
        weights = torch.sigmoid(view.read(features)) ** POWER
        weights /= weights.sum(1, keepdim=True) + UNSURE
        directions = WORTH * weights @ basis.T
        return directions, directions @ middle

    def _nearness(self, vectors: Tensor, directions: Tensor, zeros: Tensor) -> Tensor:
        """Return what texts (n,) come to, in the mean, with the kinds of sounds nearest to them."""
        kinds = self._kinds
        if not len(kinds):
            return torch.zeros(len(vectors))
        scale = self.encoder.model.spec.ranking.cost_scale
        worth = directions @ kinds.T - zeros[:, None] - mahalanobis_cost(vectors, kinds) / scale
        nearest = worth.topk(math.ceil(NEAR * len(kinds)), sorted=False).values
        return nearest.mean(1)

    @cached_property
    def _kinds(self) -> Tensor:
        """Return mapped vectors (n, rank) of the kinds of sounds that the model remembers."""
        model = self.encoder.model
        if model.memory is None:
            return torch.zeros(0, model.spec.rank)
        return model.map_features(model.memory.sounds.float())

    @cached_property
    def _tags_of_vectors(self) -> tuple[Tensor, Tensor]:
        """Return the matrix (rank, tags) that reads tags off u − ū, and ū; none if nothing can."""
        model = self.encoder.model
        sounds, view = _sounds_of(model), model.audio_head.tags
        if view is None or len(sounds) < 2:
            return torch.zeros(model.spec.rank, 0), torch.zeros(model.spec.rank)
        u, log_odds = model.map_features(sounds), view.read(sounds)
        middle = u.mean(0)
        u = u - middle
        z = (log_odds - log_odds.mean(0)) / log_odds.std(0).clamp(min=_LEAST_SPREAD)
        values, axes = torch.linalg.eigh(z.T @ z / len(z))
        z = z @ axes * (values + 1).rsqrt() @ axes.T
        spread = u.T @ u / len(u)
        ridge = RIDGE * spread.diagonal().mean().clamp(min=_LEAST_SPREAD)
        spread += ridge * torch.eye(len(spread))
        return torch.linalg.solve(spread, u.T @ z / len(u)), middle


def _sounds_of(model: MatchModel) -> Tensor:
    """Return features (n, width) of the sounds that a model holds on its text side."""
    remembered = [] if model.memory is None else [model.memory.sounds.float()]
    return torch.cat([model.exemplars.float(), *remembered])
