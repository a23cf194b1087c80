"""The m-LTM model: two towers, two projections and the metric between them.

A model may have a second view: what a sound and a caption say about tags.  It stands beside
the embedding, and one ground metric maps both.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.log import logger
from engine.models.audible import Audible
from engine.models.encoders import AudioTower, TextTower, audio_tower_entry
from engine.models.filed import Filed
from engine.models.files import read_file
from engine.models.frontend import LogMel
from engine.models.layers import fold_norms
from engine.models.memory import Memory, Recollection
from engine.models.room import Room, first_line, forget_cached_memory, is_out_of_memory
from engine.models.spec import ModelSpec, read_spec
from engine.models.text_towers import BertTower, CaptionTokenizer
from engine.models.weights import fill, load_weights, unfilled
from engine.transport import map_vectors

Side = Literal["audio", "text", "filed"]
SIDES: Sequence[Side] = ("audio", "text", "filed")
_OF_SIDE = {  # weights that only it needs
    "audio": ("audio_",),
    "text": ("text_", "memory."),
    "filed": ("filed.",),
}
_TEXT_BATCH = 128
_STEP = 64  # frames: unequal sounds are padded to multiples, so that fewer shapes are prepared for
_log = logger(__name__)


class Head(nn.Module):
    """Standardise features and read them by two layers."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.hidden = hidden
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.layers = nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )

    def standardise(self, features: Tensor) -> None:
        """Take mean and deviation from features (n, width)."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0).clamp(min=1e-3))

    def read(self, features: Tensor) -> Tensor:
        """Return outputs (..., outputs) of features (..., width)."""
        outputs: Tensor = self.layers((features - self.mean) / self.deviation)
        return outputs


class TagView(Head):
    """Which tags features speak of, and how much more than is usual.

    A tag counts by the root of its probability over its mean probability (``scale`` is one over
    the root of that mean), so that a rare sure tag weighs more than a common one.
    """

    scale: Tensor

    def __init__(self, features: int, hidden: int, tags: int, dropout: float = 0.2) -> None:
        super().__init__(features, hidden, tags, dropout)
        self.register_buffer("scale", torch.ones(tags))

    def forward(self, features: Tensor) -> Tensor:
        """Return v (..., tags), of length 1, of features (..., width)."""
        return self.of_logits(self.read(features))

    def of_logits(self, logits: Tensor) -> Tensor:
        """Return v (..., tags), of length 1, of the tags' logits (..., tags)."""
        roots = torch.exp(0.5 * nn.functional.logsigmoid(logits))
        return nn.functional.normalize(roots * self.scale, dim=-1)


class Projection(Head):
    """Project features and normalise to length 1; beside that stands the second view, if any.

    :param tags: width and hidden width of the second view; (0, 0) is none.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        dimensions: int,
        tags: tuple[int, int] = (0, 0),
        dropout: float = 0.2,
    ) -> None:
        super().__init__(features, hidden, dimensions, dropout)
        self.dimensions = dimensions
        self.tags = TagView(features, tags[1], tags[0]) if tags[0] else None
        if self.tags is not None:
            self.tags.requires_grad_(False)  # it was trained apart, and stays as it is

    def train(self, mode: bool = True) -> Projection:
        """Enter or leave training, but for the second view."""
        super().train(mode)
        if self.tags is not None:
            self.tags.eval()
        return self

    def forward(self, features: Tensor) -> Tensor:
        """Return embeddings of features (..., width): z (..., dimensions), or [z, v]."""
        z = nn.functional.normalize(self.read(features), dim=-1)
        return z if self.tags is None else torch.cat([z, self.tags(features)], -1)

    def between(self, embeddings: Tensor) -> Tensor:
        """Return the mean direction (..., width), in each view, of embeddings (..., n, width)."""
        return self.unit(embeddings.mean(-2))

    def unit(self, embeddings: Tensor) -> Tensor:
        """Return embeddings (..., width), each view of length 1."""
        views = (embeddings[..., : self.dimensions], embeddings[..., self.dimensions :])
        return torch.cat([nn.functional.normalize(view, dim=-1) for view in views], -1)


class Metric(nn.Module):
    """The factor L of the ground metric M = LᵀL (paper eq. 9), starting at the identity."""

    def __init__(self, rank: int, dimensions: int) -> None:
        super().__init__()
        # torch.eye would import a compiler where nothing is allocated (:mod:`.outline`)
        self.factor = nn.Parameter(torch.zeros(rank, dimensions).fill_diagonal_(1.0))

    def forward(self, z: Tensor) -> Tensor:
        """Return mapped vectors u = L z, (..., rank)."""
        return map_vectors(z, self.factor)


class MatchModel(nn.Module):
    """Towers, projections, metric and examples; a side that was not asked for is absent.

    The audio projection is always there: it maps the exemplars, which a query is held against.
    """

    audio_tower: AudioTower
    text_tower: TextTower
    memory: Memory | None
    filed: Filed | None
    bank_vectors: Tensor
    bank_potentials: Tensor
    exemplars: Tensor

    def __init__(self, spec: ModelSpec, sides: Sequence[Side] = SIDES) -> None:
        super().__init__()
        self.spec = spec
        self.metric = Metric(spec.rank, spec.embedding)
        tags = (spec.tags, spec.tag_hidden)
        self.memory, self.filed = None, None
        if "audio" in sides:
            self.audio_tower = audio_tower_entry(spec.audio_tower).make(spec)
            self.log_mel = LogMel(spec.front_end)
        self.audio_head = Projection(spec.features, spec.hidden, spec.dimensions, tags)
        if "text" in sides:
            self.text_tower = BertTower(spec.text_encoder)
            width = spec.text_encoder.width
            self.text_head = Projection(width, spec.hidden, spec.dimensions, tags)
            if spec.memory_texts:
                counts = (spec.memory_texts, spec.memory_sounds)
                self.memory = Memory(*counts, width, spec.features)
        if "filed" in sides and spec.filed_sounds:
            self.filed = Filed(spec.filed_sounds, spec.features)
        self.register_buffer("bank_vectors", torch.zeros(len(spec.bank), spec.rank))
        self.register_buffer("bank_potentials", torch.zeros(len(spec.bank)))
        self.register_buffer("exemplars", torch.zeros(spec.exemplars, spec.features))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.metric.factor.device

    def set_dropout(self, share: float) -> None:
        """Let the projections drop this share of their hidden channels in training."""
        for head in (self.audio_head, self.text_head):
            for layer in head.layers:
                if isinstance(layer, nn.Dropout):
                    layer.p = share

    def forget(self) -> None:
        """Have no memory, and no examples, from now on: they are features of the tower before."""
        self.memory, self.filed = None, None
        self.spec = replace(
            self.spec, memory_texts=0, memory_sounds=0, filed_sounds=0, categories=()
        )

    def map_features(self, features: Tensor) -> Tensor:
        """Return mapped audio vectors (..., rank) of pooled audio features (..., width)."""
        u: Tensor = self.metric(self.audio_head(features))
        return u

    def map_text_features(self, features: Tensor) -> Tensor:
        """Return mapped text vectors (..., rank) of pooled text features (..., width)."""
        u: Tensor = self.metric(self.text_head(features))
        return u


@dataclass(frozen=True)
class TextEncoder:
    """The text side, ready to use: captions in, mapped vectors out.

    What the model's memory recalls is kept: a model that is trained on needs a new one.
    ``precision`` is what the tower computes in (:mod:`engine.models.precision`).
    """

    model: MatchModel
    tokenizer: CaptionTokenizer
    precision: torch.dtype = torch.float32

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @torch.inference_mode()
    def __call__(self, captions: Sequence[str]) -> Tensor:
        """Return mapped vectors (captions, rank)."""
        u: Tensor = self.model.metric(self.embed(captions))
        return u

    @torch.inference_mode()
    def embed(self, captions: Sequence[str]) -> Tensor:
        """Return embeddings (captions, dimensions and tags), before the metric."""
        return self.embed_features(self.features(captions))

    @torch.inference_mode()
    def embed_features(self, features: Tensor) -> Tensor:
        """Return what :meth:`embed` does, of the captions' features (captions, width)."""
        return self._recalled(features, self.model.text_head(features))

    @torch.inference_mode()
    def between(self, captions: Sequence[Sequence[str]]) -> Tensor:
        """Return mapped vectors (n, rank), each of the mean direction of as many captions."""
        return self.asked(captions)[0]

    @torch.inference_mode()
    def asked(self, captions: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
        """Return what :meth:`between` does, and how audible (n,) the first of each captions is.

        The latter are log-odds (:mod:`engine.models.audible`).
        """
        features = self.features([caption for some in captions for caption in some])
        apart = features.view(len(captions), -1, features.shape[-1])
        head = self.model.text_head
        embeddings = self._recalled(apart[:, 0], head.between(head(apart)))
        u: Tensor = self.model.metric(embeddings)
        return u, Audible.of(self.model.spec)(apart[:, 0])

    @cached_property
    def _recollection(self) -> Recollection | None:
        memory, head = self.model.memory, self.model.audio_head
        return None if memory is None else Recollection(memory, head, head.unit)

    def _recalled(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """Return embeddings (n, dimensions and tags), moved by what texts of features recall."""
        recollection = self._recollection
        return embeddings if recollection is None else recollection(features, embeddings)

    @torch.no_grad()
    def features(self, captions: Sequence[str]) -> Tensor:
        """Return pooled text features (captions, width)."""
        device = self.device
        parts = [torch.zeros(0, self.model.spec.text_encoder.width, device=device)]
        for start in range(0, len(captions), _TEXT_BATCH):
            ids, mask = self.tokenizer(captions[start : start + _TEXT_BATCH])
            with _computing_in(self.precision, device):
                features: Tensor = self.model.text_tower(ids.to(device), mask.to(device))
            parts.append(features.float())
        return torch.cat(parts)


@dataclass(frozen=True)
class AudioEncoder:
    """The audio side, ready to use: waveforms in, pooled features out.

    ``precision`` is what the tower computes in (:mod:`engine.models.precision`).  The tower may be
    on a GPU (:mod:`engine.models.devices`), for as many sounds at once as there is ``room`` for;
    it goes to the CPU where the GPU fails, if it ``may_come_back``.
    """

    model: MatchModel
    precision: torch.dtype = torch.float32
    room: Room = field(default_factory=Room, compare=False)
    may_come_back: bool = False

    @property
    def device(self) -> torch.device:
        """Where the tower is."""
        return next(self.model.audio_tower.parameters()).device

    def log_mel(self, samples: np.ndarray) -> Tensor:
        """Return log-mel frames (bands, frames) of mono samples at the front end's rate."""
        front_end = self.model.log_mel
        frames: Tensor = front_end(torch.from_numpy(samples).to(front_end.window.device))
        return frames

    @torch.inference_mode()
    def features(self, log_mels: Sequence[Tensor]) -> Tensor:
        """Return features (n, width) of log-mels of any lengths; padding changes nothing.

        Log-mels of like lengths are embedded together, so that little is padded.  They may be
        anywhere; features come back on the CPU.

        :raises ModelError: the device failed, and the tower cannot leave it.
        """
        order = sorted(range(len(log_mels)), key=lambda row: log_mels[row].shape[-1])
        features = torch.zeros(len(log_mels), self.model.spec.features)
        start = 0
        while start < len(order):
            rows = order[start : start + self.room.on(self.device)]
            try:
                features[rows] = self._batch_features([log_mels[row] for row in rows]).cpu()
            except RuntimeError as error:
                if self.device.type == "cpu":
                    raise
                failure = error.with_traceback(None)  # which would hold what the batch takes
            else:
                start += len(rows)
                continue
            self._give_way(failure, len(rows))
        return features

    def _give_way(self, failure: RuntimeError, sounds: int) -> None:
        """Embed fewer sounds at once after a failure of the device, or on the CPU.

        :raises RuntimeError: the failure, where neither can help.
        """
        device = self.device
        if is_out_of_memory(failure) and sounds > 1:
            self.room.sounds = sounds // 2
            _log.info("%s has room for fewer than %d sounds at once", device, sounds)
            forget_cached_memory(device)
            return
        if not self.may_come_back:
            raise failure
        _log.warning("%s failed, the CPU goes on: %s", device, first_line(failure))
        try:
            with torch.inference_mode(False):  # what is moved may be trained later
                self.model.audio_tower.to("cpu")
        except RuntimeError:
            raise ModelError(
                f"the device {device} failed ({first_line(failure)}): try again with --device cpu"
            ) from failure
        self.room.sounds = None

    def _batch_features(self, log_mels: Sequence[Tensor]) -> Tensor:
        lengths = torch.tensor([frames.shape[-1] for frames in log_mels])
        longest, bands = int(lengths.max()), log_mels[0].shape[0]
        uneven, device = bool((lengths < longest).any()), self.device
        if uneven:
            longest = -(-longest // _STEP) * _STEP
        batch = torch.zeros(len(log_mels), bands, longest, device=log_mels[0].device)
        for row, frames in zip(batch, log_mels, strict=True):
            row[:, : frames.shape[-1]] = frames
        with _computing_in(self.precision, device):
            features: Tensor = self.model.audio_tower(
                batch.to(device), lengths.to(device) if uneven else None
            )
        return features.float()


def _computing_in(precision: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, precision)


def load_model(folder: Path, sides: Sequence[Side] = SIDES) -> MatchModel:
    """Load the sides of a model that are needed, for inference.

    :raises ModelError: the folder is no model, or its weights do not fit.
    """
    spec = read_spec(folder)
    with unfilled():
        model = MatchModel(spec, sides)
    sided = [prefix for side in sides for prefix in _OF_SIDE[side]]
    tensors = load_weights(folder, spec, ("metric.", "bank_", "audio_head.", "exemplars", *sided))
    tensors.setdefault("exemplars", model.exemplars)
    fill(model, tensors, "", folder / "weights.safetensors", given_away=True)
    if model.memory is not None and not model.memory.is_whole():
        raise ModelError(f"{folder} is damaged: its memory speaks of sounds that are not there")
    if model.filed is not None and not model.filed.is_whole(len(spec.categories)):
        raise ModelError(f"{folder} is damaged: its examples of categories are none")
    return model.eval().requires_grad_(False)


def load_audio_encoder(folder: Path) -> AudioEncoder:
    """Load only what turns sounds into features and vectors, as fast as it can.

    :raises ModelError: the folder is no model, or its files do not fit.
    """
    model = load_model(folder, ("audio",))
    fold_norms(model)
    model.audio_tower.to(memory_format=torch.channels_last)
    return AudioEncoder(model)


def load_tokenizer(folder: Path) -> CaptionTokenizer:
    """Load only a model's tokenizer.

    :raises ModelError: the folder is no model, or its tokenizer is damaged.
    """
    data = read_file(folder / "tokenizer.json")
    return CaptionTokenizer.from_bytes(data, read_spec(folder).text_encoder.longest_tokens)


def load_text_encoder(folder: Path) -> TextEncoder:
    """Load only what turns captions into vectors.

    :raises ModelError: the folder is no model, or its files do not fit.
    """
    model = load_model(folder, ("text",))
    if isinstance(model.text_tower, BertTower):
        model.text_tower.halve_words()
    return TextEncoder(model, load_tokenizer(folder))
