"""Models and encoders as their authors publish them, read from files that are already here.

An audio tower's own module says what it is read from (:mod:`engine.models.towers`); a text encoder
is a folder of a BERT-class model: ``config.json``, weights, tokenizer.  Weights load from
safetensors, or from a pickled checkpoint with ``weights_only=True``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.errors import InputError, ModelError
from engine.models import clap
from engine.models.checkpoints import read_config, read_folder
from engine.models.encoders import audio_tower_entry
from engine.models.match_model import MatchModel
from engine.models.spec import ModelSpec, TextEncoderSpec
from engine.models.text_towers import BertTower, CaptionTokenizer
from engine.models.towers import HTSAT
from engine.models.weights import fill

_TEXT_KINDS = ("bert", "roberta", "xlm-roberta", "camembert")
_LONGEST_TOKENS = 64


def audio_spec(name: str, source: Path | None) -> ModelSpec:
    """Return the spec of a model around an audio tower, with its front end and widths.

    :param source: what :func:`load_audio_tower` will read; the sizes of some towers stand there.
    """
    entry = audio_tower_entry(name)
    spec = ModelSpec(name, name, entry.front_end, features=entry.features)
    return spec if source is None or entry.sized is None else entry.sized(spec, source)


def load_audio_tower(model: MatchModel, source: Path) -> None:
    """Fill a model's audio tower with its authors' weights.

    :raises ModelError: the source is damaged or of another architecture.
    :raises InputError: part of the tower stands in one of our models.
    """
    entry = audio_tower_entry(model.spec.audio_tower)
    if entry.shared:
        raise InputError(
            f"{model.spec.audio_tower} cannot be read from {source} alone: "
            "start from a model that has it, with --base"
        )
    fill(model.audio_tower, entry.read(source), "", source)


def text_spec(folder: Path) -> TextEncoderSpec:
    """Return the sizes of a BERT-class encoder from its ``config.json``.

    :raises InputError: the folder has none, or it is of another kind.
    """
    return _text_spec(read_config(folder), folder)


def load_foreign_text_encoder(
    folder: Path,
) -> tuple[TextEncoderSpec, CaptionTokenizer, dict[str, Tensor]]:
    """Return sizes, tokenizer and weights of a BERT-class encoder, for mean pooling.

    :raises InputError: the folder lacks ``config.json`` or ``tokenizer.json``.
    :raises ModelError: weights are missing, damaged or of another architecture.
    """
    spec = text_spec(folder)
    try:
        tokenizer = (folder / "tokenizer.json").read_bytes()
    except OSError as error:
        raise InputError(f"{folder} is not a text encoder: {error}") from None
    weights = _text_weights(folder)
    weights = {n: t for n, t in weights.items() if not n.startswith("pooler.")}
    fill(BertTower(spec), weights, "", folder)
    return spec, CaptionTokenizer.from_bytes(tokenizer, spec.longest_tokens), weights


def _text_weights(folder: Path, prefix: str = "") -> dict[str, Tensor]:
    """Return the weights of a BERT-class encoder under our text tower's names."""
    tensors = read_folder(folder)
    for start in (prefix, "bert.", "roberta.", ""):
        if any(name.startswith(f"{start}embeddings.word") for name in tensors):
            kept = (f"{start}embeddings.", f"{start}encoder.layer.", f"{start}pooler.")
            found = {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(kept)}
            unused = ("position_ids", "token_type_ids")
            return {_modern(n): t for n, t in found.items() if not n.endswith(unused)}
    raise ModelError(f"{folder} holds no weights of a BERT-class encoder")


def load_clap(folder: Path, name: str, bank: tuple[str, ...] = ()) -> MatchModel:
    """Return a complete CLAP checkpoint as a match model: L is the identity.

    CLAP's projections are ours without standardisation: linear, ReLU, linear, length 1.

    :raises InputError: the folder has no ``config.json`` of a ``ClapModel``.
    :raises ModelError: its weights are damaged or of another architecture.
    """
    _, text_config, width = clap.read_configs(folder)
    if not text_config:
        raise InputError(f"{folder} is not a complete CLAP model: it has no text encoder")
    text = _text_spec({"model_type": "roberta", **text_config}, folder)
    text = replace(text, pooling="pooler")
    base = audio_spec(HTSAT, folder)
    spec = replace(
        base,
        name=name,
        text_encoder=text,
        bank=bank,
        hidden=width,
        dimensions=width,
        rank=width,
    )
    model = MatchModel(spec)
    load_audio_tower(model, folder)
    fill(model.text_tower, _text_weights(folder, "text_model."), "", folder)
    tensors = read_folder(folder)
    for head, theirs in ((model.audio_head, "audio"), (model.text_head, "text")):
        state = {
            f"layers.{ours}.{kind}": tensors[f"{theirs}_projection.linear{number}.{kind}"]
            for ours, number in ((0, 1), (3, 2))
            for kind in ("weight", "bias")
            if f"{theirs}_projection.linear{number}.{kind}" in tensors
        }
        own = {n: t for n, t in head.state_dict().items() if not n.startswith("layers.")}
        fill(head, {**own, **state}, "", folder)
    return model.eval().requires_grad_(False)


def _text_spec(config: Mapping[str, Any], folder: Path) -> TextEncoderSpec:
    kind = (
        str(config.get("model_type", "bert")).removesuffix("_text_model").replace("clap", "roberta")
    )
    if kind not in _TEXT_KINDS:
        raise InputError(
            f"{folder} holds a text encoder of kind {kind}; these can be read: "
            + ", ".join(_TEXT_KINDS)
        )
    if config.get("hidden_act", "gelu") != "gelu":
        raise InputError(f"{folder} has the activation {config['hidden_act']}, not gelu")
    offset = 0 if kind == "bert" else int(config.get("pad_token_id", 1)) + 1
    positions = int(config.get("max_position_embeddings", 514 if offset else 512))
    return TextEncoderSpec(
        vocabulary=int(config.get("vocab_size", 50265 if offset else 30522)),
        width=int(config.get("hidden_size", 768)),
        layers=int(config.get("num_hidden_layers", 12)),
        heads=int(config.get("num_attention_heads", 12)),
        inner_width=int(config.get("intermediate_size", 3072)),
        positions=positions,
        longest_tokens=min(_LONGEST_TOKENS, positions - offset),
        segments=int(config.get("type_vocab_size", 1 if offset else 2)),
        first_position=offset,
        norm_epsilon=float(config.get("layer_norm_eps", 1e-12)),
    )


def _modern(name: str) -> str:
    """Return today's name of a parameter that old checkpoints call gamma or beta."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )
