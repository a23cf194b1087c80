"""Take a BERT-class encoder from a folder as its authors publish it."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from engine.errors import InputError
from engine.models.spec import TextEncoderSpec
from engine.models.text_towers import CaptionTokenizer

_UNUSED = ("pooler.", "embeddings.position_ids")


def load_text_encoder(
    folder: Path, spec: TextEncoderSpec | None = None
) -> tuple[CaptionTokenizer, dict[str, Tensor]]:
    """Return the tokenizer and the weights of a text tower.

    :raises InputError: the folder lacks ``tokenizer.json`` or ``model.safetensors``.
    """
    spec = spec or TextEncoderSpec()
    try:
        tokenizer = (folder / "tokenizer.json").read_bytes()
        weights = load_file(folder / "model.safetensors")
    except OSError as error:
        raise InputError(f"{folder} is no text encoder: {error}") from None
    kept = {name: t for name, t in weights.items() if not name.startswith(_UNUSED)}
    return CaptionTokenizer.from_bytes(tokenizer, spec.longest_tokens), kept
