"""Evaluation on manifests, with every figure under the name of its protocol.

``plain`` ranks by Mahalanobis distance; ``bank`` takes hubs out by the potentials of the
model's bank of general texts, as the engine's search does; ``library`` by those of what the
other sounds of the set are called; ``paper`` transports the whole test set at once, which lets
each query see the others and tells the method that labels are balanced.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import AudioError, InputError, reason
from engine.index.embed import embed_files
from engine.models.label_reader import LabelReader
from engine.models.match_model import AudioEncoder, TextEncoder
from engine.paths import why_no_file
from engine.progress import Control, Progress
from engine.search.labels.taxonomy import SENTENCE
from engine.transport import (
    bank_potentials,
    library_potential,
    mahalanobis_cost,
    scores,
)
from trainer.data.manifest import csv_rows
from trainer.data.means import group_means
from trainer.data.sets import Tell
from trainer.evaluation.metrics import modality_gap, recall_and_map
from trainer.evaluation.rankings import joint_plan, library_scores, owners


@dataclass(frozen=True)
class Embedded:
    """Embedded clips of a manifest: vectors (windows, rank) and each window's clip.

    ``unmapped`` (windows, width) is what they were before the metric; if that was not asked
    for, features, as ``vectors`` are.
    """

    vectors: Tensor
    clip: Tensor
    paths: tuple[Path, ...]
    unmapped: Tensor

    def best(self, window_scores: Tensor) -> Tensor:
        """Return each clip's best window's score, (queries, clips), of (queries, windows)."""
        index = self.clip.expand_as(window_scores)
        empty = window_scores.new_full((len(window_scores), len(self.paths)), -torch.inf)
        return empty.scatter_reduce(1, index, window_scores, "amax")

    def means(self) -> Tensor:
        """Return each clip's mean of what the metric has not mapped, (clips, width)."""
        return group_means(self.unmapped, self.clip, len(self.paths))


def read_manifest(path: Path, column: str) -> list[tuple[Path, str]]:
    """Return (path, text) pairs of a manifest; its paths are relative to the file.

    :raises InputError: it cannot be read, lacks a column, is empty, names a missing file, or
        has an empty text.
    """
    try:
        if (other := why_no_file(path)) is not None:
            raise InputError(f"{path} {other}, not a file: name a CSV file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"path", column} - set(reader.fieldnames or ())
            if missing:
                raise InputError(f"{path} has no column named {' or '.join(sorted(missing))}")
            rows = [
                (path.parent / (row["path"] or ""), (row[column] or "").strip()) for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV: {reason(error)}") from None
    if not rows:
        raise InputError(f"{path} lists no files")
    for line, (clip, text) in enumerate(rows, start=2):
        if not clip.is_file():
            raise InputError(f"{path} line {line}: there is no file {clip}")
        if not text:
            raise InputError(f"{path} line {line}: the {column} is empty")
    return rows


def embed_sounds(
    audio_encoder: AudioEncoder,
    paths: Iterable[Path],
    control: Control,
    mapped: bool = True,
    skipped: Tell | None = None,
) -> Embedded:
    """Embed files, all windows of each; unless ``mapped``, vectors are plain features.

    :param skipped: is told of files that cannot be decoded, which are left out.
    :raises AudioError: a file cannot be decoded, and nobody is told.
    :raises InputError: none can.
    """
    unique = tuple(dict.fromkeys(paths))
    features: dict[Path, Tensor] = {}
    for number, (path, heard) in enumerate(
        embed_files(audio_encoder, unique, steady=True), start=1
    ):
        control.report(Progress("listening", number, len(unique)))
        if not isinstance(heard, AudioError):
            features[path] = torch.from_numpy(heard.features)
        elif skipped is None:
            raise AudioError(f"{path} cannot be evaluated: {heard}")
        else:
            skipped(path, str(heard))
    if not features:
        raise InputError("none of the sounds can be read")
    unique = tuple(path for path in unique if path in features)  # not as they were heard
    windows = torch.tensor([len(features[path]) for path in unique])
    vectors = unmapped = torch.cat([features[path] for path in unique])
    if mapped:
        unmapped = audio_encoder.model.audio_head(vectors)
        vectors = audio_encoder.model.metric(unmapped)
    return Embedded(vectors, torch.repeat_interleave(windows), unique, unmapped)


def evaluate_zero_shot(
    audio_encoder: AudioEncoder,
    text_encoder: TextEncoder,
    manifest: Path,
    control: Control,
    others: Iterable[str] = (),
) -> dict[str, Any]:
    """Match every clip of a manifest (path, label) to the labels in it.

    ``per_clip`` looks at one clip at a time, as tagging does: by the distance, and by the tags that
    a label speaks of (:mod:`engine.models.label_reader`).  ``plain`` is the distance alone;
    ``paper`` transports all clips to all labels by it, with uniform marginals.

    :param others: further labels, which no clip has.
    """
    rows = read_manifest(manifest, "label")
    heard = embed_sounds(audio_encoder, (path for path, _ in rows), control)
    labels = sorted({label for _, label in rows} | set(others))
    features = text_encoder.features([SENTENCE.format(label=label) for label in labels])
    unmapped = text_encoder.embed_features(features)
    read = LabelReader(text_encoder).of_features(features)
    relevant = _relevance(rows, heard, labels)
    ranking = audio_encoder.model.spec.ranking
    cost = mahalanobis_cost(heard.vectors, torch.from_numpy(read.vectors)) / ranking.cost_scale
    leans = torch.from_numpy(read.leans(heard.vectors.numpy()))
    clip_cost = -heard.best(-cost.T).T
    joint = joint_plan(clip_cost, ranking.epsilon)
    return {
        "per_clip": recall_and_map(heard.best((leans - cost).T).T, relevant, None),
        "plain": recall_and_map(-clip_cost, relevant, None),
        "paper": recall_and_map(joint, relevant, None),
        "modality_gap": _gap(audio_encoder, heard.means(), _texts_of(relevant, unmapped)),
        "clips": len(heard.paths),
        "classes": len(labels),
    }


def evaluate_retrieval(
    audio_encoder: AudioEncoder,
    text_encoder: TextEncoder,
    manifest: Path,
    control: Control,
    blend: float | None = None,
) -> dict[str, Any]:
    """Search the clips of a manifest (path, caption) by its captions, and back.

    Each row is a query of text→audio; a clip is relevant if it carries that caption.  Each
    clip is a query of audio→text among the distinct captions, any of its own is a hit.  Rows
    may say in a column ``meaning`` which captions mean the same.  The ranking ``library`` has
    no audio→text: a clip's own potential moves no text.

    :param blend: λ of ``bank`` and ``library`` in [0, 1]; None takes the model's of each.
    :raises InputError: the manifest cannot be used, or λ is outside that range.
    """
    if blend is not None and not 0.0 <= blend <= 1.0:
        raise InputError(f"--blend is a share from 0 to 1, not {blend:g}")
    rows = read_manifest(manifest, "caption")
    heard = embed_sounds(audio_encoder, (path for path, _ in rows), control)
    captions = sorted({caption for _, caption in rows})
    unmapped = text_encoder.embed(captions)
    vectors = text_encoder.model.metric(unmapped)
    relevant = _relevance(rows, heard, captions)
    place = {caption: index for index, caption in enumerate(captions)}
    asked = torch.tensor([place[caption] for _, caption in rows])
    result: dict[str, Any] = {}
    ranking = audio_encoder.model.spec.ranking
    own_blend = ranking.own_blend if blend is None else blend
    blend = ranking.blend if blend is None else blend
    for name, (to_audio, to_text) in protocols(audio_encoder, heard, vectors, blend).items():
        forward = recall_and_map(to_audio[asked], relevant.T[asked])
        backward = recall_and_map(to_text, relevant)
        result[name] = {
            "text_to_audio": _at_ten(forward),
            "audio_to_text": _at_ten(backward),
        }
    cost = mahalanobis_cost(vectors, heard.vectors) / ranking.cost_scale
    owner = owners(torch.cat([relevant, _meanings(manifest, captions)]))
    to_audio = heard.best(library_scores(cost, owner, ranking.epsilon, own_blend))
    forward = recall_and_map(to_audio[asked], relevant.T[asked])
    result["library"] = {"text_to_audio": _at_ten(forward)}
    gap = _gap(audio_encoder, heard.means(), _texts_of(relevant, unmapped))
    sizes = {"clips": len(heard.paths), "captions": len(rows), "distinct_captions": len(captions)}
    return {**result, "blend": blend, "own_blend": own_blend, "modality_gap": gap, **sizes}


def _gap(audio_encoder: AudioEncoder, sounds: Tensor, texts: Tensor) -> float:
    """Return the modality gap of the first view's embeddings, before the metric."""
    first = audio_encoder.model.spec.dimensions
    return modality_gap(sounds[:, :first], texts[:, :first])


def protocols(
    audio_encoder: AudioEncoder, heard: Embedded, texts: Tensor, blend: float | None = None
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return for each protocol scores (texts, clips) and (clips, texts).

    Under ``bank`` a window's potential comes from the bank, and, for audio→text, a text's
    from the library, in closed form.

    :param blend: λ; None takes the model's.
    """
    model, ranking = audio_encoder.model, audio_encoder.model.spec.ranking
    epsilon = ranking.epsilon
    blend = ranking.blend if blend is None else blend
    cost = mahalanobis_cost(texts, heard.vectors) / ranking.cost_scale
    plain = heard.best(-cost)
    to_bank = mahalanobis_cost(heard.vectors, model.bank_vectors) / ranking.cost_scale
    g = bank_potentials(to_bank, epsilon).g
    f = library_potential(to_bank, g, epsilon)
    text_potential = library_potential(cost, f, epsilon)
    joint = joint_plan(-plain, epsilon)
    return {
        "plain": (plain, plain.T),
        "bank": (
            heard.best(scores(cost, f, epsilon, blend)),
            heard.best(scores(cost.T, text_potential, epsilon, blend).T).T,
        ),
        "paper": (joint, joint.T),
    }


def _relevance(rows: list[tuple[Path, str]], heard: Embedded, texts: list[str]) -> Tensor:
    """Return (clips, texts): which text belongs to which clip."""
    clip = {path: index for index, path in enumerate(heard.paths)}
    text = {text: index for index, text in enumerate(texts)}
    relevant = torch.zeros(len(clip), len(text), dtype=torch.bool)
    for path, name in rows:
        relevant[clip[path], text[name]] = True
    return relevant


def _meanings(manifest: Path, captions: list[str]) -> Tensor:
    """Return (meanings, captions): which captions mean the same, by a column ``meaning``."""
    told = [(row.get("meaning") or "", row["caption"].strip()) for row in csv_rows(manifest)]
    names = sorted({meaning for meaning, _ in told} - {""})
    same = torch.zeros(len(names), len(captions), dtype=torch.bool)
    for meaning, caption in told:
        if meaning:
            same[names.index(meaning), captions.index(caption)] = True
    return same


def _texts_of(relevant: Tensor, vectors: Tensor) -> Tensor:
    """Return the text vector of every true pair, so that the gap compares paired means."""
    return vectors[relevant.nonzero()[:, 1]]


def _at_ten(figures: dict[str, float]) -> dict[str, float]:
    return {("map10" if name == "map" else name): value for name, value in figures.items()}
