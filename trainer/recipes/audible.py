"""Fit which texts speak of anything that can be heard (:mod:`engine.models.audible`).

Texts of sounds are what sounds are called, a bank, what UCS categories sound like, captions, and
descriptions of sound librarians; each of these kinds counts as much as the others, and all of
them as much as the texts of what nothing sounds like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.audible import Audible
from engine.models.match_model import TextEncoder, load_text_encoder
from engine.models.spec import read_spec, write_spec
from engine.progress import Control, Progress
from engine.search.labels.taxonomy import SENTENCE, ucs
from engine.search.wording import telling_part
from trainer.data.manifest import TRAIN, labelled_clips
from trainer.data.pairs import read_descriptions, read_tagged_captions
from trainer.recipes.soundless import SOUNDLESS_TOPICS

_OF_A_KIND = 2000  # texts at most
_DECAY = 0.02  # of the weights, beside a mean loss of 1 or less
_STEPS = 100
_FOLDS = 8
_AT_ONCE = 256
_DIGITS = 5


@dataclass(frozen=True)
class AudibleTexts:
    """Texts, each with its kind (n,); of kinds from ``first_soundless`` on nothing is heard."""

    texts: tuple[str, ...]
    kinds: Tensor
    first_soundless: int

    @property
    def heard(self) -> Tensor:
        """Return (n,) which texts speak of a sound."""
        return self.kinds < self.first_soundless


@dataclass(frozen=True)
class FittedAudible:
    """How well texts are told apart whose topics were held out in turn.

    ``auroc`` is over all of them, ``refused`` the share of soundless texts that are known as
    such, ``kept`` that of the others that are not.
    """

    auroc: float
    refused: float
    kept: float


def audible_texts(data: Path, bank: Sequence[str]) -> AudibleTexts:
    """Return what is fitted on.

    :raises InputError: the data folder lacks a manifest, captions or descriptions.
    """
    kinds = [
        [clip.label for clip in labelled_clips(data, TRAIN)],
        list(bank),
        [_bare(text) for label in ucs().labels for text in label.texts[1:]],  # names: in the bank
        [caption.text for caption in read_tagged_captions(data, "train")],
        read_descriptions(data),
    ]
    chosen = [_some(sorted({text for text in kind if text})) for kind in kinds]
    groups = [*chosen, *map(list, SOUNDLESS_TOPICS.values())]
    numbers = [number for number, group in enumerate(groups) for _ in group]
    texts = tuple(text for group in groups for text in group)
    return AudibleTexts(texts, torch.tensor(numbers), len(kinds))


def fit_audible(folder: Path, data: Path, control: Control) -> FittedAudible:
    """Fit a model's probe and write it into its ``model.json``; nothing else of it changes.

    :raises InputError: the data folder lacks something.
    :raises Cancelled: the user asked to stop.
    """
    encoder, spec = load_text_encoder(folder), read_spec(folder)
    told = audible_texts(data, spec.bank)
    features = features_of(encoder, told.texts, control)
    figures = held_out(features, told)
    probe = fitted(features, told.heard, weights_of(told))
    write_spec(replace(spec, audible=numbers_of(probe)), folder)
    return figures


def numbers_of(probe: Audible) -> tuple[float, ...]:
    """Return what a model's ``audible`` says of a probe."""
    numbers = (*probe.weights.tolist(), probe.zero)
    return tuple(float(f"{number:.{_DIGITS}g}") for number in numbers)


def weights_of(told: AudibleTexts) -> Tensor:
    """Return (n,) how much each text counts, in all 1: half of that the soundless ones.

    Every kind of text with a sound counts alike, and so does every text without one.
    """
    counts = torch.bincount(told.kinds).float()[told.kinds]
    each = torch.where(told.heard, 1 / (told.first_soundless * counts), 0.0)
    silent = ~told.heard
    each[silent] = 1.0 / silent.sum()
    return each / 2


def fitted(features: Tensor, heard: Tensor, weights: Tensor) -> Audible:
    """Return the likeliest probe, by logistic regression with a penalty on its weights.

    :param features: of texts (n, width); ``heard`` (n,) says which speak of a sound.
    :param weights: (n,) how much each counts, in all 1.
    """
    mean, deviation = features.mean(0), features.std(0).clamp(min=1e-6)
    x, y = (features - mean) / deviation, heard.float()
    slope = torch.zeros(x.shape[1], requires_grad=True)
    zero = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([slope, zero], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        each = nn.functional.binary_cross_entropy_with_logits(x @ slope + zero, y, reduction="none")
        total = (weights * each).sum() + 0.5 * _DECAY * slope.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        scaled = slope / deviation
        return Audible(scaled, float(zero - scaled @ mean))


def held_out_probes(features: Tensor, told: AudibleTexts) -> Iterator[tuple[Tensor, Audible]]:
    """Give texts (n,) whose topics are held out, with a probe that never saw these, in turn."""
    dice = np.random.default_rng(0)
    topics = int(told.kinds.max()) + 1
    fold_of_topic = torch.from_numpy(dice.permutation(topics) % _FOLDS)
    one_by_one = torch.from_numpy(dice.permutation(len(told.texts)) % _FOLDS)
    fold = torch.where(told.heard, one_by_one, fold_of_topic[told.kinds])
    weights = weights_of(told)
    for number in range(_FOLDS):
        own = fold == number
        rest = weights[~own] / weights[~own].sum()
        yield own, fitted(features[~own], told.heard[~own], rest)


def held_out(features: Tensor, told: AudibleTexts) -> FittedAudible:
    """Return how well texts are told apart by probes that never saw their topic."""
    found = torch.zeros(len(told.texts))
    for own, probe in held_out_probes(features, told):
        found[own] = probe(features[own])
    heard, soundless = found[told.heard], found[~told.heard]
    return FittedAudible(
        auroc=float((heard[:, None] > soundless[None, :]).double().mean()),
        refused=float((soundless < 0).double().mean()),
        kept=float((heard >= 0).double().mean()),
    )


def _bare(sentence: str) -> str:
    """Return what a sentence says a sound is of."""
    before, after = SENTENCE.split("{label}")
    return sentence.removeprefix(before).removesuffix(after)


def _some(texts: Sequence[str]) -> list[str]:
    """Return an even spread of at most so many texts."""
    step = max(1.0, len(texts) / _OF_A_KIND)
    return [texts[int(step * place)] for place in range(min(_OF_A_KIND, len(texts)))]


def features_of(encoder: TextEncoder, texts: Sequence[str], control: Control) -> Tensor:
    """Return pooled features (texts, width) of texts as a search would word them."""
    told, parts = [telling_part(text) for text in texts], []
    order = sorted(range(len(told)), key=lambda place: len(told[place]))  # little is padded
    for start in range(0, len(order), _AT_ONCE):
        control.report(Progress("reading texts", start, len(order)))
        parts.append(encoder.features([told[place] for place in order[start : start + _AT_ONCE]]))
    features = torch.cat(parts)
    return features[torch.tensor(order).argsort()].float()
