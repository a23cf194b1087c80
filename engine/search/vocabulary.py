"""The words that a model knows, and which of them belong together."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from engine.metadata.ucs_names import categories
from engine.store.words import search_words

if TYPE_CHECKING:
    from engine.models.match_model import TextEncoder

_ALIKE = 0.65  # cosine; "forrest" and "forest" have 0.70, "chimps" and "chimes" 0.62
_KEPT = 1000  # pairs that were compared


class Vocabulary:
    """What the text tower and UCS know about words.

    :param text_encoder: loads the text tower on first use.
    :param compares: whether the tower can compare meanings; if not, no two words belong together.
    """

    def __init__(self, text_encoder: Callable[[], TextEncoder], compares: bool) -> None:
        self._text_encoder, self._compares = text_encoder, compares
        self._known: dict[tuple[str, str], bool] = {}

    def knows(self, word: str) -> bool:
        """Return whether a word is spelt right, as far as anyone here knows it."""
        known = self._text_encoder().tokenizer.knows
        return any(known(form) or form in words_of_ucs() for form in plain_forms(word))

    def are_one(self, word: str, other: str) -> bool:
        """Return whether two words mean the same: "colour" and "color"."""
        pair = word, other
        if self._compares and pair not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            first, second = self._text_encoder().features(pair).numpy()
            cosine = first @ second / np.sqrt((first @ first) * (second @ second))
            self._known[pair] = bool(cosine >= _ALIKE)
        return self._known.get(pair, False)


@cache
def words_of_ucs() -> frozenset[str]:
    """Return every word in the names, explanations and synonyms of the UCS categories."""
    texts = (f"{category.words} {category.explanation}" for category in categories().values())
    return frozenset(word for text in texts for word in search_words(text).split())


def plain_forms(word: str) -> set[str]:
    """Return a word, and what it might be without its ending: ``frying`` → ``fry``, ``frye``."""
    found = {word}
    for ending in ("s", "es", "d", "ed", "ing"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            found |= {stem, stem + "e"}
            if stem[-2:-1] == stem[-1:]:
                found.add(stem[:-1])  # slamming
    return {form for form in found if len(form) > 2}
