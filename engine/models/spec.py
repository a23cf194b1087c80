"""What a model folder says about itself: ``model.json``.

A model folder holds ``model.json``, ``weights.safetensors``, ``tokenizer.json`` and
``README.md`` (the model card).  A model's ``id`` hashes its weights and everything that
happens before them; its ``audio_id`` hashes only what makes features from sound, so that
libraries know which stored features a model can reuse.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models.bounds import Whole, check_document, parse_json
from engine.models.files import open_file, read_file
from engine.models.towers import AUDIO_TOWERS

FORMAT = 1
SENTENCE = "This is a sound of {label}."  # as labels were said in training
FILES = ("weights.safetensors", "tokenizer.json")
SHORTEST_SAMPLES = 1600  # reflect padding needs more than half an FFT frame


@dataclass(frozen=True)
class FrontEnd:
    """What a log-mel front end does, with units in the names.

    Frames come out every ``hop_samples``; values are
    ``(ln(power + log_offset) + shift) / scale`` of ``mel_bands`` bands, or, if ``clamped``,
    ``(ln(max(power, log_offset)) + shift) / scale``.  ``mel_scale`` is ``kaldi``, ``slaney``
    (bands of equal area) or ``htk``; the window is periodic if ``periodic``.  Sounds shorter
    than ``fill_s`` seconds are repeated as often as they fit whole, then filled with silence.
    """

    rate_hz: int = 32000
    preemphasis: float = 0.97
    fft_samples: int = 1024
    window_samples: int = 800
    hop_samples: int = 320
    mel_bands: int = 128
    low_hz: float = 0.0
    high_hz: float = 15000.0
    log_offset: float = 1e-5
    shift: float = 4.5
    scale: float = 5.0
    mel_scale: str = "kaldi"
    clamped: bool = False
    periodic: bool = False
    fill_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return what an id is made of: fields that came later count where they are used."""
        return _without_unused(self, _LATER_FRONT_END)

    @property
    def fewest_samples(self) -> int:
        """How many samples a shorter sound is filled up to."""
        return max(SHORTEST_SAMPLES, round(self.fill_s * self.rate_hz))

    @property
    def floor(self) -> float:
        """The normalised value of digital silence."""
        return (math.log(self.log_offset) + self.shift) / self.scale

    def frames(self, samples: int) -> int:
        """Return how many frames ``samples`` samples give."""
        spare = 1 if self.preemphasis else 0
        return 1 + (max(samples, self.fewest_samples) - spare) // self.hop_samples


@dataclass(frozen=True)
class TextEncoderSpec:
    """The sizes of a BERT-class encoder, and how many tokens of a caption it reads.

    ``pooling`` is ``mean`` (over real tokens), ``first`` (token) or ``pooler`` (BERT's dense
    layer on the first token).  RoBERTa counts positions from ``first_position`` = 2 and has
    one segment.
    """

    vocabulary: int = 30522
    width: int = 384
    layers: int = 6
    heads: int = 12
    inner_width: int = 1536
    positions: int = 512
    longest_tokens: int = 64
    pooling: str = "mean"
    segments: int = 2
    first_position: int = 0
    norm_epsilon: float = 1e-12

    def to_dict(self) -> dict[str, Any]:
        """Return what an id is made of: fields that came later count where they are used."""
        return _without_unused(self, _LATER_TEXT)


Setting = Callable[[str], bytes | None]  # of a library, by its name


@dataclass(frozen=True)
class Ranking:
    """Numbers that turn costs into scores (docs/retrieval.md).

    ``epsilon`` and the query potentials (of texts and of sounds) are in units of the cost,
    the distance of mapped vectors divided by ``cost_scale``; ``blend`` is λ against the model's
    bank, ``own_blend`` where a library's own words are the bank; results whose evidence e has
    σ(e) below ``divider`` are weak.  ``familiar`` is the share of a query's match with sounds in
    general that its strength is relieved of (:mod:`engine.models.familiar`).
    """

    epsilon: float = 0.05
    cost_scale: float = 1.0
    blend: float = 0.5
    query_potential: float = 0.0
    audio_query_potential: float = 0.0
    divider: float = 0.5
    familiar: float = 0.0
    own_blend: float = 0.0

    @property
    def strength_blend(self) -> float:
        """Return how much of the potential counts in strength.

        It is λ, as in the score, where the strength is calibrated on how familiar queries are; else
        all of it: the query's share against the bank, which needs no calibration.
        """
        return self.blend if self.familiar else 1.0


@dataclass(frozen=True)
class ModelSpec:
    """The contents of ``model.json``; lengths in seconds, widths in channels.

    ``tower_config`` holds the sizes of a tower that has some to choose; ``base`` is the id of
    the model that this one was trained from, if any; ``exemplars`` counts the features that
    stand for the sounds it was made with.  ``tags`` is the width of the second view, what both
    sides say about tags (:class:`engine.models.match_model.TagView`); 0 is none.  ``audible`` holds
    a probe of text features (:class:`engine.models.audible.Audible`); empty is none.
    ``memory_texts`` and ``memory_sounds`` count what its memory holds
    (:class:`engine.models.memory.Memory`); 0 is none.  ``filed_sounds`` counts its examples of
    ``categories``, which are ids of UCS (:class:`engine.models.filed.Filed`); 0 is none.
    """

    name: str
    audio_tower: str
    front_end: FrontEnd = field(default_factory=FrontEnd)
    text_encoder: TextEncoderSpec = field(default_factory=TextEncoderSpec)
    window_s: float = 10.0
    hop_s: float = 5.0
    features: int = 384
    hidden: int = 1024
    dimensions: int = 256
    rank: int = 256
    ranking: Ranking = field(default_factory=Ranking)
    bank: tuple[str, ...] = ()
    provenance: str = ""
    licences: tuple[str, ...] = ()
    sha256: dict[str, str] = field(default_factory=dict)
    audio_sha256: str = ""
    tower_config: dict[str, Any] = field(default_factory=dict)
    base: str = ""
    exemplars: int = 0
    tags: int = 0
    tag_hidden: int = 0
    audible: tuple[float, ...] = ()
    memory_texts: int = 0
    memory_sounds: int = 0
    filed_sounds: int = 0
    categories: tuple[str, ...] = ()

    @property
    def embedding(self) -> int:
        """How many numbers of both views the metric maps."""
        return self.dimensions + self.tags

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits that name weights and preprocessing."""
        return _digest([self.sha256, self._before_features(), self._before_vectors()])

    @property
    def audio_id(self) -> str:
        """Sixteen hexadecimal digits that name what makes features from sound."""
        return _digest([self.audio_sha256, self._before_features()])

    def _before_features(self) -> list[Any]:
        parts = [self.audio_tower, self.front_end.to_dict(), self.window_s, self.hop_s]
        return [*parts, self.tower_config] if self.tower_config else parts

    def _before_vectors(self) -> list[Any]:
        sizes = [self.features, self.hidden, self.dimensions, self.rank]
        if self.tags:
            sizes += [self.tags, self.tag_hidden]
        if self.memory_texts:
            sizes += [self.memory_texts, self.memory_sounds]
        if self.filed_sounds:
            sizes += [self.filed_sounds, len(self.categories)]
        scales = [self.ranking.cost_scale, self.ranking.epsilon]
        return [self.text_encoder.to_dict(), sizes, list(self.bank), *scales]

    def with_files(self, folder: Path, audio_sha256: str) -> ModelSpec:
        """Return a copy that records the hashes of the files in ``folder``."""
        hashes = {name: file_sha256(folder / name) for name in FILES}
        return replace(self, sha256=hashes, audio_sha256=audio_sha256)


_LATER_FRONT_END = ("mel_scale", "clamped", "periodic", "fill_s")
_LATER_TEXT = ("pooling", "segments", "first_position", "norm_epsilon")


def _without_unused(part: FrontEnd | TextEncoderSpec, later: Sequence[str]) -> dict[str, Any]:
    """Return the fields without those that came after format 1 and keep their default."""
    unused = {
        f.name for f in fields(part) if f.name in later and getattr(part, f.name) == f.default
    }
    return {name: value for name, value in asdict(part).items() if name not in unused}


def own_ranking(spec: ModelSpec) -> Ranking:
    """Return how a model ranks where a library's own words are the bank."""
    return replace(spec.ranking, blend=spec.ranking.own_blend)


def library_ranking(spec: ModelSpec, setting: Setting) -> Ranking:
    """Return how a library is ranked, which depends on what its bank is."""
    return own_ranking(spec) if setting("own_vectors") else spec.ranking


def write_spec(spec: ModelSpec, folder: Path) -> None:
    """Write ``model.json`` into ``folder``."""
    document = {"format": FORMAT, "id": spec.id, **asdict(spec)}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")


def read_spec(folder: Path) -> ModelSpec:
    """Read ``model.json`` strictly: unknown, missing or newer means refused.

    :raises ModelError: the folder is no model, is damaged, or needs a newer Soundsift.
    """
    path = folder / "model.json"
    if not os.path.lexists(path):
        raise ModelError(f"{folder} is not a model folder: it has no model.json")
    try:
        document = parse_json(read_file(path))
    except ValueError as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict) or not Whole(1, 10**9).allows(document.get("format")):
        raise ModelError(f"{path} does not say its format: it is not a Soundsift model")
    if document["format"] > FORMAT:
        raise ModelError(
            f"{path} has format {document['format']}; this Soundsift reads formats up to "
            f"{FORMAT}: update Soundsift to use this model"
        )
    document.pop("format")
    stated_id = document.pop("id", None)
    try:
        check_document(document)
        spec = _parse(document)
        _check_together(spec)
    except (TypeError, KeyError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}") from None
    if spec.audio_tower not in AUDIO_TOWERS:
        raise ModelError(f"{path} asks for an unknown audio tower, {spec.audio_tower}")
    if spec.sha256 and stated_id != spec.id:
        raise ModelError(f"{path} was changed after it was made: its id does not match")
    return spec


def _parse(document: dict[str, Any]) -> ModelSpec:
    parts = dict(document)
    parts["front_end"] = FrontEnd(**parts["front_end"])
    parts["text_encoder"] = TextEncoderSpec(**parts["text_encoder"])
    parts["ranking"] = Ranking(**parts["ranking"])
    parts["bank"] = tuple(parts["bank"])
    parts["licences"] = tuple(parts["licences"])
    parts["audible"] = tuple(parts.get("audible", ()))
    parts["categories"] = tuple(parts.get("categories", ()))
    return ModelSpec(**parts)


def _check_together(spec: ModelSpec) -> None:
    """Check what fields say together.

    :raises ValueError: they contradict one another.
    """
    front, text = spec.front_end, spec.text_encoder
    spare = 1 if front.preemphasis else 0
    rules = {
        "front_end.window_samples is more than front_end.fft_samples": (
            front.window_samples > front.fft_samples
        ),
        "front_end.hop_samples is more than front_end.window_samples, so some samples are "
        "skipped": (front.hop_samples > front.window_samples),
        "front_end.fft_samples is too large for the shortest sounds": (
            front.fft_samples // 2 >= front.fewest_samples - spare
        ),
        "front_end.low_hz is not below front_end.high_hz": front.low_hz >= front.high_hz,
        "front_end.high_hz is more than half of front_end.rate_hz": (
            front.high_hz > front.rate_hz / 2
        ),
        "hop_s is more than window_s, so some audio is skipped": spec.hop_s > spec.window_s,
        "rank is more than dimensions and tags together": spec.rank > spec.embedding,
        "tags without tag_hidden, or the reverse": bool(spec.tags) != bool(spec.tag_hidden),
        "memory_texts without memory_sounds, or the reverse": (
            bool(spec.memory_texts) != bool(spec.memory_sounds)
        ),
        "filed_sounds without categories, or the reverse": (
            bool(spec.filed_sounds) != bool(spec.categories)
        ),
        "audible does not hold a number for each text feature and one more": (
            len(spec.audible) not in (0, text.width + 1)
        ),
        "text_encoder.width is not divisible by text_encoder.heads": (text.width % text.heads != 0),
        "text_encoder.longest_tokens exceeds the number of positions": (
            text.longest_tokens > text.positions - text.first_position
        ),
    }
    broken = next((rule for rule, is_broken in rules.items() if is_broken), None)
    if broken:
        raise ValueError(broken)


def file_sha256(path: Path, at_home: bool = True) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    :param at_home: whether it must not be a link out of its folder.
    :raises ModelError: it cannot be read, or is no plain file.
    """
    try:
        with open_file(path, at_home) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None


def _digest(parts: list[Any]) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
