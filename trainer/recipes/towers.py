"""Another audio tower under a model's projections and metric."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from engine.errors import InputError
from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.match_model import MatchModel
from engine.models.pair import Pair
from engine.models.towers import COMPACT, PAIR
from trainer.recipes.average import averaged
from trainer.recipes.export import centres, origin


def tuned_tower(base: MatchModel, tuned: Sequence[Compact], share: float) -> Compact:
    """Return a tower between a model's own and the mean of those that were tuned from it.

    What a tower learns from labels and what it knew before mostly add up half way between both
    (Wortsman et al., *Robust fine-tuning of zero-shot models*, CVPR 2022).

    :param share: of the tuned towers, if there are any; batch statistics are averaged, too.
    :raises InputError: the model's tower is none of ours.
    """
    if not isinstance(base.audio_tower, Compact):
        raise InputError(
            f"{base.spec.name} hears with {base.spec.audio_tower}: name a --base with the tower "
            f"{COMPACT}"
        )
    states = [tower.state_dict() for tower in (base.audio_tower, *tuned)]
    shares = [1 - share, *(share / len(tuned) for _ in tuned)] if tuned else [1.0]
    found = Compact()
    found.load_state_dict(averaged(states, shares))
    return found.eval()


def beside(teacher: EfficientAt, own: Compact) -> Pair:
    """Return both towers as one."""
    pair = Pair()
    pair.efficientat.load_state_dict(teacher.state_dict())
    pair.compact.load_state_dict(own.state_dict())
    return pair.eval()


@torch.no_grad()
def with_tower(base: MatchModel, tower: Compact | Pair, heard: Tensor) -> MatchModel:
    """Return a model with another audio tower, and no memory.

    :param heard: features (n, 384) of sounds in general, by the new tower, whose centres are the
        model's exemplars.
    """
    made = copy.deepcopy(base)
    made.forget()
    made.audio_tower = tower
    if isinstance(tower, Pair):
        provenance, licences = origin(PAIR)
        made.spec = replace(made.spec, audio_tower=PAIR, provenance=provenance, licences=licences)
    if made.spec.exemplars:
        made.exemplars.copy_(centres(heard, made.spec.exemplars))
    return made.eval().requires_grad_(False)
