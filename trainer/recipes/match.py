"""What the shipped models are matched on, and what such a run leaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.models.audio_towers import Compact, EfficientAt
from engine.models.match_model import MatchModel
from engine.models.spec import ModelSpec
from engine.models.weights import fill, load_tensors
from trainer.data import cache as caches
from trainer.data.manifest import TRAIN, labelled_clips
from trainer.data.pairs import FeaturePairs, read_tag_names, read_tagged_captions
from trainer.recipes.teacher import make_pool


def tagged_pairs(
    data: Path, spectra: Sequence[Path], teacher: EfficientAt, student: Compact | None
) -> FeaturePairs:
    """Return the pairs of the training splits and of tagged captions, at the level of features.

    :param spectra: caches of the training splits, and of sounds without labels.
    """
    clips = labelled_clips(data, TRAIN)
    pool = make_pool([caches.load(path) for path in spectra], clips, teacher, student)
    return FeaturePairs(pool, read_tagged_captions(data, "train"), read_tag_names(data))


def matched(run: Path, spec: ModelSpec | None = None) -> MatchModel:
    """Return a model with what a match run trained, its audio tower untrained.

    :raises ModelError: the run has not finished, or its weights do not fit.
    """
    model = MatchModel(spec or ModelSpec(name="match", audio_tower="efficientat-mn04"))
    own = {
        n: t
        for n, t in model.state_dict().items()
        if n.startswith(("audio_tower.", "bank_", "exemplars"))
    }
    path = run / "matched.safetensors"
    fill(model, {**own, **load_tensors(path)}, "", path)
    return model
