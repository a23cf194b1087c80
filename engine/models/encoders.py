"""What an encoder of sounds or of texts is to the rest of the program.

A tower is a ``torch.nn.Module`` that one of the protocols describes.  Which audio towers there are
is said in :mod:`engine.models.towers`, and what each is like in its own module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from engine.models.checkpoints import read_state
from engine.models.spec import FrontEnd, ModelSpec
from engine.models.towers import AUDIO_TOWERS
from engine.models.weights import Weighted


class Tower(Weighted, Protocol):
    """What is used of a ``torch.nn.Module``, whatever it encodes."""

    training: bool

    def parameters(self) -> Iterator[nn.Parameter]:
        """Give what can be trained."""

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Give what belongs to it and is not trained, by name."""

    def train(self, mode: bool = True) -> Any:
        """Enter or leave training."""

    def eval(self) -> Any:
        """Leave training."""

    def to(self, *where: Any, **how: Any) -> Any:
        """Move to a device, or to another layout in memory."""


class AudioTower(Tower, Protocol):
    """Log-mel frames in, pooled features out."""

    def __call__(self, log_mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return features (b, width) of log-mels (b, bands, frames), in any precision.

        :param lengths: (b,) how many frames of each sound are real; None: all.  What is
            behind them, and what else is in the batch, must not change a sound's features.
        """


class TextTower(Tower, Protocol):
    """Tokens in, pooled features out."""

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return features (b, width) of token ids (b, tokens); ``mask`` is True on real ones."""


@dataclass(frozen=True)
class AudioTowerEntry:
    """A kind of audio tower, before it has weights.

    ``make`` returns one, untrained, as a spec describes it; its features are ``features`` wide, of
    log-mels as ``front_end`` makes them.  ``read`` returns the weights of a file or folder under
    the tower's own names; a plain state dict needs none.  Where published weights come in several
    sizes, ``sized`` returns a spec with those that the file or folder holds.  ``options`` names
    what of ``tower_config`` may be chosen when it is trained.

    ``provenance`` and ``licence`` are what a model says that holds its published weights.  Where
    the tower of one of our models belongs to it, its weights stand under the prefix ``shared``.
    """

    make: Callable[[ModelSpec], AudioTower]
    features: int
    provenance: str
    licence: str
    front_end: FrontEnd = field(default_factory=FrontEnd)
    read: Callable[[Path], Mapping[str, Tensor]] = read_state
    sized: Callable[[ModelSpec, Path], ModelSpec] | None = None
    options: tuple[str, ...] = ()
    shared: str = ""


def audio_tower_entry(name: str) -> AudioTowerEntry:
    """Return what is known of a kind of audio tower, one of ``AUDIO_TOWERS``."""
    entry: AudioTowerEntry = import_module(AUDIO_TOWERS[name]).TOWER
    return entry
