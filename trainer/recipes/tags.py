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

from engine.errors import InputError
from engine.models.match_model import Captioner, MatchModel, TagView
from engine.models.weights import fill, load_tensors
from engine.progress import Control, Progress
from engine.tags.taxonomy import SENTENCE
from trainer.data.pairs import Pool, read_tag_names, read_tagged_captions
from trainer.loop.checkpoint import write_tensors

_FILE = "tags.safetensors"
_LONGEST_DESCRIPTION = 200  # characters of the ontology's
_RAREST = 1e-4  # mean probability of a tag: the scale of one that is never heard is no larger


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
    folder: Path, data: Path, pool: Pool, captioner: Captioner, control: Control
) -> None:
    """Learn both sides' views and write them into ``folder``.

    :param pool: features of either tower, and what the teacher hears in the sound.
    :param captioner: whose text tower the captions' view reads.
    """
    config = TagConfig()
    said = tagged_texts(data, config.captions)
    features = captioner.features(said.texts)
    captions = features[: said.captions]
    steps = 2 * config.steps

    def watch(done: int) -> Callable[[int], None]:
        return lambda step: control.report(Progress("learning tags", done + step, steps))

    text = train_view(features, said.tags, said.weights, captions, config, watch(0))
    audio = train_view(
        pool.features, pool.tag_probabilities, None, None, config, watch(config.steps)
    )
    write_views(folder, audio, text)


def train_view(
    features: Tensor,
    tags: Tensor,
    weights: Tensor | None = None,
    usual: Tensor | None = None,
    config: TagConfig | None = None,
    watch: Callable[[int], None] = lambda step: None,
) -> TagView:
    """Learn what features (n, width) say about tags (n, tags), probabilities or 0 and 1.

    :param weights: how often each row is drawn (n,); without them all are equal.
    :param usual: features over which a tag's probability is what is usual; without them all.
    :param watch: told each step; may raise to stop.
    :return: the view, in evaluation mode.
    """
    config = config or TagConfig()
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        view = TagView(features.shape[1], config.hidden, tags.shape[1], config.dropout)
        view.standardise(features)
        optimiser = torch.optim.AdamW(
            view.parameters(), config.rate, weight_decay=config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, config.steps)
        if weights is None:
            weights = torch.ones(len(features))
        for step in range(config.steps):
            rows = torch.multinomial(weights, config.batch, replacement=True)
            loss = nn.functional.binary_cross_entropy_with_logits(
                view.read(features[rows]), tags[rows]
            )
            optimiser.zero_grad()
            (tags.shape[1] * loss).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            watch(step + 1)
        view.eval().requires_grad_(False)
        parts = torch.split(features if usual is None else usual, 4096)
        means = torch.cat([torch.sigmoid(view.read(part)) for part in parts]).mean(0)
        view.scale.copy_(means.clamp(min=_RAREST).rsqrt())
    return view


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
    tensors = load_tensors(folder / _FILE)
    views = []
    for side in ("audio", "text"):
        hidden, width = tensors[f"{side}.layers.0.weight"].shape
        view = TagView(width, hidden, len(tensors[f"{side}.scale"]))
        fill(view, tensors, f"{side}.", folder / _FILE)
        views.append(view.eval().requires_grad_(False))
    return views[0], views[1]


@torch.no_grad()
def joined(
    model: MatchModel,
    views: tuple[TagView, TagView],
    weight: float,
    sounds: Tensor,
    captions: Tensor,
) -> MatchModel:
    """Return a model with a second view under the same metric, of the same rank.

    The factor blockdiag(L, √w 1) is projected onto the directions in which the mapped sounds
    and captions vary most.

    :param sounds: features (n, width) of sounds, and ``captions`` (m, width) of captions, whose
        embeddings the directions are taken from.
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
    x = torch.cat([whole.audio_head(sounds), whole.text_head(captions)])
    mapped = x @ both.T
    _, directions = torch.linalg.eigh(torch.cov(mapped.T))
    whole.metric.factor.copy_(directions[:, -spec.rank :].T @ both)
    return whole
