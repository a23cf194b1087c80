"""Names and shapes of a model's weights, none of which is allocated."""

from __future__ import annotations

import torch

from engine.models.encoders import audio_tower_entry
from engine.models.match_model import MatchModel
from engine.models.spec import ModelSpec
from engine.models.weights import unfilled


def outline(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of all weights that ``spec`` asks for, allocating none."""
    with torch.device("meta"), unfilled():
        model = MatchModel(spec, ("text", "filed"))
        model.audio_tower = audio_tower_entry(spec.audio_tower).make(spec)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
