"""Models and encoders as their authors publish them, read from files that are already here.

====================  =====================================================================
``efficientat-mn04``  EfficientAT's checkpoint, ``mn04_as_mAP_432.pt``
``panns-resnet38``    PANNs' checkpoint, ``ResNet38_mAP=0.434.pth``
``clap-htsat``        a folder of ``transformers.ClapModel`` (for example that of
                      laion/clap-htsat-unfused), or of ``ClapAudioModel`` alone
text encoders         a folder of a BERT-class model: ``config.json``, weights, tokenizer
====================  =====================================================================

Weights load from safetensors, or from a pickled checkpoint with ``weights_only=True``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.errors import InputError, ModelError
from engine.models import clap, panns
from engine.models.audio_towers import FEATURES
from engine.models.match_model import MatchModel
from engine.models.spec import FrontEnd, ModelSpec, TextEncoderSpec
from engine.models.text_towers import CaptionTokenizer, TextTower
from engine.models.weights import fill, load_checkpoint, load_tensors

_TEXT_KINDS = ("bert", "roberta", "xlm-roberta", "camembert")
_LONGEST_TOKENS = 64


def audio_spec(name: str, source: Path | None) -> ModelSpec:
    """Return the spec of a model around an audio tower, with its front end and widths.

    :param source: what :func:`load_audio_tower` will read; CLAP's sizes stand there.
    """
    if name == "panns-resnet38":
        return ModelSpec(name, name, panns.FRONT_END, features=panns.FEATURES)
    if name == "clap-htsat":
        config = _clap_configs(source)[0] if source is not None else {}
        front_end = replace(clap.FRONT_END, mel_bands=config.get("num_mel_bins", 64))
        width = int(config.get("hidden_size", 768))
        return ModelSpec(name, name, front_end, features=width, tower_config=config)
    return ModelSpec(name, name, FrontEnd(), features=FEATURES)


def load_audio_tower(model: MatchModel, source: Path) -> None:
    """Fill a model's audio tower with its authors' weights.

    :raises ModelError: the source is damaged or of another architecture.
    """
    kind = model.spec.audio_tower
    if kind == "clap-htsat":
        tensors, prefix = _folder_weights(source), "audio_model."
        if not any(name.startswith(prefix) for name in tensors):
            prefix = ""
        own = {
            f"model.{n.removeprefix(prefix)}": t for n, t in tensors.items() if n.startswith(prefix)
        }
        own = {n: t for n, t in own.items() if not n.startswith("model.text_")}
    else:
        own = load_checkpoint(source) if source.suffix != ".safetensors" else load_tensors(source)
        own = {n: t for n, t in own.items() if not n.startswith(panns.UNUSED)}
    fill(model.audio_tower, own, "", source)


def text_spec(folder: Path) -> TextEncoderSpec:
    """Return the sizes of a BERT-class encoder from its ``config.json``.

    :raises InputError: the folder has none, or it is of another kind.
    """
    return _text_spec(_config(folder), folder)


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
        raise InputError(f"{folder} is no text encoder: {error}") from None
    weights = _text_weights(folder)
    weights = {n: t for n, t in weights.items() if not n.startswith("pooler.")}
    fill(TextTower(spec), weights, "", folder)
    return spec, CaptionTokenizer.from_bytes(tokenizer, spec.longest_tokens), weights


def _text_weights(folder: Path, prefix: str = "") -> dict[str, Tensor]:
    """Return the weights of a BERT-class encoder under our text tower's names."""
    tensors = _folder_weights(folder)
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
    _, text_config, width = _clap_configs(folder)
    if not text_config:
        raise InputError(f"{folder} is no complete CLAP model: it has no text encoder")
    text = _text_spec({"model_type": "roberta", **text_config}, folder)
    text = replace(text, pooling="pooler")
    base = audio_spec("clap-htsat", folder)
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
    tensors = _folder_weights(folder)
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


def _clap_configs(folder: Path) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return CLAP's audio and text configurations and the width of its projections."""
    config = _config(folder)
    audio = config.get("audio_config", config)
    audio = {k: v for k, v in audio.items() if isinstance(v, int | float | list | str | bool)}
    if audio.get("enable_fusion"):
        raise InputError(
            f"{folder} is a CLAP with fusion: use one without, such as clap-htsat-unfused"
        )
    dropped = ("model_type", "transformers_version", "torch_dtype", "dtype", "_name_or_path")
    audio = {k: v for k, v in audio.items() if k not in dropped}
    return audio, dict(config.get("text_config", {})), int(config.get("projection_dim", 512))


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} is no model folder: config.json cannot be read: {error}"
        ) from None
    if not isinstance(config, dict):
        raise InputError(f"{path} is not a configuration")
    return config


def _folder_weights(folder: Path) -> dict[str, Tensor]:
    """Return the weights of a folder as transformers writes it."""
    if (folder / "model.safetensors").is_file():
        return load_tensors(folder / "model.safetensors")
    return {n: t.float() if t.is_floating_point() else t for n, t in _pickled(folder).items()}


def _pickled(folder: Path) -> dict[str, Tensor]:
    path = folder / "pytorch_model.bin"
    if not path.is_file():
        raise ModelError(f"{folder} has neither model.safetensors nor pytorch_model.bin")
    return load_checkpoint(path)


def _modern(name: str) -> str:
    """Return today's name of a parameter that old checkpoints call gamma or beta."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )
