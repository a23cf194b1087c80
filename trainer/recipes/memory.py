"""Give a model a memory of what it was trained on, and examples of categories.

See :mod:`engine.models.memory` and :mod:`engine.models.filed`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from engine.errors import InputError
from engine.models.filed import MOST_CATEGORIES, NONE, Filed
from engine.models.match_model import MatchModel, TextEncoder
from engine.models.memory import Memory
from engine.progress import Control
from trainer.data.means import group_means
from trainer.recipes.audible import features_of

MOST_WORDINGS = 2  # of a label, beside the label itself: more gain nothing


def with_memory(
    base: MatchModel,
    encoder: TextEncoder,
    labels: Sequence[str],
    features: Tensor,
    other: Mapping[str, Sequence[str]],
    control: Control,
) -> MatchModel:
    """Return a copy of a model that remembers labelled sounds, and nothing else.

    :param encoder: the same model's text side.
    :param labels: of the sounds (n), "" for one that is not remembered.
    :param features: (n, width) of the sounds, of the model's audio tower.
    :param other: what else may be said for a label; a label may have none.
    """
    known = sorted({*labels} - {""})
    place = {label: row for row, label in enumerate(known)}
    rows = [row for row, label in enumerate(labels) if label]
    captions = [(label, *other.get(label, ())[:MOST_WORDINGS]) for label in known]
    texts = [text for said in captions for text in said]
    made = copy.deepcopy(base)
    made.spec = replace(base.spec, memory_texts=len(texts), memory_sounds=len(known))
    memory = Memory(len(texts), len(known), base.spec.text_encoder.width, base.spec.features)
    memory.texts.copy_(features_of(encoder, texts, control))
    of_text = torch.tensor([len(said) for said in captions])
    memory.sound_of.copy_(torch.repeat_interleave(of_text))
    of_sound = torch.tensor([place[labels[row]] for row in rows])
    memory.sounds.copy_(group_means(features[rows], of_sound, len(known)))
    made.memory = memory
    return made.eval().requires_grad_(False)


def with_filed(
    base: MatchModel,
    labels: Sequence[str],
    features: Tensor,
    filed: Mapping[str, Sequence[str]],
) -> MatchModel:
    """Return a copy of a model that has labelled sounds as examples of categories, and no others.

    :param labels: of the sounds (n).
    :param features: (n, width) of the sounds, of the model's audio tower.
    :param filed: ids of the categories that a label belongs to; a label may have none.
    :raises InputError: no sound belongs to any.
    """
    rows = [row for row, label in enumerate(labels) if filed.get(label)]
    if not rows:
        raise InputError("no sound has a label that belongs to a category")
    categories = sorted({name for row in rows for name in filed[labels[row]]})
    place = {name: number for number, name in enumerate(categories)}
    made = copy.deepcopy(base)
    made.spec = replace(base.spec, filed_sounds=len(rows), categories=tuple(categories))
    made.filed = Filed(len(rows), base.spec.features)
    made.filed.sounds.copy_(features[rows])
    places = [[place[name] for name in filed[labels[row]]] for row in rows]
    padded = [some + [NONE] * (MOST_CATEGORIES - len(some)) for some in places]
    made.filed.categories.copy_(torch.tensor(padded))
    return made.eval().requires_grad_(False)
