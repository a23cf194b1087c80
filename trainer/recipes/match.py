"""What the shipped models are matched on, what they begin with, and what such runs leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from engine.errors import InputError
from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.foreign import load_foreign_text_encoder
from engine.models.match_model import MatchModel, load_model, load_tokenizer
from engine.models.spec import ModelSpec
from engine.models.text_towers import CaptionTokenizer
from engine.models.towers import MN04
from engine.models.weights import fill
from trainer.data import cache as caches
from trainer.data.manifest import labelled_clips
from trainer.data.pairs import FeaturePairs, read_tag_names, read_tagged_captions
from trainer.loop.checkpoint import read_tensors
from trainer.loop.run import BESIDE_HEADS, digest_of
from trainer.recipes.average import averaged
from trainer.recipes.teacher import make_pool

MATCHED = "matched.safetensors"


def tagged_pairs(
    data: Path,
    splits: str,
    spectra: Sequence[Path],
    teacher: EfficientAt,
    student: Compact | None,
    caption_share: float,
) -> FeaturePairs:
    """Return the pairs of labelled splits and of tagged captions, at the level of features.

    :param splits: of the data folder, such as ``train,train2``.
    :param spectra: caches of the training splits, and of sounds without labels.
    :param caption_share: of a batch, in [0, 1].
    """
    clips = labelled_clips(data, splits)
    pool = make_pool([caches.load(path) for path in spectra], clips, teacher, student)
    captions = read_tagged_captions(data, "train")
    return FeaturePairs(pool, captions, read_tag_names(data), caption_share)


def beginning(start: Path | None, encoder: Path) -> tuple[MatchModel, CaptionTokenizer]:
    """Return what a match run begins with: a model, or a text encoder under random heads.

    :raises ModelError: the folder is no model.
    :raises InputError: the model has a second view already.
    """
    if start is None:
        text, tokenizer, weights = load_foreign_text_encoder(encoder)
        model = MatchModel(ModelSpec("match", MN04, text_encoder=text))
        model.text_tower.load_state_dict(weights)
        return model, tokenizer
    model = load_model(start)
    if model.spec.tags:
        raise InputError(
            f"{start} has a second view, under whose metric no first one can be trained: start "
            "from a model that was exported without --tags"
        )
    return model, load_tokenizer(start)


def matched(
    runs: Sequence[Path],
    spec: ModelSpec | None = None,
    start: Path | None = None,
    start_share: float = 0.5,
) -> MatchModel:
    """Return a model with the average of what match runs trained, its audio tower untrained.

    What a run unlearns of the model that it began with comes back by going half of the way
    only (Wortsman et al., *Robust fine-tuning of zero-shot models*, CVPR 2022).

    :param start: the model that the runs began with, which counts by ``start_share``.
    :raises InputError: a run has not finished, or began with other weights.
    :raises ModelError: their weights do not fit.
    """
    spec = spec or ModelSpec(name="match", audio_tower=MN04)
    found, begun = zip(*(_of_run(run) for run in runs), strict=True)
    mean = averaged(found)
    if start is not None:
        first, _ = beginning(start, start)
        begun += (digest_of(first),)
        spec = replace(spec, text_encoder=first.spec.text_encoder)
        own = {name: first.state_dict()[name] for name in mean}
        mean = averaged([own, mean], (start_share, 1.0 - start_share))
    if len(set(begun)) > 1:
        named = " and ".join(str(path) for path in (*runs, *filter(None, [start])))
        raise InputError(
            f"{named} started from different weights, whose average is meaningless: train "
            "with `match --start` from one model"
        )
    model = MatchModel(spec)
    kept = {n: t for n, t in model.state_dict().items() if n.startswith(BESIDE_HEADS)}
    fill(model, {**kept, **mean}, "", runs[0] / MATCHED)
    return model


def _of_run(run: Path) -> tuple[dict[str, Tensor], str]:
    if not (run / MATCHED).is_file():
        raise InputError(f"{run} is not a finished run of `soundsift train match`")
    weights, notes = read_tensors(run / MATCHED)
    return weights, notes.get("started_from", "")
