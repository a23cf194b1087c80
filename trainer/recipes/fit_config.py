"""What a run of ``soundsift train fit`` is: one table, for its options and for its file.

A field is an option of the command line (``--micro-batch``) and a key of a configuration file
(``micro-batch``); the file that a run writes holds all of them, and given back reproduces it.
"""

from __future__ import annotations

import json
import tomllib
import types
import typing
from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from engine import durable
from engine.errors import InputError
from engine.models.catalog import find_model
from engine.models.towers import AUDIO_TOWERS, COMPACT
from engine.paths import why_no_file
from trainer.data.sets import place_of
from trainer.evaluation.validation import RISING
from trainer.objectives.ground_metric import METRICS, SCALES, STARTS
from trainer.objectives.losses import OBJECTIVES
from trainer.recipes.bounds import (
    COUNT,
    MASS,
    NOT_NEGATIVE,
    PAIRS,
    POSITIVE,
    RATE,
    SEED,
    SHARE,
    WIDTH,
    Bounds,
    check_numbers,
)
from trainer.recipes.paper import OURS, RECIPES

MAY_CHANGE = (
    *("device", "workers", "compile"),
    *("checkpoint_minutes", "checkpoint_steps", "tensorboard"),
)
_BELOW_ONE, _ONE_OR_TWO = Bounds(least=0, most=0.9999), Bounds(least=1, most=2)
_RECIPE = "default options: ours, or as in the paper (docs/experiments.md)"
_SETS = "KIND:FOLDER, with KIND audiocaps, clotho, esc50, urbansound8k, csv, folder, soundsift"


def _option(
    default: Any, text: str, bounds: Bounds | None = None, choices: Collection[str] | None = None
) -> Any:
    about = {"help": text, "bounds": bounds, "choices": choices}
    return field(default=default, metadata=about)


def _settled(
    name: str, text: str, bounds: Bounds | None = None, choices: Collection[str] | None = None
) -> Any:
    """Return an option that recipes settle; its default is what we train with."""
    return _option(OURS[name], text, bounds, choices)


@dataclass(frozen=True)
class FitConfig:
    """Everything that a run depends on, but for the sounds themselves."""

    sets: tuple[str, ...] = _option((), _SETS)
    recipe: str = _option("ours", _RECIPE, None, tuple(RECIPES))
    split: str = _option("train", "split of the sets (folds as 1,2,3)")
    validation: str | None = _option(None, "KIND:FOLDER, to stop early by")
    validation_split: str = _option("val", "split of the validation set")
    encoder: str = _option(COMPACT, "the audio encoder", None, AUDIO_TOWERS)
    weights: Path | None = _option(None, "the encoder's checkpoint (or CLAP folder)")  # noqa: RUF009
    base: str | None = _option(None, "start from this model, by name or folder")
    text_encoder: Path | None = _option(None, "folder of a BERT-class encoder")  # noqa: RUF009
    frozen: bool = _option(False, "train on features of frozen encoders")
    loss: str = _option("mltm", "the objective", None, OBJECTIVES)
    mass: float = _option(0.85, "mass of --loss partial", MASS)
    epsilon: float = _option(0.05, "regularisation of the plan", POSITIVE)
    squared: bool = _option(False, "c²/2 in place of the cost c")
    metric: str = _settled("metric", "the ground metric", None, METRICS)
    rank: int | None = _option(None, "rank of the metric's factor", WIDTH)
    metric_start: str = _settled(
        "metric_start", "learning rate of M, where M itself is learnt", None, STARTS
    )
    cost_scale: str = _settled("cost_scale", "what costs are divided by", None, SCALES)
    pull: float = _option(0.0, "of the factor to the identity", NOT_NEGATIVE)
    dimensions: int = _settled("dimensions", "of the joint space", WIDTH)
    epochs: float = _settled("epochs", "passes over as many pairs as there are captions", POSITIVE)
    steps: int | None = _option(None, "instead of --epochs", COUNT)
    batch: int = _settled("batch", "pairs under one plan", PAIRS)
    micro_batch: int = _option(32, "rows at a time, one plan for all", COUNT)
    head_rate: float = _settled("head_rate", "highest rate of the projections", RATE)
    metric_rate: float = _settled("metric_rate", "of the metric", RATE)
    text_rate: float = _settled("text_rate", "of the text tower; 0 freezes", RATE)
    audio_rate: float = _settled("audio_rate", "of the audio tower; 0 freezes", RATE)
    optimiser: str = _settled("optimiser", "of all parts", None, ("adamw", "adam"))
    schedule: str = _settled("schedule", "of the rates", None, ("cosine", "constant"))
    weight_decay: float = _settled("weight_decay", "of all but the metric", NOT_NEGATIVE)
    clip: float = _settled("clip", "longest gradient, by its norm; 0 for any", NOT_NEGATIVE)
    average: float = _settled("average", "decay of the weights' average; 0 for none", _BELOW_ONE)
    dropout: float = _settled("dropout", "share of the projections' hidden channels", _BELOW_ONE)
    standardise: bool = _settled("standardise", "features before the projections")
    pooling: str = _settled("pooling", "of the text tower's tokens", None, ("mean", "first"))
    discarded_layers: int = _settled("discarded_layers", "of PANNs' ResNet38: 1 or 2", _ONE_OR_TWO)
    tower_training: bool = _settled(
        "tower_training", "the audio tower's dropout and batch statistics"
    )
    float32: bool = _settled("float32", "no bfloat16 on a GPU either")
    bf16: bool = _option(False, "towers in bfloat16 on a CPU too")
    feature_noise: float = _settled("feature_noise", "in deviations of each feature", NOT_NEGATIVE)
    augment: bool = _settled("augment", "change gain, spectrum and gaps of what is heard")
    noise: float = _option(0.0, "share of pairs that is shuffled", SHARE)
    mix: float = _option(0.0, "share of pairs made of two sounds", SHARE)
    longest: float = _settled("longest", "seconds of a sound", POSITIVE)
    patience: int = _settled(
        "patience", "stop after so many validations without gain; 0: never", NOT_NEGATIVE
    )
    score: str = _option(
        "score", "validation figure that picks the best step and stops early", None, RISING
    )
    seed: int = _option(1, "of order, noise and augmentation", SEED)
    init_seed: int | None = _option(None, "of the starting weights (default: --seed)", SEED)
    device: str = _option("cpu", "auto, cpu or cuda")
    workers: int | None = _option(None, "threads that draw batches ahead", NOT_NEGATIVE)
    compile: bool = _option(False, "trace and fuse the towers, for a GPU")
    checkpoint_minutes: float = _option(5.0, "at most, between checkpoints", NOT_NEGATIVE)
    checkpoint_steps: int = _option(200, "at most, between checkpoints", NOT_NEGATIVE)
    tensorboard: bool = _option(False, "write figures for TensorBoard, too")

    @classmethod
    def of(cls, options: object) -> FitConfig:
        """Return what an object with such attributes says, and for the rest what its recipe does.

        :raises InputError: there is no such recipe.
        """
        named = [f.name for f in fields(cls) if hasattr(options, f.name)]
        found = {name: getattr(options, name) for name in named}
        recipe = found.get("recipe", "ours")
        if recipe not in RECIPES:
            raise InputError(f"--recipe {recipe} is not one of {', '.join(RECIPES)}")
        return cls(**{**RECIPES[recipe], **found, "sets": tuple(found.get("sets") or ())})

    def checked(self) -> FitConfig:
        """Return the same, with ``init_seed`` said.

        :raises InputError: a number is out of bounds, a choice is none, no set is named.
        """
        if not self.sets:
            raise InputError(f"there is no --set to train on: give one or more as {_SETS}")
        named = {f.name: f for f in fields(self)}
        values = {name: getattr(self, name) for name in named}
        limits = {name: f.metadata["bounds"] for name, f in named.items()}
        check_numbers(values, {name: b for name, b in limits.items() if b is not None})
        for name, known in named.items():
            choices = known.metadata["choices"]
            if choices and values[name] not in choices:
                raise InputError(
                    f"--{option_of(name)} {values[name]} is not one of {', '.join(choices)}"
                )
        return replace(self, init_seed=self.seed if self.init_seed is None else self.init_seed)

    def changed(self, other: FitConfig) -> list[str]:
        """Return the options in which two runs differ, but for what may change."""
        names = [f.name for f in fields(self) if f.name not in MAY_CHANGE]
        return [option_of(n) for n in names if getattr(self, n) != getattr(other, n)]


def option_of(name: str) -> str:
    """Return the option, and the file's key, of a field."""
    return "set" if name == "sets" else name.replace("_", "-")


def kinds() -> dict[str, Any]:
    """Return each field's type, None taken out of it."""
    hints = typing.get_type_hints(FitConfig)
    return {f.name: _inner(hints[f.name]) for f in fields(FitConfig)}


def _inner(hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


def read_config(path: Path) -> dict[str, Any]:
    """Return the fields that a TOML file sets.

    :raises InputError: it cannot be read, or sets something that there is not.
    """
    try:
        if (other := why_no_file(path)) is not None:
            raise InputError(f"{path} {other}, not a file: name a configuration")
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as a configuration") from error
    except ValueError as error:  # of its syntax, or a number of too many digits
        raise InputError(f"{path} is not TOML: {error}") from error
    names, kind_of = {option_of(name): name for name in kinds()}, kinds()
    for key in found:
        if key not in names:
            raise InputError(f"{path} sets {key}, which is not an option of `soundsift train fit`")
    return {
        names[key]: _value(path, key, value, kind_of[names[key]]) for key, value in found.items()
    }


def _value(path: Path, key: str, value: Any, kind: Any) -> Any:
    """Return a file's value as the field has it."""
    if kind is float and type(value) is int and abs(value) < 1 << 1000:
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind in (bool, int, float, str) and type(value) is kind:
        return value
    is_list = isinstance(value, list) and all(isinstance(part, str) for part in value)
    if kind == tuple[str, ...] and is_list:
        return tuple(value)
    raise InputError(f"{path} sets {key} to {value}, which is not possible")


def write_config(path: Path, config: FitConfig) -> None:
    """Write all of a configuration, for :func:`read_config`; what is None is left out.

    :raises InputError: a name in it is no Unicode.
    """
    lines = ["# What this run is: `soundsift train fit FOLDER --config` takes it back."]
    for known in fields(config):
        value = getattr(config, known.name)
        if value is not None:
            lines.append(f"{option_of(known.name)} = {_toml(value)}")
    try:
        data = ("\n".join(lines) + "\n").encode()
    except UnicodeEncodeError as error:
        raise InputError(
            "the name of a set or model is not valid Unicode, so the run's configuration "
            "cannot contain it: rename it"
        ) from error
    durable.put_file(path, data)


def _toml(value: Any) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def absolute(config: FitConfig) -> FitConfig:
    """Return the same, true in every working directory."""
    base = config.base
    if base and find_model(base) == Path(base):  # and not the name of one that is installed
        base = str(Path(base).resolve())
    return replace(
        config,
        sets=tuple(_absolute_set(name) for name in config.sets),
        validation=_absolute_set(config.validation) if config.validation else None,
        weights=_absolute_path(config.weights),
        text_encoder=_absolute_path(config.text_encoder),
        base=base,
    )


def _absolute_set(name: str) -> str:
    kind, colon, place = name.partition(":")
    return f"{kind}:{place_of(place)}" if colon and place else name


def _absolute_path(path: Path | None) -> Path | None:
    return None if path is None else place_of(path)
