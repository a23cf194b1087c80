"""What a run takes from the model that it starts from, whatever a recipe settles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.models.spec import ModelSpec
from engine.models.weights import load_tensors
from trainer.recipes.fit_config import FitConfig, option_of

_OF_RECIPES = ("dimensions", "pooling", "discarded_layers", "metric")  # and of a base, if any


def of_base(
    config: FitConfig, given: Mapping[str, Any], spec: ModelSpec, *, standardised: bool
) -> tuple[FitConfig, list[str]]:
    """Return a configuration as its base has it, and sentences on what a recipe has otherwise.

    :param given: what was said, and not settled by a recipe; None stands for nothing said.
    :param standardised: whether the base's projections read standardised features.
    :raises InputError: something was said that the base is not.
    """
    own: dict[str, Any] = {
        "encoder": spec.audio_tower,
        "dimensions": spec.dimensions,
        "rank": spec.rank,
        "pooling": spec.text_encoder.pooling,
        "discarded_layers": int(spec.tower_config.get("discarded_layers", 1)),
    }
    if own["pooling"] == "pooler":  # of CLAP's text tower, and none that could be asked for
        del own["pooling"]
    if spec.rank != spec.embedding:  # only a factor maps one width to another
        own["metric"] = "full"
    for name in ("weights", "text_encoder"):
        if given.get(name) is not None:
            raise InputError(
                f"--{option_of(name)} and --base both set the starting point: leave one of them out"
            )
    for name, value in own.items():
        if given.get(name) not in (None, value):
            raise InputError(
                f"--{option_of(name)} {given[name]} is not possible: the base {config.base} "
                f"has {value}; leave the option out, or start from encoders"
            )
    notes = []
    if standardised:
        if given.get("standardise") is False:
            raise InputError(
                f"--no-standardise is not possible: the base {config.base} standardises its "
                "features; leave the option out, or start from encoders"
            )
        if not config.standardise:
            notes.append("features are standardised, as in the base, not as in the recipe")
        own["standardise"] = True
    for name in _OF_RECIPES:
        if name in own and getattr(config, name) != own[name]:
            notes.append(
                f"--{option_of(name)} is the base's {own[name]}, not the recipe's "
                f"{getattr(config, name)}"
            )
    if "metric" not in own and config.metric != "full":
        notes.append(
            f"the base's metric is not continued: --metric {config.metric} starts from scratch"
        )
    rank = None if spec.rank == spec.dimensions else spec.rank
    return replace(config, **{**own, "rank": rank}), notes


def is_standardised(folder: Path) -> bool:
    """Whether the projections of a model read standardised features.

    :raises ModelError: its weights cannot be read.
    """
    found = load_tensors(folder / "weights.safetensors", ("audio_head.deviation",))
    return any(bool((deviation != 1).any()) for deviation in found.values())
