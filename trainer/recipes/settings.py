"""From what a recipe says to the run, the towers and the model that obey it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from engine.models.encoders import audio_tower_entry
from engine.models.match_model import MatchModel
from engine.models.spec import ModelSpec
from engine.transport import mahalanobis_cost
from trainer.data.augment import SpecAugment
from trainer.loop.config import RunConfig
from trainer.loop.embedding import Embedder
from trainer.loop.run import Run
from trainer.objectives.ground_metric import WITH_START
from trainer.objectives.losses import TRANSPORT

_NO_AUGMENTATION = SpecAugment(gain_db=0.0, filter_db=0.0, mask_bands=0, mask_frames=0)
_SCALE_BATCHES = 4


def settled(config: RunConfig, chosen: Mapping[str, Any]) -> RunConfig:
    """Return a configuration with what a recipe's options say of the loop.

    Losses without a plan compare cosines: M as the paper starts it is not for them.
    """
    starts_apart = chosen["metric"] in WITH_START and chosen["metric_start"] == "symmetric"
    if starts_apart and config.objective.name not in TRANSPORT:
        chosen = {**chosen, "metric": "euclidean"}
    return replace(
        config,
        ground_metric=chosen["metric"],
        weight_decay=chosen["weight_decay"],
        feature_noise=chosen["feature_noise"],
        augment=config.augment if chosen["augment"] else _NO_AUGMENTATION,
        average_decay=chosen["average"],
        mixed_precision=config.mixed_precision and not chosen["float32"],
        optimiser=chosen["optimiser"],
        schedule=chosen["schedule"],
        clip=chosen["clip"],
        cost_scale=chosen["cost_scale"],
        metric_start=chosen["metric_start"],
        dropout=chosen["dropout"],
        standardise=chosen["standardise"],
        tower_training=chosen["tower_training"],
    )


def with_towers(spec: ModelSpec, chosen: Mapping[str, Any]) -> ModelSpec:
    """Return a spec whose towers pool as a recipe says.

    Of the paper's encoders only ResNet38 has a dense layer that can be discarded; CLAP's HTSAT ends
    in its pooled embedding already.
    """
    text = replace(spec.text_encoder, pooling=chosen["pooling"])
    config, options = dict(spec.tower_config), audio_tower_entry(spec.audio_tower).options
    if chosen["discarded_layers"] > 1 and "discarded_layers" in options:
        config["discarded_layers"] = chosen["discarded_layers"]
    return replace(spec, text_encoder=text, tower_config=config)


@torch.inference_mode()
def with_cost_scale(model: MatchModel, run: Run) -> MatchModel:
    """Return a finished model that knows the scale of the costs it was trained with, and ε.

    A run under ``batch_max`` saw costs over their batch's largest; the model is told the mean
    of that largest over a few training batches.
    """
    config, ranking = run.config, model.spec.ranking
    if config.cost_scale != "batch_max":
        return model
    model = model.to(run.device)
    embed = Embedder(model, run.embedder.tokenizer, 0.0, _NO_AUGMENTATION, False, run.device)
    largest = []
    for number in range(_SCALE_BATCHES):
        rng = np.random.default_rng((config.seed, number))
        parts = run.source.draw(rng, config.batch).split(config.micro_batch)
        x, y = (torch.cat(side) for side in zip(*map(embed, parts), strict=True))
        largest.append(float(mahalanobis_cost(model.metric(x), model.metric(y)).max()))
    ranking = replace(ranking, cost_scale=float(np.mean(largest)))
    if config.objective.name in TRANSPORT:
        ranking = replace(ranking, epsilon=config.objective.epsilon)
    model.spec = replace(model.spec, ranking=ranking)
    return model.to("cpu")
