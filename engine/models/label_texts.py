"""Texts of labels as a model has read them (:mod:`engine.models.label_reader`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats

WORTH = 0.45  # of a lean of 1, in units of the cost
POWER, UNSURE = 1.5, 1.0  # how a text's probabilities of tags become weights
RIDGE = 0.01  # of the mean variance of mapped vectors
HUBNESS, NEAR = 0.7, 0.08  # worth of being near to sounds in general, and the share of them counted
READING = (WORTH, POWER, UNSURE, RIDGE, HUBNESS, NEAR)  # what a kept reading depends on


@dataclass(frozen=True)
class LabelTexts:
    """Mapped vectors (texts, rank), ``directions`` (texts, rank) of leans, and ``zeros``.

    The latter (texts,) are what a lean has to exceed.  Both are in units of the cost.
    """

    vectors: Floats
    directions: Floats
    zeros: Floats

    @classmethod
    def joined(cls, parts: Sequence[LabelTexts]) -> LabelTexts:
        """Return the texts of all parts, of which there is one at least."""
        columns = zip(*((p.vectors, p.directions, p.zeros) for p in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    @classmethod
    def of_table(cls, table: Floats) -> LabelTexts:
        """Return what :meth:`table` was of."""
        rank = table.shape[1] // 2
        parts = (table[:, :rank], table[:, rank:-1], table[:, -1])
        return cls(*(np.ascontiguousarray(part) for part in parts))

    def table(self) -> Floats:
        """Return everything (texts, 2 rank + 1)."""
        held: Floats = np.column_stack([self.vectors, self.directions, self.zeros])
        return held

    def leans(self, heard: Floats) -> Floats:
        """Return what costs fall by (n, texts), for mapped vectors (n, rank) of sounds."""
        found: Floats = heard @ self.directions.T
        found -= self.zeros
        return found
