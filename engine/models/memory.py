"""A key-value memory: which training sounds were called what a text says, and what they are like.

Projections of two layers cannot keep apart what thousands of captions were said of.  A memory can:
its keys are the text features of training captions, its values the mean features of the sounds of
each.  A text's embedding moves towards the embeddings of the sounds of the captions that are
nearest to it, weighted by a softmax of cosines (Vinyals et al., *Matching Networks*, NeurIPS 2016;
Zhang et al., *Tip-Adapter*, ECCV 2022, for a model of two towers); docs/decisions/0037 says why.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

SHARE = 0.3  # of what the sounds are like, where a caption is near
TEMPERATURE = 0.06  # of the softmax over cosines
FAR, NEAR = 0.35, 0.55  # cosines of the nearest caption between which the share grows to that
_AT_ONCE = 128  # texts
_LEAST_LENGTH = 1e-12  # as torch normalises

Map = Callable[[Tensor], Tensor]


class Memory(nn.Module):
    """Captions with the sounds that they were said of.

    ``texts`` (n, width) are text features of captions, ``sound_of`` (n,) says to which of
    ``sounds`` (m, features), mean audio features, each belongs.
    """

    texts: Tensor
    sound_of: Tensor
    sounds: Tensor

    def __init__(self, texts: int, sounds: int, width: int, features: int) -> None:
        super().__init__()
        self.register_buffer("texts", torch.zeros(texts, width))
        self.register_buffer("sound_of", torch.zeros(texts, dtype=torch.long))
        self.register_buffer("sounds", torch.zeros(sounds, features))

    def is_whole(self) -> bool:
        """Return whether every caption belongs to a sound that is there."""
        places = self.sound_of
        return bool(((places >= 0) & (places < len(self.sounds))).all())


class Recollection:
    """A memory ready to use: captions' directions, and the embeddings of what they were said of.

    :param embed: the audio projection, features (m, width) to embeddings.
    :param unit: brings each view of embeddings (n, width of both views) to length 1.
    """

    def __init__(self, memory: Memory, embed: Map, unit: Map) -> None:
        self._texts = memory.texts  # directions from the middle would take as much memory again
        self._middle = memory.texts.mean(0)
        lengths = torch.linalg.vector_norm(memory.texts - self._middle, dim=1)
        self._lengths = lengths.clamp(min=_LEAST_LENGTH)
        self._owners = memory.sound_of
        self._heard = embed(memory.sounds)
        self._unit = unit

    def __call__(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """Return embeddings (n, width of both views), moved towards what the texts recall.

        :param features: (n, width) pooled features of the bare texts.
        :param embeddings: (n, width of both views) of these texts, or of several wordings of each.
        """
        parts = [slice(start, start + _AT_ONCE) for start in range(0, len(features), _AT_ONCE)]
        moved = [self._moved(features[part], embeddings[part]) for part in parts]
        return torch.cat(moved) if moved else embeddings

    def _moved(self, features: Tensor, embeddings: Tensor) -> Tensor:
        towards = normalize(features - self._middle, dim=1)
        apart = towards @ self._texts.T - (towards @ self._middle)[:, None]
        cosines = apart / self._lengths
        owners = self._owners.expand(len(features), -1)
        alike = cosines.new_full((len(features), len(self._heard)), -1.0)
        alike.scatter_reduce_(1, owners, cosines, "amax")  # a sound's nearest caption counts
        recalled = self._unit(torch.softmax(alike / TEMPERATURE, 1) @ self._heard)
        nearest = alike.max(1, keepdim=True).values
        share = SHARE * ((nearest - FAR) / (NEAR - FAR)).clamp(0, 1)
        return self._unit(torch.lerp(embeddings, recalled, share))
