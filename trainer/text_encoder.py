"""Take a BERT-class encoder from a folder as its authors publish it."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from engine.errors import InputError
from engine.models.spec import TextEncoderSpec
from engine.models.text_towers import CaptionTokenizer
from engine.models.weights import load_tensors

_UNUSED = ("pooler.", "embeddings.position_ids")


def load_text_encoder(
    folder: Path, spec: TextEncoderSpec | None = None
) -> tuple[CaptionTokenizer, dict[str, Tensor]]:
    """Return the tokenizer and the weights of a text tower.

    :raises InputError: the folder lacks ``tokenizer.json``.
    :raises ModelError: ``model.safetensors`` is missing or damaged.
    """
    spec = spec or TextEncoderSpec()
    try:
        tokenizer = (folder / "tokenizer.json").read_bytes()
    except OSError as error:
        raise InputError(f"{folder} is no text encoder: {error}") from None
    weights = load_tensors(folder / "model.safetensors")
    kept = {name: t for name, t in weights.items() if not name.startswith(_UNUSED)}
    return CaptionTokenizer.from_bytes(tokenizer, spec.longest_tokens), kept
