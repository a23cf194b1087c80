"""Options that change nothing beside others: who asks for them would train something else.

What is usual, and what is the case anyway, may be said: a run's file says everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import InputError
from engine.models.encoders import audio_tower_entry
from trainer.objectives.ground_metric import WITH_START
from trainer.objectives.losses import TRANSPORT
from trainer.recipes.fit_config import FitConfig, option_of
from trainer.recipes.paper import RECIPES


@dataclass(frozen=True)
class _Idle:
    """What options come to, by name, where ``beside`` returns what makes them idle."""

    beside: Callable[[FitConfig], str | None]
    values: Mapping[str, Any]


def check_heeded(config: FitConfig, given: Mapping[str, Any]) -> None:
    """Check that what was asked for can have an effect.

    :param given: what was said, and not settled by a recipe; None stands for nothing said.
    :raises InputError: something would change nothing.
    """
    usual = {**vars(FitConfig()), **RECIPES[config.recipe]}
    for idle in _IDLE:
        why = idle.beside(config)
        for name, value in idle.values.items() if why else ():
            if given.get(name) not in (None, value, usual[name]):
                raise InputError(f"{_said(name, given[name])} has no effect {why}: leave it out")


def _said(name: str, value: Any) -> str:
    """Return an option as it is written."""
    option = option_of(name)
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"--{option} {value}"


def _frozen(config: FitConfig) -> str | None:
    return "with --frozen" if config.frozen else None


def _frozen_alone(config: FitConfig) -> str | None:
    return "with --frozen and no --validation" if config.frozen and not config.validation else None


def _unvalidated(config: FitConfig) -> str | None:
    return None if config.validation else "without --validation"


def _whole(config: FitConfig) -> str | None:
    return None if config.loss in ("partial", "incomplete") else f"with --loss {config.loss}"


def _without_plan(config: FitConfig) -> str | None:
    return None if config.loss in TRANSPORT else f"with --loss {config.loss}"


def _without_entropy(config: FitConfig) -> str | None:
    return f"with --loss {config.loss}" if config.loss in ("triplet", "contrastive") else None


def _without_matrix(config: FitConfig) -> str | None:
    """Losses without a plan know no M that starts apart (:mod:`trainer.recipes.settings`)."""
    starts_apart = config.metric in WITH_START and config.metric_start == "symmetric"
    return _without_plan(config) if starts_apart else None


def _square(config: FitConfig) -> str | None:
    return None if config.rank == config.dimensions else _without_factor(config)


def _without_factor(config: FitConfig) -> str | None:
    return None if config.metric == "full" else f"with --metric {config.metric}"


def _without_start(config: FitConfig) -> str | None:
    return None if config.metric in WITH_START else f"with --metric {config.metric}"


def _in_float32(config: FitConfig) -> str | None:
    return "with --float32" if config.float32 else None


def _without_dense_layer(config: FitConfig) -> str | None:
    if config.base or "discarded_layers" in audio_tower_entry(config.encoder).options:
        return None  # a base settles it itself
    return f"with --encoder {config.encoder}"


_AS_IT_IS = {"mix": 0.0, "augment": False, "text_rate": 0.0, "audio_rate": 0.0}
_IDLE = (
    _Idle(_frozen, {**_AS_IT_IS, "tower_training": False}),
    _Idle(_frozen_alone, {"longest": None}),
    _Idle(_unvalidated, {"patience": 0, "score": None, "validation_split": None}),
    _Idle(_whole, {"mass": None}),
    _Idle(_without_plan, {"squared": False}),
    _Idle(_without_entropy, {"epsilon": None}),
    _Idle(_without_matrix, {"metric": "euclidean", "metric_start": "identity"}),
    _Idle(_without_factor, {"pull": 0.0}),
    _Idle(_square, {"rank": None}),
    _Idle(_without_start, {"metric_start": "identity"}),
    _Idle(_in_float32, {"bf16": False}),
    _Idle(_without_dense_layer, {"discarded_layers": 1}),
)
