"""Describe a sound with the texts of the model's bank."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from engine.arrays import Floats, Integers
from engine.metadata.ucs_names import categories, plain_name
from engine.paths import assets
from engine.search.rank import costs_between
from engine.search.vector_index import VectorIndex
from engine.store import Library

LEAST_SHARE = 0.1  # what is less like a sound than this does not describe it
_GENRES = "Music"  # what genres count as


@dataclass(frozen=True)
class TextLikeness:
    """A name among the texts of the model's bank, and its share in [0, 1] of a sound's mass."""

    text: str
    share: float


class ReferenceTexts:
    """The texts of a model's bank, used to describe sounds.

    The share of a text is the plan's: P(text | window) ∝ exp((g_text − C)/ε), the mean over the
    windows of the sound (docs/retrieval.md).  The explanation of a category of UCS counts as the
    category's name, a genre as music: whoever asks what a sound is wants names of sounds.
    """

    def __init__(self, library: Library, model_folder: Path) -> None:
        from engine.models.bank import Bank
        from engine.models.match_model import load_model

        model = load_model(model_folder, ())
        self._names, name_of = _named(model.spec.bank)
        self._by_name = np.argsort(name_of, kind="stable")
        self._first = np.searchsorted(name_of, np.arange(len(self._names)), sorter=self._by_name)
        self._ranking = model.spec.ranking
        self._vectors: Floats = model.bank_vectors.numpy()
        own = bool(library.setting("own_vectors"))  # then the potentials stored are those of words
        stored = None if own else library.setting("bank_potentials")
        self._potentials: Floats = Bank.of(model, stored).potentials.numpy()

    @property
    def names(self) -> Sequence[str]:
        """Return the names by which sounds are described."""
        return self._names

    def shares(self, heard: Floats) -> Floats:
        """Return the share (n, names) of each name in windows (n, rank), as mapped vectors."""
        cost = costs_between(heard, self._vectors, self._ranking.cost_scale)
        score = (self._potentials - cost) / self._ranking.epsilon
        weights = np.exp(score - score.max(1, keepdims=True))
        shares = weights / weights.sum(1, keepdims=True)
        together: Floats = np.add.reduceat(shares[:, self._by_name], self._first, axis=1)
        return together

    def likenesses(
        self, index: VectorIndex, sound_id: int, least: float = LEAST_SHARE
    ) -> tuple[TextLikeness, ...]:
        """Return the names that a sound is most like, best first; empty if it was not heard.

        :param least: share of a name that is given.
        """
        rows = index.rows_of(np.array([sound_id]))
        if not len(rows) or not len(self._names):
            return ()
        heard = np.asarray(index.windows.vectors[rows]).astype(np.float32)
        shares = self.shares(heard).mean(0)
        best = np.argsort(-shares)[: np.count_nonzero(shares >= least)]
        return tuple(TextLikeness(self._names[name], float(shares[name])) for name in best)

    def in_time(
        self, index: VectorIndex, sound_id: int, most_words: int
    ) -> tuple[tuple[float, float, TextLikeness], ...]:
        """Return start and end in seconds of a sound's windows, and what each is most like.

        :param most_words: of a text that counts; longer ones explain more than they name.
        """
        rows = index.rows_of(np.array([sound_id]))
        short = np.array([len(name.split()) <= most_words for name in self._names], bool)
        if not len(rows) or not short.any():
            return ()
        windows = index.windows
        rows = rows[np.argsort(windows.starts_s[rows], kind="stable")]
        shares = self.shares(np.asarray(windows.vectors[rows]).astype(np.float32))
        shares[:, ~short] = 0.0
        best = shares.argmax(1)
        return tuple(
            (float(start), float(end), TextLikeness(self._names[name], float(share)))
            for start, end, name, share in zip(
                windows.starts_s[rows], windows.ends_s[rows], best, shares.max(1), strict=True
            )
        )


def _named(bank: Sequence[str]) -> tuple[Sequence[str], Integers]:
    """Return the names among the texts of a bank, and which of them each text (n,) stands for."""
    meant = [_meant().get(text, text) for text in bank]
    names = tuple(dict.fromkeys(meant))
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[name] for name in meant], np.int64)


@cache
def _meant() -> Mapping[str, str]:
    """Return the names that other texts stand for."""
    meant = {}
    for category in categories().values():
        name = plain_name(category)
        meant[f"{category.category} {category.subcategory}".lower()] = name
        meant[category.explanation.strip()] = name
    with (assets() / "taxonomies" / "audioset.csv").open(encoding="utf-8", newline="") as file:
        meant |= {row["label"]: _GENRES for row in csv.DictReader(file) if row["kind"] == "genre"}
    return meant
