"""The evidence for labels in the words of names and headers.

The words of a sound's caption (its file's name and description, or its folder's name) are compared
with the words of every label.  A label's evidence is the share of the caption's words that it
has, weighted by how few labels have them (inverse document frequency), so that "sound" says
nothing and "harpsichord" much.  Stems are compared: "doors" and "door" are one word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import snowballstemmer
from scipy import sparse

from engine.arrays import Floats
from engine.search.labels.taxonomy import Taxonomy
from engine.store.words import search_words

_NAMED = 2.0  # a word in what a label is called or sounds like, beside one of its synonyms


class WordEvidence:
    """The words of a taxonomy's labels."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._stemmer = snowballstemmer.stemmer("english")
        self._stems: dict[str, str] = {}
        self._of_labels = [self._weighted(label.named, label.words) for label in taxonomy.labels]

    def shares(self, captions: Sequence[str]) -> Floats:
        """Return evidence (captions, labels) in [0, 1]; 0 where a caption says nothing known."""
        table, rarity, weights = self._table
        rows: list[int] = []
        columns: list[int] = []
        for row, caption in enumerate(captions):
            known = {word for word in self._words(caption) if word in table}
            rows += [row] * len(known)
            columns += [table[word] for word in known]
        shape = (len(captions), len(table))
        values = np.ones(len(rows), np.float32)
        held = sparse.csr_array((values, (rows, columns)), shape)
        told = np.asarray(held @ rarity).ravel()
        found = (held @ weights).toarray().astype(np.float32)
        shares: Floats = found / np.maximum(told, 1e-6)[:, None]
        return shares

    @cached_property
    def _table(self) -> tuple[dict[str, int], Floats, Any]:
        """Return the words' columns, their rarities, and (words, labels): weight times rarity."""
        counts = Counter(word for words in self._of_labels for word in words)
        table = {word: column for column, word in enumerate(sorted(counts))}
        total = len(self._of_labels)
        held = np.array([counts[word] for word in table], np.float32)
        rarity: Floats = np.log((total + 1) / (held + 0.5)).astype(np.float32)
        weights = sparse.lil_array((len(table), total), dtype=np.float32)
        for label, words in enumerate(self._of_labels):
            for word, weight in words.items():
                weights[table[word], label] = weight * rarity[table[word]]
        return table, rarity, weights.tocsr()

    def _weighted(self, named: str, others: str) -> dict[str, float]:
        found = dict.fromkeys(self._words(others), 1.0 / _NAMED)
        return found | dict.fromkeys(self._words(named), 1.0)

    def _words(self, text: str) -> set[str]:
        return {self._stem(word) for word in search_words(text).split() if word.isalpha()}

    def _stem(self, word: str) -> str:
        if word not in self._stems:
            self._stems[word] = self._stemmer.stemWord(word)
        return self._stems[word]
