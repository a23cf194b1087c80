"""Text towers: captions in, pooled features out.

A BERT-class encoder written with torch alone and fed by ``tokenizers``, because importing
transformers costs seconds that a cold search should not pay.  Parameter names are those of
transformers' ``BertModel``, so its checkpoints load unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.spec import TextEncoderSpec


class BertEmbeddings(nn.Module):
    """Word, position and segment embeddings."""

    def __init__(self, spec: TextEncoderSpec) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(spec.vocabulary, spec.width)
        self.position_embeddings = nn.Embedding(spec.positions, spec.width)
        self.token_type_embeddings = nn.Embedding(spec.segments, spec.width)
        self.LayerNorm = nn.LayerNorm(spec.width, eps=spec.norm_epsilon)
        self.first_position = spec.first_position

    def forward(self, ids: Tensor) -> Tensor:
        """Return (b, tokens, width) for token ids (b, tokens)."""
        x = self.word_embeddings(ids) + self.token_type_embeddings.weight[0]
        first = self.first_position
        x = x + self.position_embeddings.weight[first : first + ids.shape[1]]
        normed: Tensor = self.LayerNorm(x)
        return normed


class BertLayer(nn.Module):
    """One post-norm transformer layer (Devlin et al., NAACL 2019)."""

    def __init__(self, spec: TextEncoderSpec) -> None:
        super().__init__()
        width = spec.width
        self.heads = spec.heads
        projections = {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict(projections),
                "output": _output(width, width, spec.norm_epsilon),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, spec.inner_width)})
        self.output = _output(spec.inner_width, width, spec.norm_epsilon)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (b, tokens, width); ``mask`` (b, 1, 1, tokens) is True on real tokens."""
        batch, tokens, width = x.shape
        own = self.attention["self"]
        assert isinstance(own, nn.ModuleDict)

        def split(name: str) -> Tensor:
            y: Tensor = own[name](x)
            return y.view(batch, tokens, self.heads, -1).transpose(1, 2)

        mixed = nn.functional.scaled_dot_product_attention(
            split("query"), split("key"), split("value"), attn_mask=mask
        )
        mixed = mixed.transpose(1, 2).reshape(batch, tokens, width)
        x = _finish(self.attention["output"], mixed, x)
        inner = nn.functional.gelu(self.intermediate["dense"](x))
        return _finish(self.output, inner, x)


def _output(inputs: int, width: int, epsilon: float) -> nn.ModuleDict:
    return nn.ModuleDict(
        {"dense": nn.Linear(inputs, width), "LayerNorm": nn.LayerNorm(width, eps=epsilon)}
    )


def _finish(output: Any, y: Tensor, residual: Tensor) -> Tensor:
    result: Tensor = output["LayerNorm"](output["dense"](y) + residual)
    return result


class BertTower(nn.Module):
    """A BERT-class encoder with pooling over its tokens."""

    def __init__(self, spec: TextEncoderSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embeddings = BertEmbeddings(spec)
        layers = [BertLayer(spec) for _ in range(spec.layers)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})
        if spec.pooling == "pooler":
            self.pooler = nn.ModuleDict({"dense": nn.Linear(spec.width, spec.width)})

    def halve_words(self) -> None:
        """Keep the vocabulary's embeddings in float16, as they are stored: half the memory."""
        self.embeddings.word_embeddings.half()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return pooled features (b, width) of token ids (b, tokens) under a boolean mask."""
        x = self.embeddings(ids)
        layers = self.encoder["layer"]
        assert isinstance(layers, nn.ModuleList)
        for layer in layers:
            x = layer(x, mask[:, None, None, :])
        if self.spec.pooling == "pooler":
            dense: Tensor = self.pooler["dense"](x[:, 0])
            return torch.tanh(dense)
        if self.spec.pooling == "first":
            first: Tensor = x[:, 0]
            return first
        weight = mask.to(x.dtype)[:, :, None]
        pooled: Tensor = (x * weight).sum(1) / weight.sum(1)
        return pooled


class CaptionTokenizer:
    """Turn captions into padded token ids."""

    def __init__(self, tokenizer: Tokenizer, longest_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.enable_truncation(longest_tokens)
        names = ("[PAD]", "<pad>")
        known = {name: tokenizer.token_to_id(name) for name in names}
        token = next((name for name in names if known[name] is not None), names[0])
        self._tokenizer.enable_padding(pad_id=known[token] or 0, pad_token=token)

    @classmethod
    def from_bytes(cls, data: bytes, longest_tokens: int) -> CaptionTokenizer:
        """Read a ``tokenizer.json``.

        :raises ModelError: it is damaged.
        """
        try:
            return cls(Tokenizer.from_buffer(data), longest_tokens)
        except Exception as error:  # tokenizers raises plain Exception
            raise ModelError(f"tokenizer.json is damaged: {error}") from None

    def knows(self, word: str) -> bool:
        """Return whether a word in small letters is one of the vocabulary, whole."""
        marked = ("", "Ġ", "▁")  # how vocabularies mark that a word begins
        return any(self._tokenizer.token_to_id(mark + word) is not None for mark in marked)

    def __call__(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return token ids and a boolean mask of real tokens, both (b, tokens)."""
        encoded = self._tokenizer.encode_batch(list(captions))
        ids = torch.tensor([e.ids for e in encoded])
        mask = torch.tensor([e.attention_mask for e in encoded], dtype=torch.bool)
        return ids, mask
