"""Describe a sound with the texts of the model's bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.arrays import Floats
from engine.search.rank import costs_between
from engine.search.vector_index import VectorIndex
from engine.store import Library


@dataclass(frozen=True)
class TextLikeness:
    """A text of the model's bank, and its share in [0, 1] of a sound's mass."""

    text: str
    share: float


class ReferenceTexts:
    """The texts of a model's bank, used to describe sounds.

    The share of a text is the plan's: P(text | window) ∝ exp((g_text − C)/ε), the mean over the
    windows of the sound (docs/retrieval.md).
    """

    def __init__(self, library: Library, model_folder: Path) -> None:
        from engine.models.bank import Bank
        from engine.models.match_model import load_model

        model = load_model(model_folder, ())
        self._texts, self._ranking = model.spec.bank, model.spec.ranking
        self._vectors: Floats = model.bank_vectors.numpy()
        own = bool(library.setting("own_vectors"))  # then the potentials stored are those of words
        stored = None if own else library.setting("bank_potentials")
        self._potentials: Floats = Bank.of(model, stored).potentials.numpy()

    @property
    def texts(self) -> Sequence[str]:
        """Return the texts."""
        return self._texts

    def shares(self, heard: Floats) -> Floats:
        """Return the share (n, texts) of each text in windows (n, rank), as mapped vectors."""
        cost = costs_between(heard, self._vectors, self._ranking.cost_scale)
        score = (self._potentials - cost) / self._ranking.epsilon
        weights = np.exp(score - score.max(1, keepdims=True))
        shares: Floats = weights / weights.sum(1, keepdims=True)
        return shares

    def likenesses(
        self, index: VectorIndex, sound_id: int, count: int = 6
    ) -> tuple[TextLikeness, ...]:
        """Return the texts that a sound is most like, best first; empty if it was not heard."""
        rows = index.rows_of(np.array([sound_id]))
        if not len(rows) or not len(self._texts):
            return ()
        heard = np.asarray(index.windows.vectors[rows]).astype(np.float32)
        shares = self.shares(heard).mean(0)
        best = np.argsort(-shares)[:count]
        return tuple(TextLikeness(self._texts[text], float(shares[text])) for text in best)

    def in_time(
        self, index: VectorIndex, sound_id: int, most_words: int
    ) -> tuple[tuple[float, float, TextLikeness], ...]:
        """Return start and end in seconds of a sound's windows, and what each is most like.

        :param most_words: of a text that counts; longer ones explain more than they name.
        """
        rows = index.rows_of(np.array([sound_id]))
        short = np.array([len(text.split()) <= most_words for text in self._texts], bool)
        if not len(rows) or not short.any():
            return ()
        windows = index.windows
        rows = rows[np.argsort(windows.starts_s[rows], kind="stable")]
        shares = self.shares(np.asarray(windows.vectors[rows]).astype(np.float32))
        shares[:, ~short] = 0.0
        best = shares.argmax(1)
        return tuple(
            (float(start), float(end), TextLikeness(self._texts[text], float(share)))
            for start, end, text, share in zip(
                windows.starts_s[rows], windows.ends_s[rows], best, shares.max(1), strict=True
            )
        )
