"""The teacher network: loading it, and what it hears in cached spectra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.encoders import AudioTower
from engine.models.weights import fill, load_checkpoint, load_tensors
from trainer.data.cache import Cache
from trainer.data.manifest import LabelledClip
from trainer.data.pairs import Pool

TEACHER = "weights/mn04_as_mAP_432.pt"  # in the data folder
_LONGEST_FRAMES = 1000


def load_teacher(checkpoint: Path) -> EfficientAt:
    """Return EfficientAT's mn04 with its authors' weights, in evaluation mode.

    :raises ModelError: the file is no checkpoint of that architecture.
    """
    teacher = EfficientAt()
    fill(teacher, load_checkpoint(checkpoint), "", checkpoint)
    teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return teacher.eval().requires_grad_(False)


def load_student(path: Path) -> Compact:
    """Return a compact tower: distilled weights, or those in the folder of a model."""
    student = Compact()
    if path.is_dir():  # a model that was trained end to end
        tensors = load_tensors(path / "weights.safetensors", ("audio_tower.",))
        fill(student, tensors, "audio_tower.", path)
    else:
        fill(student, load_tensors(path), "", path)
    return student.eval()


@torch.no_grad()
def clip_features(tower: AudioTower, cache: Cache) -> Tensor:
    """Return pooled features (clips, 384) of the first ten seconds of every clip."""
    tower.eval()
    tower.to(memory_format=torch.channels_last)  # depthwise convolutions are many times slower else
    features = []
    for index in range(len(cache.lengths)):
        frames = np.array(cache.clip(index)[:_LONGEST_FRAMES])
        features.append(tower(torch.from_numpy(frames).float().T[None])[0])
    return torch.stack(features)


def clip_labels(cache: Cache, clips: Sequence[LabelledClip]) -> tuple[str, ...]:
    """Return the label of every cached sound, "" of one that is not among ``clips``."""
    labels = {str(clip.path): clip.label for clip in clips}
    return tuple(labels.get(path, "") for path in cache.paths)


def make_pool(
    caches: Sequence[Cache],
    clips: Sequence[LabelledClip],
    teacher: EfficientAt,
    student: AudioTower | None = None,
) -> Pool:
    """Return the pool of all cached sounds as the teacher (and the student, if any) hears them.

    Sounds that are not among the labelled ``clips`` stand in for the sounds of captions only.
    With a student every clip stands in the pool twice, once in either tower's features, under
    the teacher's tags: projections then fit both towers.
    """
    meaning = {clip.label: clip.merged for clip in clips}
    names = tuple(label for cache in caches for label in clip_labels(cache, clips))
    features = torch.cat([clip_features(teacher, cache) for cache in caches])
    tags = torch.sigmoid(teacher.logits(features))
    if student is None:
        return Pool(features, tags, names, meaning)
    heard = torch.cat([clip_features(student, cache) for cache in caches])
    return Pool(torch.cat([features, heard]), torch.cat([tags, tags]), names + names, meaning)
