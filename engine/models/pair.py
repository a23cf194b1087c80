"""Two audio towers heard together: EfficientAT's mn04 and ours, which was taught its features.

Where the compact tower errs as its teacher does not, and the reverse, the mean of both is nearer
to what projections were trained on (docs/decisions/0039).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from engine.models import efficientat
from engine.models.checkpoints import read_state
from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.encoders import AudioTowerEntry

FOREIGN, OWN = "efficientat.", "compact."  # prefixes of either tower's weights


class Pair(nn.Module):
    """The mean of two towers' features."""

    def __init__(self) -> None:
        super().__init__()
        self.efficientat = EfficientAt()
        self.compact = Compact()

    def forward(self, log_mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return pooled features (b, 384); see :func:`engine.models.layers.pooled_features`."""
        features: Tensor = self.efficientat(log_mel, lengths) + self.compact(log_mel, lengths)
        return features / 2


def _read(source: Path) -> Mapping[str, Tensor]:
    """Return the weights of EfficientAT's checkpoint; those of ours stand in a model of ours."""
    return {FOREIGN + name: tensor for name, tensor in read_state(source).items()}


TOWER = AudioTowerEntry(
    make=lambda spec: Pair(),
    features=efficientat.FEATURES,
    provenance="Audio tower of two, by EfficientAT's authors (mn04_as_mAP_432.pt), unchanged, and "
    "that of the model `default`",
    licence=efficientat.TOWER.licence,
    read=_read,
    shared=OWN,
)
