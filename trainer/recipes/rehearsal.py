"""Keep what a model knew while it learns something new, and measure whether it was kept.

A model's exemplars, centres of the sounds it was made with, are matched to its bank of
reference texts over and over; the trained model has to match them as the base model did
(Li and Hoiem, *Learning without Forgetting*, ECCV 2016, with exemplars).  Half of the exemplars
and half of the texts are rehearsed.  The other halves are never trained on: by them the guard
tells what was forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.match_model import MatchModel, TextEncoder
from engine.models.text_towers import CaptionTokenizer
from engine.transport import mahalanobis_cost

_ROWS = 256
_SPLIT = 8  # the seed that parts the halves; the same for all runs, so that figures compare


class Rehearsal:
    """The divergence of a model's matches from the base's, on random exemplars and texts.

    With row-wise softmaxes P of −C/ε, sounds over texts and texts over sounds, it is
    KL(P_base ‖ P_model), averaged over both directions.

    :param base: the model as it was; needs exemplars and a bank.
    """

    def __init__(self, base: MatchModel, tokenizer: CaptionTokenizer, weight: float) -> None:
        self.weight = weight
        self.epsilon = base.spec.ranking.epsilon * base.spec.ranking.cost_scale
        texts = [base.spec.bank[row] for row in _halves(len(base.spec.bank))[0]]
        with torch.no_grad():
            self.sounds = base.exemplars.float()[_halves(len(base.exemplars))[0]]
            self.texts = TextEncoder(base, tokenizer).features(texts)
            self.u = base.map_features(self.sounds)
            self.v = base.map_text_features(self.texts)

    def __call__(self, model: MatchModel) -> Tensor:
        """Return the weighted divergence, a scalar with a graph."""
        rows = torch.randperm(len(self.sounds))[:_ROWS]
        columns = torch.randperm(len(self.texts))[:_ROWS]
        was_training = model.training
        model.eval()
        u = model.map_features(self.sounds[rows])
        v = model.map_text_features(self.texts[columns])
        model.train(was_training)
        now = mahalanobis_cost(u, v) / -self.epsilon
        then = mahalanobis_cost(self.u[rows], self.v[columns]) / -self.epsilon
        total = now.new_zeros(())
        for axis in (0, 1):
            wanted = torch.log_softmax(then, axis)
            found = torch.log_softmax(now, axis)
            total = total + (wanted.exp() * (wanted - found)).sum(axis).mean() / 2
        return self.weight * total


@dataclass(frozen=True)
class Guard:
    """Exemplars and texts that rehearsal does not see, and how the base model matches them.

    :param sounds: (exemplars, width) features.
    :param texts: the held texts, and ``features`` (texts, width) as the base's tower has them.
    :param best: (exemplars,) the text that the base model finds nearest to each.
    """

    base: MatchModel
    sounds: Tensor
    texts: tuple[str, ...]
    features: Tensor
    best: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, base: MatchModel, tokenizer: CaptionTokenizer) -> Guard:
        """Return the guard of a model with exemplars and a bank."""
        sounds = base.exemplars.float()[_halves(len(base.exemplars))[1]]
        texts = tuple(base.spec.bank[row] for row in _halves(len(base.spec.bank))[1])
        features = TextEncoder(base, tokenizer).features(texts)
        cost = mahalanobis_cost(base.map_features(sounds), base.map_text_features(features))
        return cls(base, sounds, texts, features, cost.argmin(1))

    @torch.no_grad()
    def agreement(self, text_encoder: TextEncoder) -> float:
        """Return the share of exemplars whose best text is what it was, 1 for the base model."""
        model = text_encoder.model
        same_tower = all(
            torch.equal(own, old)
            for own, old in zip(
                model.text_tower.parameters(), self.base.text_tower.parameters(), strict=True
            )
        )
        features = self.features if same_tower else text_encoder.features(self.texts)
        cost = mahalanobis_cost(model.map_features(self.sounds), model.map_text_features(features))
        return float((cost.argmin(1) == self.best).double().mean())


def _halves(count: int) -> tuple[list[int], list[int]]:
    """Return the rows that are rehearsed, and those that are not."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(_SPLIT)).tolist()
    return order[: (count + 1) // 2], order[(count + 1) // 2 :]
