"""Keep what a model knew while it learns something new.

A model's exemplars, centres of the sounds it was made with, are matched to its bank of
reference texts over and over; the trained model has to match them as the base model did
(Li and Hoiem, *Learning without Forgetting*, ECCV 2016, with exemplars).
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.match_model import Captioner, MatchModel
from engine.models.text_towers import CaptionTokenizer
from engine.transport import mahalanobis_cost

_ROWS = 256


class Rehearsal:
    """The divergence of a model's matches from the base's, on random exemplars and texts.

    With row-wise softmaxes P of −C/ε, sounds over texts and texts over sounds, it is
    KL(P_base ‖ P_model), averaged over both directions.

    :param base: the model as it was; needs exemplars and a bank.
    """

    def __init__(self, base: MatchModel, tokenizer: CaptionTokenizer, weight: float) -> None:
        self.weight = weight
        self.epsilon = base.spec.ranking.epsilon * base.spec.ranking.cost_scale
        with torch.no_grad():
            self.sounds = base.exemplars.float()
            self.texts = Captioner(base, tokenizer).features(base.spec.bank)
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
