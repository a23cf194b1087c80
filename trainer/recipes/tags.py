"""The second view of a model: what sounds and captions say about AudioSet's tags.

A class that no training clip was called by may still be known by its tags.  Each side learns
them apart: captions from captions that come with tags, without any sound; sounds from what the
teacher hears in them, whichever tower gave their features.  Joined afterwards, both views stand
under one ground metric,

    c(x, y)² = ‖L (z_x − z_y)‖² + w ‖v_x − v_y‖²,

whose factor is brought back to the rank of L, so that stored vectors do not grow.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.errors import InputError, ModelError
from engine.models.match_model import MatchModel, TagView, TextEncoder
from engine.models.weights import fill, load_tensors
from engine.progress import Control, Progress
from engine.search.labels.taxonomy import SENTENCE
from trainer.data.pairs import Pool, read_tag_names, read_tagged_captions
from trainer.loop.checkpoint import write_tensors
from trainer.loop.descent import descend_one_cycle

_FILE = "tags.safetensors"
_LONGEST_DESCRIPTION = 200  # characters of the ontology's
_AT_ONCE = 4096
_SURE = 1e-6  # probabilities nearer to 0 or 1 are this near
_OF_VIEWS = 10.0  # weight of the distance of views beside that of logits
_RAREST = 1e-4  # mean probability of a tag: the scale of one that is never heard is no larger

Watch = Callable[[int], None]


@dataclass(frozen=True)
class TagConfig:
    """How to learn tags; ``captions`` is the share of a batch that is no tag's own name."""

    steps: int = 2500
    batch: int = 512
    rate: float = 2e-3
    weight_decay: float = 0.01
    hidden: int = 768
    dropout: float = 0.3
    captions: float = 0.6
    seed: int = 1


FOR_CAPTIONS = TagConfig()
FOR_SOUNDS = TagConfig(steps=3000, dropout=0.0)  # a function of features: nothing to over-fit


@dataclass(frozen=True)
class TaggedTexts:
    """Texts, the tags of each (n, tags), and how often each is drawn (n,).

    The first ``captions`` of them are captions of sounds.
    """

    texts: list[str]
    tags: Tensor
    weights: Tensor
    captions: int


def tagged_texts(data: Path, captions_share: float) -> TaggedTexts:
    """Return captions with tags, and every tag's name, sentence and description.

    :raises InputError: the data folder lacks captions, class names or ontology.
    """
    names = read_tag_names(data)
    place = {name: index for index, name in enumerate(names)}
    texts, owned = [], []
    for caption in read_tagged_captions(data, "train"):
        if known := [place[tag] for tag in caption.tags if tag in place]:
            texts.append(caption.text)
            owned.append(known)
    count = len(texts)
    described = _descriptions(data)
    for name in names:
        said = [name, name.lower(), SENTENCE.format(label=name.lower()), described.get(name, "")]
        said = [text for text in said if text]
        texts += said
        owned += [[place[name]]] * len(said)
    tags = torch.zeros(len(texts), len(names))
    for row, known in enumerate(owned):
        tags[row, known] = 1.0
    weights = torch.full((len(texts),), (1 - captions_share) / (len(texts) - count))
    weights[:count] = captions_share / max(1, count)
    return TaggedTexts(texts, tags, weights, count)


def _descriptions(data: Path) -> dict[str, str]:
    path = data / "text" / "ontology.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {row["name"]: row["description"][:_LONGEST_DESCRIPTION] for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def learn_views(
    folder: Path,
    data: Path,
    pool: Pool,
    text_encoder: TextEncoder,
    control: Control,
    of_captions: TagConfig = FOR_CAPTIONS,
    of_sounds: TagConfig = FOR_SOUNDS,
) -> None:
    """Learn both sides' views and write them into ``folder``.

    :param pool: features of either tower, and what the teacher hears in the sound.
    :param text_encoder: whose text tower the captions' view reads.
    """
    said = tagged_texts(data, of_captions.captions)
    steps = of_captions.steps + of_sounds.steps

    def watch(before: int, what: str) -> Watch:
        return lambda step: control.report(Progress("learning tags", before + step, steps, what))

    features = text_encoder.features(said.texts)
    usual, at_first = features[: said.captions], watch(0, "captions")
    text = captions_view(features, said.tags, said.weights, usual, of_captions, at_first)
    after = watch(of_captions.steps, "sounds")
    audio = sounds_view(pool.features, pool.tag_probabilities, of_sounds, after)
    write_views(folder, audio, text)


def captions_view(
    features: Tensor,
    tags: Tensor,
    weights: Tensor,
    usual: Tensor,
    config: TagConfig,
    watch: Watch = lambda step: None,
) -> TagView:
    """Learn which tags texts speak of, by cross-entropy.

    :param features: of texts (n, width); ``tags`` (n, tags), 0 or 1, are what they speak of.
    :param weights: how often each row is drawn (n,).
    :param usual: features over which a tag's mean probability is what is usual.
    :param watch: told each step; may raise to stop.
    :return: the view, in evaluation mode.
    """

    def loss(view: TagView, rows: Tensor) -> Tensor:
        said = view.read(features[rows])
        each = nn.functional.binary_cross_entropy_with_logits(said, tags[rows])
        return tags.shape[1] * each

    view = _learned(features, torch.ones(tags.shape[1]), weights, loss, config, watch)
    parts = [torch.sigmoid(view.read(part)) for part in torch.split(usual, _AT_ONCE)]
    view.scale.copy_(_scale(torch.cat(parts)))
    return view


def sounds_view(
    features: Tensor,
    probabilities: Tensor,
    config: TagConfig,
    watch: Watch = lambda step: None,
) -> TagView:
    """Learn what the teacher hears: its logits, and the view that they make.

    :param features: of sounds (n, width), of whichever tower; ``probabilities`` (n, tags) are
        what the teacher hears in the same sound.
    :param watch: told each step; may raise to stop.
    :return: the view, in evaluation mode.
    """
    logits, scale = torch.logit(probabilities, _SURE), _scale(probabilities)
    spread = logits.std(0).clamp(min=1e-3)

    def loss(view: TagView, rows: Tensor) -> Tensor:
        said, wanted = view.read(features[rows]), logits[rows]
        apart = (view.of_logits(said) - view.of_logits(wanted)).square().sum(1).mean()
        return _OF_VIEWS * apart + ((said - wanted) / spread).square().mean()

    weights = torch.ones(len(features))
    return _learned(features, scale, weights, loss, config, watch)


def _learned(
    features: Tensor,
    scale: Tensor,
    weights: Tensor,
    loss: Callable[[TagView, Tensor], Tensor],
    config: TagConfig,
    watch: Watch,
) -> TagView:
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        view = TagView(features.shape[1], config.hidden, len(scale), config.dropout)
        view.standardise(features)
        view.scale.copy_(scale)

        def of_batch() -> Tensor:
            return loss(view, torch.multinomial(weights, config.batch, replacement=True))

        rates = (config.rate, config.weight_decay)
        descend_one_cycle(view.parameters(), of_batch, config.steps, *rates, watch)
    return view.eval().requires_grad_(False)


def _scale(probabilities: Tensor) -> Tensor:
    """Return one over the root of every tag's mean probability."""
    return probabilities.mean(0).clamp(min=_RAREST).rsqrt()


def write_views(folder: Path, audio: TagView, text: TagView) -> None:
    """Write both sides' views."""
    folder.mkdir(parents=True, exist_ok=True)
    sides = {"audio": audio, "text": text}
    tensors = {f"{s}.{n}": t for s, view in sides.items() for n, t in view.state_dict().items()}
    write_tensors(folder / _FILE, tensors)


def read_views(folder: Path) -> tuple[TagView, TagView]:
    """Return the views of sounds and of captions that a run left.

    :raises ModelError: there are none, or they are damaged.
    """
    path = folder / _FILE
    tensors = load_tensors(path)

    def view(side: str) -> TagView:
        try:
            hidden, width = tensors[f"{side}.layers.0.weight"].shape
            made = TagView(width, hidden, len(tensors[f"{side}.scale"]))
        except (KeyError, ValueError, TypeError):
            raise ModelError(
                f"{path} contains no view of {side}: run `soundsift train tags`"
            ) from None
        fill(made, tensors, f"{side}.", path)
        return made.eval().requires_grad_(False)

    return view("audio"), view("text")


@torch.no_grad()
def joined(
    model: MatchModel,
    views: tuple[TagView, TagView],
    weight: float,
    captions: Tensor,
) -> MatchModel:
    """Return a model with a second view under the same metric, of the same rank.

    The factor blockdiag(L, √w 1) is projected onto the directions in which mapped captions vary
    most: what no caption tells apart, no search asks for.

    :param captions: features (n, width) of captions, from whose embeddings the directions come.
    """
    audio, text = views
    spec = replace(model.spec, tags=len(audio.scale), tag_hidden=audio.hidden)
    whole = MatchModel(spec)
    for side, view in (("audio_head", audio), ("text_head", text)):
        getattr(whole, side).tags.load_state_dict(view.state_dict())
    state = model.state_dict()  # the bank's vectors are made when the model is written
    kept = {n: t for n, t in state.items() if not n.startswith(("metric.", "bank_"))}
    whole.load_state_dict(kept, strict=False)
    whole.eval()
    views_apart = (model.metric.factor, weight**0.5 * torch.eye(spec.tags))
    both: Tensor = torch.block_diag(*views_apart)  # type: ignore[no-untyped-call]
    mapped = whole.text_head(captions) @ both.T
    _, directions = torch.linalg.eigh(torch.cov(mapped.T))
    whole.metric.factor.copy_(directions[:, -spec.rank :].T @ both)
    return whole
