"""The teacher network: loading it, and what it hears in cached spectra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.models.audio_towers import Compact, EfficientAt
from engine.models.weights import fill, load_checkpoint
from trainer.cache import Cache
from trainer.data import LabelledClip
from trainer.pairs import Pool

_LONGEST_FRAMES = 1000


def load_teacher(checkpoint: Path) -> EfficientAt:
    """Return EfficientAT's mn04 with its authors' weights, in evaluation mode.

    :raises ModelError: the file is no checkpoint of that architecture.
    """
    teacher = EfficientAt()
    fill(teacher, load_checkpoint(checkpoint), "", checkpoint)
    teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return teacher.eval().requires_grad_(False)


@torch.no_grad()
def clip_features(tower: EfficientAt | Compact, spectra: Cache) -> Tensor:
    """Return pooled features (clips, 384) of the first ten seconds of every clip."""
    tower.eval()
    features = []
    for index in range(len(spectra.lengths)):
        frames = np.array(spectra.clip(index)[:_LONGEST_FRAMES])
        features.append(tower(torch.from_numpy(frames).float().T[None])[0])
    return torch.stack(features)


def labelled_pool(
    spectra: Cache, clips: list[LabelledClip], teacher: EfficientAt, student: Compact | None
) -> Pool:
    """Return the pool of labelled clips as the teacher (and the student, if any) hears them.

    With a student every clip stands in the pool twice, once in either tower's features,
    under the teacher's tags: projections then fit both towers.
    """
    label = {str(clip.path): clip.label for clip in clips}
    labels = tuple(label[path] for path in spectra.paths)
    features = clip_features(teacher, spectra)
    tags = torch.sigmoid(teacher.logits(features))
    if student is None:
        return Pool(features, tags, labels)
    features = torch.cat([features, clip_features(student, spectra)])
    return Pool(features, torch.cat([tags, tags]), labels + labels)
