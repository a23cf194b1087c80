"""The text side learns other words for what it knows, and what names sound like.

Labels are few words, always the same ones; people type others.  Three things are learnt at once,
by the text projections alone, so that sounds stay where they are:

* **Pairs** of training sounds with other wordings of their labels, by m-LTM (paper eq. 10).
* **The lexicon**: a name that no label is near to is pulled towards what is heard, or, where the
  same entry names a label, towards that label; and towards the entry's tags.
* **What is kept**: captions and labels stay where they were.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from engine.errors import ModelError
from engine.models.match_model import MatchModel, TagView, TextEncoder
from engine.models.weights import fill, load_tensors
from engine.progress import Control, Progress
from engine.search.wording import wordings
from engine.transport import mahalanobis_cost
from trainer.data.means import group_means
from trainer.data.pairs import Pool, read_descriptions, read_tag_names, read_tagged_captions
from trainer.data.texts import LexiconEntry, read_lexicon, read_wordings
from trainer.loop.checkpoint import write_tensors
from trainer.loop.descent import descend_one_cycle
from trainer.objectives.losses import mltm_loss, target_plan
from trainer.recipes.audible import features_of
from trainer.recipes.average import averaged

_FILE = "wordings.safetensors"
_SIDE = "text_head."
_CAPTIONS, _DESCRIPTIONS = 12_000, 3_000  # texts that stay where they are
_COMMON = 6  # clips: labels of more are drawn no more often than of so many
_LABELS_KEPT = 0.25  # of what is kept in a batch
_OF_PLAN = 0.15  # weight of the m-LTM loss beside the distances
_STEEPEST = 1.0  # norm of a gradient
_OF_TAGS = 0.5  # weight of the second view's distance beside the first one's

Read = Callable[[Sequence[str]], Tensor]  # texts to features (n, width)


@dataclass(frozen=True)
class WordingConfig:
    """How to learn; a batch has so many ``pairs``, ``names`` of the lexicon, and ``kept`` texts.

    ``other_words`` is the share of pairs that do not say the label itself.  Names whose features
    have a cosine of ``near`` or more with a label's stay, below ``far`` they go by ``pull``
    (1 is all the way); an entry means a label from ``same`` on.  ``tags`` is the share of
    the entry's tags in the target of the second view.
    """

    steps: int = 2400
    pairs: int = 256
    names: int = 152
    kept: int = 104
    rate: float = 5e-4
    weight_decay: float = 0.01
    dropout: float = 0.1
    other_words: float = 0.6
    pull: float = 0.7
    near: float = 0.7
    far: float = 0.5
    same: float = 0.85
    tags: float = 0.3
    seed: int = 1


@dataclass(frozen=True)
class Lesson:
    """Features of texts (n, width), and where each is to be (n, dimensions and tags).

    ``weights`` says how often each is drawn.
    """

    features: Tensor
    targets: Tensor
    weights: Tensor

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Return features and targets of so many texts."""
        rows = torch.multinomial(self.weights, count, replacement=True)
        return self.features[rows], self.targets[rows]


@dataclass(frozen=True)
class Pairs:
    """Sounds, mapped (n, rank), with features of what may be said of each, and what it means.

    ``own`` are the label's two captions and ``other`` those of its wordings, as (first, count)
    of rows of ``features``.
    """

    vectors: Tensor
    weights: Tensor
    features: Tensor
    own: Tensor
    other: Tensor
    meaning: tuple[str, ...]

    def draw(self, count: int, other_words: float) -> tuple[Tensor, Tensor, list[str]]:
        """Return mapped sounds, features of texts, and meanings of so many pairs."""
        rows = torch.multinomial(self.weights, count, replacement=True)
        in_other_words = (torch.rand(count) < other_words) & (self.other[rows, 1] > 0)
        said = torch.where(in_other_words[:, None], self.other[rows], self.own[rows])
        texts = said[:, 0] + (torch.rand(count) * said[:, 1]).long()
        return self.vectors[rows], self.features[texts], [self.meaning[row] for row in rows]


def learn_wordings(
    folder: Path,
    data: Path,
    base: MatchModel,
    encoder: TextEncoder,
    pool: Pool,
    control: Control,
    config: WordingConfig | None = None,
) -> None:
    """Teach a model's text projections, and write them into ``folder``.

    :param base: with a second view; only its text projections are learnt.
    :param encoder: the same model's text side, whose tower reads.
    :param pool: features of labelled sounds, of any towers that share the projections.
    :raises InputError: the data folder or a table lacks something.
    :raises ModelError: the model has no second view.
    """
    if not base.spec.tags:
        raise ModelError(f"the model {base.spec.name} has no second view: export it with --tags")
    config = config or WordingConfig()
    tag_names = read_tag_names(data)

    def read(texts: Sequence[str]) -> Tensor:
        return features_of(encoder, texts, control)

    labels = sorted(set(pool.labels) - {""})
    own = read([caption for label in labels for caption in wordings(label)])
    pairs = pairs_of(base, pool, labels, own, read_wordings(), read)
    lexicon = lexicon_lesson(base, read_lexicon(tag_names), tag_names, own, read, config)
    texts = texts_to_keep(data, config.seed)
    labels_kept = round(_LABELS_KEPT * config.kept)
    lessons = (
        (lexicon, config.names),
        (kept_lesson(base, read(texts)), config.kept - labels_kept),
        (kept_lesson(base, own), labels_kept),
    )
    head = learned(base, pairs, lessons, config, control)
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"{_SIDE}{name}": tensor for name, tensor in head.state_dict().items()}
    write_tensors(folder / _FILE, state)


def with_wordings(base: MatchModel, folders: Sequence[Path]) -> MatchModel:
    """Return a copy of a model with the text projections that runs left: their mean.

    :raises ModelError: there are none, they are damaged, or they do not fit.
    """
    made = copy.deepcopy(base)
    states = []
    for path in (folder / _FILE for folder in folders):
        fill(made.text_head, load_tensors(path), _SIDE, path)
        states.append({n: tensor.clone() for n, tensor in made.text_head.state_dict().items()})
    made.text_head.load_state_dict(averaged(states))
    return made.eval().requires_grad_(False)


def texts_to_keep(data: Path, seed: int) -> list[str]:
    """Return captions and descriptions, drawn at random, whose embeddings are to stay.

    :raises InputError: the data folder lacks captions or descriptions.
    """
    dice = np.random.default_rng(seed)
    captions = [caption.text for caption in read_tagged_captions(data, "train")]
    descriptions = sorted({*read_descriptions(data)} - {""})
    drawn = ((captions, _CAPTIONS), (descriptions, _DESCRIPTIONS))
    return [
        texts[place]
        for texts, count in drawn
        for place in dice.permutation(len(texts))[:count].tolist()
    ]


@torch.no_grad()
def kept_lesson(base: MatchModel, features: Tensor) -> Lesson:
    """Return texts that are to stay where they are."""
    return Lesson(features, base.text_head(features), torch.ones(len(features)))


@torch.no_grad()
def pairs_of(
    base: MatchModel,
    pool: Pool,
    labels: Sequence[str],
    own: Tensor,
    other: dict[str, tuple[str, ...]],
    read: Read,
) -> Pairs:
    """Return the pool's labelled sounds with what may be said of them.

    :param own: features of the two captions of each of ``labels``.
    :param other: wordings by label; a label may have none.
    """
    texts: list[str] = []
    spans = torch.zeros(len(labels), 2, dtype=torch.long)
    for row, label in enumerate(labels):
        said = [caption for text in other.get(label, ()) for caption in wordings(text)]
        spans[row] = torch.tensor([len(own) + len(texts), len(said)])
        texts += said
    place, counts = {label: row for row, label in enumerate(labels)}, Counter(pool.labels)
    sounds = [row for row, label in enumerate(pool.labels) if label]
    of_sound = torch.tensor([place[pool.labels[row]] for row in sounds])
    return Pairs(
        vectors=base.map_features(pool.features[sounds]),
        weights=torch.tensor([min(1.0, _COMMON / counts[pool.labels[row]]) for row in sounds]),
        features=torch.cat([own, read(texts)]) if texts else own,
        own=torch.stack([2 * of_sound, torch.full_like(of_sound, 2)], 1),
        other=spans[of_sound],
        meaning=tuple(pool.meaning.get(pool.labels[row], pool.labels[row]) for row in sounds),
    )


@torch.no_grad()
def lexicon_lesson(
    base: MatchModel,
    lexicon: Sequence[LexiconEntry],
    tag_names: Sequence[str],
    own: Tensor,
    read: Read,
    config: WordingConfig,
) -> Lesson:
    """Return every name of the lexicon, in two captions each, with where it is to be.

    :param own: features of the two captions of each label.
    """
    head = base.text_head
    names = [(name, row) for row, entry in enumerate(lexicon) for name in entry.names]
    entry_of = torch.tensor([row for _, row in names])
    features = read([caption for name, _ in names for caption in wordings(name)])
    bare = features[::2]
    alike = _centred(bare, bare.mean(0)) @ _centred(own[::2], bare.mean(0)).T  # names by labels

    heard = torch.tensor([row for row, entry in enumerate(lexicon) for _ in entry.heard])
    said = head(read([text for entry in lexicon for text in entry.heard]))
    there = group_means(said, heard, len(lexicon))
    of_labels = head(own).unflatten(0, (-1, 2)).mean(1)
    known, named = _means_label(alike, entry_of, len(lexicon), of_labels, config.same)
    there = known * named + (1 - known) * there

    closest = alike.max(1).values
    pull = config.pull * ((config.near - closest) / (config.near - config.far)).clamp(0, 1)
    now = head(features).unflatten(0, (-1, 2)).mean(1)
    target = head.between(torch.lerp(now, there[entry_of], pull[:, None])[:, None])
    z, v = target[:, : head.dimensions], target[:, head.dimensions :]
    tags = _tags_of(base, lexicon, tag_names)[entry_of]
    both = torch.cat([z, normalize(torch.lerp(v, tags, config.tags), dim=1)], 1)
    often = 1.0 / torch.bincount(entry_of, minlength=len(lexicon))[entry_of].float()
    return Lesson(features, both.repeat_interleave(2, 0), often.repeat_interleave(2))


def _means_label(
    alike: Tensor, entry_of: Tensor, entries: int, of_labels: Tensor, same: float
) -> tuple[Tensor, Tensor]:
    """Return how sure each entry means a label (entries, 1), and where such labels are.

    :param alike: cosines (names, labels); ``entry_of`` (names,) says whose names they are.
    """
    sure = ((alike - same) / (1 - same)).clamp(min=0)
    means = torch.zeros(entries, alike.shape[1])
    means.scatter_reduce_(0, entry_of[:, None].expand_as(sure), sure, "amax")
    shares = means / means.sum(1, keepdim=True).clamp(min=1e-9)
    return means.max(1, keepdim=True).values, shares @ of_labels


def _centred(features: Tensor, middle: Tensor) -> Tensor:
    return normalize(features - middle, dim=1)


def _view_of(model: MatchModel) -> TagView:
    view = model.text_head.tags
    assert view is not None  # learn_wordings asks
    return view


def _tags_of(base: MatchModel, lexicon: Sequence[LexiconEntry], names: Sequence[str]) -> Tensor:
    """Return the second view (entries, tags) of tags each half as likely as the one before."""
    place = {name: column for column, name in enumerate(names)}
    likely = torch.zeros(len(lexicon), len(names))
    for row, entry in enumerate(lexicon):
        for rank, tag in enumerate(entry.tags):
            likely[row, place[tag]] = 0.5**rank
    roots = (likely / likely.sum(1, keepdim=True)).sqrt()
    return normalize(roots * _view_of(base).scale, dim=1)


def learned(
    base: MatchModel,
    pairs: Pairs,
    lessons: Sequence[tuple[Lesson, int]],
    config: WordingConfig,
    control: Control,
) -> nn.Module:
    """Return the text projections after all steps, in evaluation mode.

    :param lessons: each with how many of its texts a batch has.
    :raises Cancelled: the user asked to stop.
    """
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = copy.deepcopy(base).requires_grad_(False)
        head = model.text_head.requires_grad_(True)
        for layer in (*head.layers, *_view_of(model).layers):
            layer.train()
            if isinstance(layer, nn.Dropout):
                layer.p = config.dropout

        def loss() -> Tensor:
            sounds, said, meaning = pairs.draw(config.pairs, config.other_words)
            drawn = [lesson.draw(count) for lesson, count in lessons]
            placed: Tensor = head(torch.cat([said, *(features for features, _ in drawn)]))
            cost = mahalanobis_cost(sounds, model.metric(placed[: config.pairs]))
            ranking = base.spec.ranking
            plan = mltm_loss(cost / ranking.cost_scale, target_plan(meaning), ranking.epsilon)
            apart = (placed[config.pairs :] - torch.cat([to for _, to in drawn])).square()
            first, second = apart[:, : head.dimensions], apart[:, head.dimensions :]
            distance: Tensor = first.sum(1).mean() + _OF_TAGS * second.sum(1).mean()
            return _OF_PLAN * plan + distance

        def watch(step: int) -> None:
            control.report(Progress("learning wordings", step, config.steps))

        rates = (config.rate, config.weight_decay)
        descend_one_cycle(head.parameters(), loss, config.steps, *rates, watch, _STEEPEST)
    return head.eval().requires_grad_(False)
