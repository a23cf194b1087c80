"""How to train: what the loop is told."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engine import durable
from engine.errors import InputError
from trainer.data.augment import SpecAugment
from trainer.loop.checkpoint import has_checkpoint
from trainer.objectives.losses import ObjectiveConfig


@dataclass(frozen=True)
class Rates:
    """Adam's highest learning rate of each part; 0 keeps a part as it is."""

    heads: float = 1e-3
    metric: float = 1e-4
    text_tower: float = 2e-5
    audio_tower: float = 0.0


@dataclass(frozen=True)
class RunConfig:
    """How to train.

    Towers are free in the last ``tower_steps`` only.  ``micro_batch`` rows are embedded at a
    time, while the plan spans the whole batch.  Validation every ``validate_every`` steps and
    after the last (0: never) keeps the weights whose figure ``score`` is highest, and stops a
    run when it has not risen ``patience`` times (0: never).  ``seed`` is that of order, noise
    and augmentation; ``init_seed`` (by default the same) that of what a run starts from.

    What the paper does otherwise (:mod:`trainer.recipes.paper`): ``optimiser`` adam;
    ``schedule`` constant; gradients of a norm over ``clip`` are shortened to it (0: none);
    ``cost_scale`` batch_max and ``metric_start`` symmetric
    (:mod:`trainer.objectives.ground_metric`); features enter the heads as they are unless
    ``standardise``; with ``tower_training`` the audio tower's dropout is on and its batch
    statistics follow the data.
    """

    steps: int = 1200
    tower_steps: int = 400
    batch: int = 256
    micro_batch: int = 256
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    ground_metric: str = "full"
    metric_pull: float = 0.0
    rates: Rates = field(default_factory=Rates)
    weight_decay: float = 0.01
    warm_up: float = 0.1
    feature_noise: float = 0.3  # in deviations of each feature
    augment: SpecAugment = field(default_factory=SpecAugment)
    average_decay: float = 0.995
    validate_every: int = 0
    patience: int = 0
    score: str = "score"
    mixed_precision: bool = True
    seed: int = 1
    init_seed: int | None = None
    optimiser: str = "adamw"
    schedule: str = "cosine"
    clip: float = 0.0
    cost_scale: str = "fixed"
    metric_start: str = "identity"
    dropout: float = 0.2
    standardise: bool = True
    tower_training: bool = False

    @property
    def starts_from(self) -> int:
        """The seed of what a run starts from."""
        return self.seed if self.init_seed is None else self.init_seed


def claim_folder(folder: Path, config: RunConfig, leads: bool) -> None:
    """Write a run's configuration down; it goes on only under the one it began with.

    :param leads: whether this process writes.
    :raises InputError: the folder holds a run with another one.
    """
    path, own = folder / "config.json", json.dumps(asdict(config), indent=2)
    if has_checkpoint(folder) and path.exists():
        now = json.loads(own)
        try:
            before = dict(json.loads(path.read_bytes()))
        except (ValueError, TypeError) as error:
            raise InputError(f"{path} is damaged: choose another folder for the run") from error
        changed = [name for name in now if before.get(name) != now[name]]
        if changed:
            raise InputError(
                f"{folder} contains a run that differs in {' and '.join(changed)}: continue "
                "with its original options, or choose another folder"
            )
    elif leads:
        durable.put_file(path, own.encode())
