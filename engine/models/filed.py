"""Sounds that were filed under categories by hand: examples of what categories sound like.

The names of categories say little of how they sound; what was filed under them says it
(docs/decisions/0040).  :class:`engine.search.labels.filing.Filing` compares sounds with these
examples.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MOST_CATEGORIES = 3  # that one sound is filed under
NONE = -1  # where a sound is filed under fewer


class Filed(nn.Module):
    """Examples: ``sounds`` (n, features), audio features, and under what each is filed.

    ``categories`` (n, MOST_CATEGORIES) are places in the list ``ModelSpec.categories``, or NONE.
    """

    sounds: Tensor
    categories: Tensor

    def __init__(self, sounds: int, features: int) -> None:
        super().__init__()
        nothing = torch.zeros(sounds, MOST_CATEGORIES, dtype=torch.long).fill_(NONE)
        self.register_buffer("sounds", torch.zeros(sounds, features))
        self.register_buffer("categories", nothing)

    def is_whole(self, categories: int) -> bool:
        """Return whether sounds are numbers, and are filed under categories that there are."""
        places = self.categories
        filed = ((places >= NONE) & (places < categories)).all()
        return bool(filed and torch.isfinite(self.sounds).all())
