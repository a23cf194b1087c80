"""What of a model learns in a run, at which rates, and from which step on."""

from __future__ import annotations

from typing import Any

from torch import nn

from engine.models.match_model import MatchModel
from trainer.loop.config import RunConfig
from trainer.objectives.ground_metric import GroundMetric


def learns(name: str, config: RunConfig, step: int) -> bool:
    """Return whether a parameter learns at a step."""
    free = step >= config.steps - config.tower_steps
    if name.startswith("text_tower."):
        return free and config.rates.text_tower > 0
    if name.startswith("audio_tower."):
        return free and config.rates.audio_tower > 0
    return True


def optimiser_groups(
    model: MatchModel, metric: GroundMetric, config: RunConfig
) -> list[dict[str, Any]]:
    """Return the optimiser's groups, and let nothing else learn."""
    rates, decay = config.rates, config.weight_decay
    heads = [*model.audio_head.layers.parameters(), *model.text_head.layers.parameters()]
    groups = [
        ("heads", heads, rates.heads, decay),
        ("metric", list(metric.parameters()), rates.metric, 0.0),
        ("text_tower", list(model.text_tower.parameters()), rates.text_tower, decay),
        ("audio_tower", list(model.audio_tower.parameters()), rates.audio_tower, decay),
    ]
    for _, parameters, rate, _ in groups:
        for parameter in parameters:
            parameter.requires_grad_(rate > 0)
    return [
        {"name": name, "params": parameters, "peak": rate, "weight_decay": decay}
        for name, parameters, rate, decay in groups
        if rate and parameters
    ]


def trained(model: MatchModel, metric: GroundMetric, config: RunConfig) -> dict[str, nn.Parameter]:
    """Return what learns in a run, by name."""
    named = dict(model.named_parameters())
    frozen = [tower for tower in ("text_tower", "audio_tower") if not getattr(config.rates, tower)]
    kept = {name: p for name, p in named.items() if not name.startswith(("metric.", *frozen))}
    return kept | {f"ground_metric.{name}": p for name, p in metric.named_parameters()}
