"""Pairs of sound and caption at the level of features.

Two sources feed one batch: labelled clips, whose caption is the label bare or in a sentence;
and captions that come with AudioSet labels but without their sound, which are paired with
pool clips in which the teacher hears the same labels.  Those pairs are noisy, and many.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.errors import InputError

SENTENCE = "This is a sound of {label}."


@dataclass(frozen=True)
class TaggedCaption:
    """A caption with the AudioSet labels of the clip it describes."""

    text: str
    tags: frozenset[str]


@dataclass(frozen=True)
class Pool:
    """Clips that stand for sounds: features (n, 384), tag probabilities (n, 527), labels."""

    features: Tensor
    tag_probabilities: Tensor
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """Pairs: features (b, 384), their captions, and keys that are equal for equal meaning."""

    features: Tensor
    captions: list[str]
    keys: list[str]


def read_tag_names(folder: Path) -> list[str]:
    """Return the names of AudioSet's 527 classes, in the order of the teacher's logits."""
    return [row["display_name"] for row in _rows(folder / "text" / "class_labels_indices.csv")]


def read_tagged_captions(folder: Path, split: str) -> list[TaggedCaption]:
    """Return the captions of one split that come with AudioSet labels."""
    return [
        TaggedCaption(row["caption"], frozenset(row["audioset_labels"].split("; ")))
        for row in _rows(folder / "text" / "audiocaps_labels.csv")
        if row["split"] == split
    ]


class PairSource:
    """Draws batches from a pool and from tagged captions matched to it.

    A caption's candidates are the ``candidates`` pool clips whose tags agree best (cosine
    between its labels and the square roots of the clips' tag probabilities); captions whose
    best agreement is below ``least_agreement`` are left out.
    """

    def __init__(
        self,
        pool: Pool,
        captions: list[TaggedCaption],
        tag_names: list[str],
        candidates: int = 6,
        least_agreement: float = 0.5,
    ) -> None:
        self.pool = pool
        sets = sorted({caption.tags for caption in captions}, key=sorted)
        row = {name: index for index, name in enumerate(tag_names)}
        wanted = torch.zeros(len(sets), len(tag_names))
        for index, tags in enumerate(sets):
            wanted[index, [row[tag] for tag in tags if tag in row]] = 1.0
        heard = torch.nn.functional.normalize(pool.tag_probabilities.sqrt(), dim=1)
        agreement = torch.nn.functional.normalize(wanted, dim=1) @ heard.T
        self._agreement, self._clips = agreement.topk(min(candidates, len(heard)), dim=1)
        numbers = {tags: index for index, tags in enumerate(sets)}
        self._captions = [
            (caption.text, numbers[caption.tags])
            for caption in captions
            if self._agreement[numbers[caption.tags], 0] >= least_agreement
        ]

    @property
    def texts(self) -> list[str]:
        """Every caption that can be drawn."""
        labels = sorted(set(self.pool.labels))
        sentences = [SENTENCE.format(label=label) for label in labels]
        return labels + sentences + sorted({text for text, _ in self._captions})

    def draw(self, rng: np.random.Generator, size: int, caption_share: float) -> Batch:
        """Return ``size`` pairs, ``caption_share`` of them from tagged captions."""
        tagged = round(size * caption_share) if self._captions else 0
        clips = [int(i) for i in rng.integers(len(self.pool.labels), size=size - tagged)]
        captions, keys = [], []
        for clip in clips:
            label = self.pool.labels[clip]
            captions.append(label if rng.random() < 0.5 else SENTENCE.format(label=label))
            keys.append(f"label {label}")
        for pick in rng.integers(max(1, len(self._captions)), size=tagged):
            text, tags = self._captions[int(pick)]
            weight = torch.softmax(10.0 * self._agreement[tags], 0).numpy().astype(np.float64)
            choice = rng.choice(len(weight), p=weight / weight.sum())
            clips.append(int(self._clips[tags, choice]))
            captions.append(text)
            keys.append(f"tags {tags}")
        return Batch(self.pool.features[clips], captions, keys)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
