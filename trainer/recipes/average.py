"""Average runs that began with the same weights into one model (a *model soup*).

Wortsman et al., *Model soups: averaging weights of multiple fine-tuned models improves accuracy
without increasing inference time*, ICML 2022: what several fine-tunings of one model find lies
in one basin, whose middle is often better than any of them, at the cost of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import InputError
from engine.models.drafts import draft_of
from engine.models.folder import write_model
from engine.models.match_model import AudioEncoder, load_model, load_tokenizer
from engine.progress import Control
from trainer.data.left_out import LeftOut
from trainer.data.sets import Captioned, read_set
from trainer.evaluation.validation import Validation
from trainer.loop.checkpoint import read_tensors
from trainer.loop.log import Tell
from trainer.recipes.fit import CONFIG
from trainer.recipes.fit_config import FitConfig, read_config
from trainer.recipes.once import FEATURES, is_validated_on

_OWN = ("seed", "init-seed")  # what runs of one start may differ in; the start itself is compared


@dataclass(frozen=True)
class AveragedRun:
    """One finished run: what it was, what it began with, and the weights it ended in."""

    folder: Path
    config: FitConfig
    started_from: str
    weights: dict[str, Tensor]


def average_runs(
    target: Path,
    folders: Sequence[Path],
    validation: str | None,
    split: str | None,
    control: Control,
    tell: Tell,
) -> None:
    """Write ``target/model``, the average of runs; tell how it and they do on a validation set.

    :param validation: ``KIND:FOLDER``; by default the runs' own, None if they had none.
    :raises InputError: the runs are fewer than two, not finished, or do not fit together.
    """
    if (target / "model").exists():
        raise InputError(f"{target} already contains a model: choose another folder")
    if len({folder.resolve() for folder in folders}) < 2:
        raise InputError("an average needs at least two runs: name their folders")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("one run is named twice: name each folder once")
    parts = [_averaged_run(folder) for folder in folders]
    _check_alike(parts)
    config = parts[0].config
    exam_sounds = _exam_sounds(parts, validation, split)
    first = folders[0] / "model"
    model = load_model(first)
    model.load_state_dict(averaged([part.weights for part in parts]), strict=False)
    model.spec = replace(model.spec, name=target.name)
    exam = _exam(first, exam_sounds, config.longest, control)
    event: dict[str, Any] = {"event": "averaged", "model": str(target / "model")}
    if exam is not None:
        event["figures"] = figures = _rounded(exam(model))
        of_parts = [_rounded(exam(load_model(folder / "model"))) for folder in folders]
        event["runs"] = [
            {"run": str(folder), **own} for folder, own in zip(folders, of_parts, strict=True)
        ]
        best = max(own[config.score] for own in of_parts)
        event |= {"gain": round(figures[config.score] - best, 5), "gain_in": config.score}
    target.mkdir(parents=True, exist_ok=True)
    with draft_of(target / "model") as draft:
        write_model(draft, model, first / "tokenizer.json", _pool(folders[0]))
    tell(event)


def averaged(
    weights: Sequence[dict[str, Tensor]], shares: Sequence[float] = ()
) -> dict[str, Tensor]:
    """Return the mean of several runs' weights; what only counts is the first run's.

    :param shares: of each run, which sum to 1 (by default alike).
    """
    found = {}
    shares = shares or [1.0 / len(weights)] * len(weights)
    for name, first in weights[0].items():
        if first.is_floating_point():
            parts = [p * own[name].double() for p, own in zip(shares, weights, strict=True)]
            found[name] = torch.stack(parts).sum(0).to(first.dtype)
        else:
            found[name] = first
    return found


def _averaged_run(folder: Path) -> AveragedRun:
    path = folder / "matched.safetensors"
    config = folder / CONFIG
    if not (path.is_file() and config.is_file() and (folder / "model" / "model.json").is_file()):
        raise InputError(f"{folder} is not a finished run of `soundsift train fit`")
    weights, notes = read_tensors(path)
    return AveragedRun(
        folder, FitConfig(**read_config(config)), notes.get("started_from", ""), weights
    )


def _check_alike(parts: Sequence[AveragedRun]) -> None:
    """Check that weights of these runs may be averaged.

    :raises InputError: their configurations or starting weights differ.
    """
    first = parts[0]
    for other in parts[1:]:
        changed = [name for name in first.config.changed(other.config) if name not in _OWN]
        if changed:
            raise InputError(
                f"{first.folder} and {other.folder} differ in {' and '.join(changed)}: only runs "
                "that differ in --seed alone can be averaged"
            )
        if not (first.started_from == other.started_from and _stand_alike(first, other)):
            raise InputError(
                f"{first.folder} and {other.folder} started from different weights, whose "
                "average is meaningless: train them with one --init-seed, or from one --base"
            )


def _exam_sounds(
    parts: Sequence[AveragedRun], validation: str | None, split: str | None
) -> list[Captioned]:
    """Return what runs and average are measured on; nothing if nobody named anything.

    :raises InputError: it should be the runs' own, and that has changed since.
    """
    config = parts[0].config
    name = validation or config.validation
    if not name:
        return []
    with LeftOut() as skipped:
        sounds = read_set(name, split or config.validation_split, skipped)
    for part in () if validation or split else parts:
        if not is_validated_on(part.folder, sounds):
            raise InputError(
                f"the sounds or captions that {part.folder} was validated on have changed since: "
                "put them back, or name a set with --validation"
            )
    return sounds


def _stand_alike(part: AveragedRun, other: AveragedRun) -> bool:
    """Whether two runs see features in the same units, but for rounding."""
    names = [n for n in part.weights if n.endswith(("_head.mean", "_head.deviation"))]
    pairs = ((part.weights[name], other.weights[name]) for name in names)
    return all(torch.allclose(one, two, rtol=1e-3, atol=1e-4) for one, two in pairs)


def _exam(
    folder: Path, sounds: Sequence[Captioned], longest_s: float, control: Control
) -> Validation | None:
    if not sounds:
        return None
    audio_encoder = AudioEncoder(load_model(folder))
    return Validation(audio_encoder, load_tokenizer(folder), sounds, longest_s, control)


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in figures.items()}


def _pool(run: Path) -> Tensor | None:
    """Return the features of a frozen run, on which the bank's potentials are solved."""
    path = run / FEATURES
    if not path.is_file():
        return None
    features: Tensor = torch.load(path, weights_only=True)["features"]
    return features
