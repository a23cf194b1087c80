"""How well a model knows a library, and what it knew before."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine.models.match_model import AudioEncoder, MatchModel, TextEncoder
from engine.progress import Control
from engine.search.labels.taxonomy import SENTENCE
from engine.transport import mahalanobis_cost
from trainer.data.library_pairs import CaptionedFeatures
from trainer.evaluation.metrics import recall_and_map
from trainer.evaluation.protocols import embed_sounds, read_manifest
from trainer.recipes.rehearsal import Guard


@dataclass(frozen=True)
class Standing:
    """How well a model does: on sounds of a library by their names, and in general.

    ``agreement`` is that of :class:`trainer.recipes.rehearsal.Guard`, None where the base model
    has no exemplars; ``general`` is zero-shot R@1 on a set that was named, None without one.
    """

    r1: float
    r10: float
    map10: float
    agreement: float | None = None
    general: float | None = None


@dataclass(frozen=True)
class GeneralSet:
    """Sounds of everything, which a model should go on knowing: features, label of each."""

    features: Tensor
    labels: tuple[str, ...]

    def figure(self, text_encoder: TextEncoder) -> float:
        """Return zero-shot R@1."""
        texts = sorted(set(self.labels))
        relevant = torch.tensor([[own == text for text in texts] for own in self.labels])
        cost = mahalanobis_cost(text_encoder.model.map_features(self.features), text_encoder(texts))
        return recall_and_map(-cost, relevant, None)["r1"]


def hear_general_set(model: MatchModel, manifest: Path, control: Control) -> GeneralSet:
    """Listen to the sounds of a manifest (path, and label or caption).

    :raises InputError: it is no such manifest; AudioError: a sound cannot be decoded.
    """
    column = _text_column(manifest)
    rows = dict(read_manifest(manifest, column))
    heard = embed_sounds(AudioEncoder(model), rows, control, mapped=False)
    texts = [rows[path] for path in heard.paths]
    labels = [SENTENCE.format(label=text) if column == "label" else text for text in texts]
    return GeneralSet(heard.means(), tuple(labels))


def _text_column(manifest: Path) -> str:
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            return "label" if "label" in next(csv.reader(file), ()) else "caption"
    except (OSError, UnicodeDecodeError, csv.Error):
        return "caption"  # reading it whole says what is wrong


@dataclass(frozen=True)
class Exam:
    """Sounds that are looked for by their names among one another."""

    sounds: CaptionedFeatures
    queries: tuple[str, ...]
    relevant: Tensor

    @torch.inference_mode()
    def grade(self, text_encoder: TextEncoder) -> tuple[Standing, Tensor]:
        """Return a model's standing, and each query's reciprocal rank."""
        u = text_encoder.model.map_features(self.sounds.features)
        cost = mahalanobis_cost(text_encoder(self.queries), u)
        scores = cost.new_full((len(self.queries), len(self.sounds.captions)), -torch.inf)
        scores = scores.scatter_reduce(1, self.sounds.clip.expand_as(cost), -cost, "amax")
        figures = recall_and_map(scores, self.relevant)
        own = scores.masked_fill(~self.relevant, -torch.inf).max(1).values
        rank = (scores > own[:, None]).sum(1) + 1
        return Standing(figures["r1"], figures["r10"], figures["map"]), 1.0 / rank


def exam_of(sounds: CaptionedFeatures) -> Exam:
    """Return the exam on captioned sounds; their first captions are what is asked."""
    names = [texts[0] for texts in sounds.captions]
    queries = tuple(sorted(set(names)))
    relevant = torch.tensor([[name == query for name in names] for query in queries])
    return Exam(sounds, queries, relevant)


@dataclass(frozen=True)
class Watch:
    """What watches over forgetting: the guard, and a general set; either may be absent."""

    guard: Guard | None
    known: GeneralSet | None

    @torch.inference_mode()
    def figures(self, text_encoder: TextEncoder) -> tuple[float | None, float | None]:
        """Return ``agreement`` and ``general`` of a :class:`Standing`."""
        return (
            None if self.guard is None else self.guard.agreement(text_encoder),
            None if self.known is None else self.known.figure(text_encoder),
        )
