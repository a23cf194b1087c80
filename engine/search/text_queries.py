"""What a text search asks for, as the model reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats

DOUBT = 2.0  # evidence that a text loses for each of the log-odds against its being audible
MOST_DOUBT = 10.0  # the most that it can lose


@dataclass(frozen=True)
class TextQueries:
    """Mapped vectors (n, rank) of texts, and what their match strengths start from.

    ``potentials`` (n,) are g_q and ``doubts`` (n,) what is taken off because nothing may sound
    like the text, both in units of the cost.
    """

    vectors: Floats
    potentials: Floats
    doubts: Floats

    def potential(self, is_name: bool) -> float:
        """Return g_q of texts that are alternatives: one that can be heard is enough.

        :param is_name: whether some sound here is called all of what was typed; such a text is
            not doubted, whatever it says ("ZOOM0123").
        """
        return float(self.potentials.min() - (0.0 if is_name else self.doubts.min()))

    def only(self, place: int) -> TextQueries:
        """Return one of the texts."""
        own = slice(place, place + 1)
        return TextQueries(self.vectors[own], self.potentials[own], self.doubts[own])

    def beside(self, other: TextQueries) -> TextQueries:
        """Return these and others, as alternatives."""
        return TextQueries(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.potentials, other.potentials]),
            np.concatenate([self.doubts, other.doubts]),
        )


def doubts_of(audible: Floats) -> Floats:
    """Return how much evidence texts lose (n,), by the log-odds (n,) that they are audible."""
    doubts: Floats = np.clip(np.float32(-DOUBT) * audible, 0.0, MOST_DOUBT)
    return doubts
