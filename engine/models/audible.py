"""Whether a text speaks of anything that can be heard.

Every text lies near to some sound, "interest rates" too, and finds a word of its own in some
name.  The text tower knows better: a linear probe of its features, fitted on texts of sounds and
on texts of what nothing sounds like (:mod:`trainer.recipes.audible`), tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.spec import ModelSpec


@dataclass(frozen=True)
class Audible:
    """The probe of a model: ``weights`` (width,) of text features, and what is added.

    Without weights every text is taken for audible.
    """

    weights: Tensor
    zero: float

    @classmethod
    def of(cls, spec: ModelSpec) -> Audible:
        """Return that of a model, whose ``audible`` holds the weights and then the zero."""
        if not spec.audible:
            return cls(torch.zeros(0), 0.0)
        return cls(torch.tensor(spec.audible[:-1]), spec.audible[-1])

    def __call__(self, features: Tensor) -> Tensor:
        """Return log-odds (n,) that texts of pooled features (n, width) speak of a sound."""
        if not len(self.weights):
            return features.new_zeros(len(features))
        return features @ self.weights.to(features) + self.zero
