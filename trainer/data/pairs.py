"""Pairs of sound and caption, drawn in batches; here at the level of features.

Two kinds feed one batch: labelled clips, whose caption is the label bare or in a sentence;
and captions that come with AudioSet labels but without their sound, which are paired with
pool clips in which the teacher hears the same labels.  Those pairs are noisy, and many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from engine.errors import InputError
from engine.search.labels.taxonomy import SENTENCE
from trainer.data.manifest import csv_rows

ALL = slice(None)
_CAPTION_COLUMNS = ("split", "caption", "audioset_labels")


@dataclass(frozen=True)
class TaggedCaption:
    """A caption with the AudioSet labels of the clip it describes."""

    text: str
    tags: frozenset[str]


@dataclass(frozen=True)
class Pool:
    """Clips that stand for sounds: features (n, width), tag probabilities (n, 527), labels.

    A clip without a label (an empty one) can only be drawn for a tagged caption.  Labels of
    equal ``meaning`` (their own, where none is given) are no negatives of one another.
    """

    features: Tensor
    tag_probabilities: Tensor
    labels: tuple[str, ...]
    meaning: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Pairs of one process: sounds, their captions, and keys that are equal for equal meaning.

    ``audio`` holds features (b, width); or, where ``samples`` (b,) says how many of each are
    real, waveforms (b, longest).  ``keys`` are those of the whole batch, of every process.
    """

    audio: Tensor
    captions: list[str]
    keys: list[str]
    samples: Tensor | None = None

    def pinned(self) -> Batch:
        """Return the batch in memory that a GPU can copy from while it computes."""
        return replace(self, audio=self.audio.pin_memory())

    def to(self, device: str) -> Batch:
        """Return the batch with its sounds on a device; how long they are stays known here."""
        return replace(self, audio=self.audio.to(device, non_blocking=True))

    def split(self, rows: int) -> list[Batch]:
        """Return micro-batches of at most ``rows`` pairs; padding is cut to about the longest.

        Their lengths come in few sizes: those who tune or compile themselves to a shape need
        not do so for every part anew.
        """
        parts = []
        for start in range(0, len(self.captions), rows):
            part = slice(start, start + rows)
            audio = self.audio[part]
            samples = None if self.samples is None else self.samples[part]
            if samples is not None:
                audio = audio[:, : _size_of(int(samples.max()))]
            parts.append(Batch(audio, self.captions[part], self.keys[part], samples))
        return parts


def _size_of(length: int) -> int:
    """Return the next size of eight an octave: at most an eighth more than ``length``."""
    step = 1 << max(0, length.bit_length() - 4)
    return -(-length // step) * step


class PairSource(Protocol):
    """Where batches come from."""

    @property
    def texts(self) -> list[str]:
        """Captions that can be drawn, as far as they can be told beforehand."""

    def draw(self, rng: np.random.Generator, size: int, share: slice = ALL) -> Batch:
        """Return the pairs ``share`` of a batch of ``size``, which depends on ``rng`` alone."""

    def sample(self, rng: np.random.Generator) -> Batch:
        """Return pairs from which features can be standardised."""

    def digest(self) -> str:
        """Return twelve hexadecimal digits; a run goes on only while they stay the same."""


def source_digest(told: object, *arrays: np.ndarray) -> str:
    """Return twelve hexadecimal digits of what is told of a source, and of its numbers."""
    found = hashlib.sha256(repr(told).encode(errors="surrogatepass"))
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:12]


def read_tag_names(folder: Path) -> list[str]:
    """Return the names of AudioSet's 527 classes, in the order of the teacher's logits."""
    table = folder / "text" / "class_labels_indices.csv"
    return [row["display_name"] for row in csv_rows(table, ("display_name",))]


def read_tagged_captions(folder: Path, split: str) -> list[TaggedCaption]:
    """Return the captions of one split that come with AudioSet labels."""
    rows = csv_rows(folder / "text" / "audiocaps_labels.csv", _CAPTION_COLUMNS)
    return [
        TaggedCaption(row["caption"], frozenset(row["audioset_labels"].split("; ")))
        for row in rows
        if row["split"] == split
    ]


def read_descriptions(folder: Path) -> list[str]:
    """Return what sound librarians wrote of the BBC's sound effects; some of it is empty."""
    rows = csv_rows(folder / "text" / "BBCSoundEffects.csv", ("description",))
    return [row["description"] for row in rows]


class FeaturePairs:
    """Draws batches from a pool and from tagged captions matched to it.

    ``caption_share`` of a batch comes from tagged captions.  A caption's candidates are the
    ``candidates`` pool clips whose tags agree best (cosine between its labels and the square
    roots of the clips' tag probabilities); captions whose best agreement is below
    ``least_agreement`` are left out.  A share ``wrong`` of labels and of captions is dealt
    out anew.
    """

    def __init__(
        self,
        pool: Pool,
        captions: Sequence[TaggedCaption] = (),
        tag_names: Sequence[str] = (),
        caption_share: float = 0.35,
        candidates: int = 6,
        least_agreement: float = 0.5,
        wrong: float = 0.0,
        wrong_seed: int = 0,
    ) -> None:
        self.pool, self.caption_share = pool, caption_share
        if wrong:
            labels = tuple(shuffled(pool.labels, wrong, wrong_seed))
            self.pool = pool = replace(pool, labels=labels)
            texts = shuffled([caption.text for caption in captions], wrong, wrong_seed)
            pairs = zip(captions, texts, strict=True)
            captions = [replace(caption, text=text) for caption, text in pairs]
        self._labelled = np.flatnonzero([bool(label) for label in pool.labels])
        if not len(self._labelled):
            raise InputError("there are no labelled sounds to train on")
        self._captions: list[tuple[str, int]] = []
        self._tagged = captions
        if captions:
            self._match(captions, tag_names, candidates, least_agreement)

    def _match(
        self,
        captions: Sequence[TaggedCaption],
        tag_names: Sequence[str],
        candidates: int,
        least_agreement: float,
    ) -> None:
        pool = self.pool
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
        labels = sorted(set(self.pool.labels) - {""})
        sentences = [SENTENCE.format(label=label) for label in labels]
        return labels + sentences + sorted({text for text, _ in self._captions})

    def digest(self) -> str:
        """Return what labels and captions are known by.

        Features are not asked: they are computed when a run begins, not always to the last bit.
        """
        tagged = [(caption.text, sorted(caption.tags)) for caption in self._tagged]
        pool = self.pool
        told = (pool.labels, sorted(pool.meaning.items()), len(pool.features), tagged)
        return source_digest((*told, self.caption_share))

    def draw(self, rng: np.random.Generator, size: int, share: slice = ALL) -> Batch:
        """Return the pairs ``share`` of a batch of ``size``."""
        tagged = round(size * self.caption_share) if self._captions else 0
        picks = rng.integers(len(self._labelled), size=size - tagged)
        clips = [int(self._labelled[pick]) for pick in picks]
        captions, keys = [], []
        for clip in clips:
            label = self.pool.labels[clip]
            captions.append(label if rng.random() < 0.5 else SENTENCE.format(label=label))
            keys.append(f"label {self.pool.meaning.get(label, label)}")
        for pick in rng.integers(max(1, len(self._captions)), size=tagged):
            text, tags = self._captions[int(pick)]
            weight = torch.softmax(10.0 * self._agreement[tags], 0).numpy().astype(np.float64)
            choice = rng.choice(len(weight), p=weight / weight.sum())
            clips.append(int(self._clips[tags, choice]))
            captions.append(text)
            keys.append(f"tags {tags}")
        return Batch(self.pool.features[clips[share]], captions[share], keys)

    def sample(self, rng: np.random.Generator) -> Batch:
        """Return every labelled clip's features."""
        labels = [self.pool.labels[clip] for clip in self._labelled]
        return Batch(self.pool.features[self._labelled], labels, labels)


def shuffled(captions: Sequence[str], ratio: float, seed: int) -> list[str]:
    """Return the captions with a share ``ratio`` of them dealt out anew (paper section 5.2)."""
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(captions))[: round(ratio * len(captions))]
    dealt = list(captions)
    for place, origin in zip(wrong, np.roll(wrong, 1), strict=True):
        dealt[place] = captions[origin]
    return dealt
