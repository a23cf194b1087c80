"""Encoders of the paper's layout, and of a layout that a CPU can bear, with random weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from engine.models.foreign import audio_spec
from engine.models.match_model import MatchModel
from engine.models.spec import ModelSpec, TextEncoderSpec
from engine.models.text_towers import BertTower
from engine.models.towers import COMPACT, RESNET38


@dataclass(frozen=True)
class Scale:
    """How large a training is; ``seconds`` of a sound, ``dimensions`` of the embedding."""

    encoder: str
    text: TextEncoderSpec
    dimensions: int
    batch: int
    micro_batch: int
    seconds: float

    @property
    def spec(self) -> ModelSpec:
        """The model's description."""
        d = self.dimensions
        return replace(audio_spec(self.encoder, None), text_encoder=self.text, dimensions=d, rank=d)

    def model(self) -> MatchModel:
        """Return a model with random weights, to be trained from end to end."""
        return MatchModel(self.spec)


SCALES = {
    "paper": Scale(  # PANNs' ResNet38 and BERT-base
        RESNET38,
        TextEncoderSpec(width=768, layers=12, heads=12, inner_width=3072),
        dimensions=1024,
        batch=256,
        micro_batch=64,
        seconds=10.0,
    ),
    "small": Scale(
        COMPACT,
        TextEncoderSpec(vocabulary=512, width=64, layers=2, heads=2, inner_width=128),
        dimensions=64,
        batch=16,
        micro_batch=8,
        seconds=1.0,
    ),
}


def word_tokenizer(texts: list[str]) -> Tokenizer:
    """Return a tokenizer that knows the words of ``texts``."""
    words = sorted({word for text in texts for word in text.lower().split()})
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer


def write_text_encoder(folder: Path, scale: Scale, texts: list[str]) -> Path:
    """Write a BERT-class encoder with random weights, as ``transformers`` lays one out."""
    folder.mkdir(parents=True, exist_ok=True)
    text = asdict(scale.text)
    config = {
        "model_type": "bert",
        "vocab_size": text["vocabulary"],
        "hidden_size": text["width"],
        "num_hidden_layers": text["layers"],
        "num_attention_heads": text["heads"],
        "intermediate_size": text["inner_width"],
        "max_position_embeddings": text["positions"],
    }
    (folder / "config.json").write_text(json.dumps(config))
    word_tokenizer(texts).save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    save_file(BertTower(scale.text).state_dict(), folder / "model.safetensors")
    return folder
