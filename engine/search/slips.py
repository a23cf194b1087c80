"""Alternative readings of a query: typing errors, words joined or split."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.search.grammar import Query
from engine.store import Library
from engine.store.spelling import held_words, near_word, split_word

_SHORTEST = 5  # letters of a word that may be misspelt
_HALF, _HALF_OF_WORD = 3, 4  # letters: "budget" is no bud, "thunderstorm" is a storm
_ONE_SOUND = {frozenset("iy"), frozenset("sz"), frozenset("cs"), frozenset("ck")}
Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Respelt:
    """A query read anew: ``groups`` are its keywords with what else they might mean.

    ``query`` has its misspelt words mended, None where none is.
    """

    groups: Groups
    query: Query | None = None


def respell(
    library: Library,
    query: Query,
    is_word: Callable[[str], bool],
    mean_alike: Callable[[str, str], bool],
) -> Respelt:
    """Return how else a query might be meant, in words that the library holds.

    A word that no sound holds is looked for as two, or mended; if ``is_word`` knows it, only into
    one that means the same: "lightening" may be "lightning", "house" is no "horse".  Neighbours
    are looked for as one word, too.
    """
    groups = query.keywords
    plain = [_plain(group) for group in groups]
    pairs = [a + b if a and b else "" for a, b in itertools.pairwise(plain)]
    held = held_words(library, [word for word in (*plain, *pairs) if word])
    read: list[tuple[str, ...]] = []
    mended: dict[str, str] = {}
    for place, (group, word) in enumerate(zip(groups, plain, strict=True)):
        joined = [p for p in pairs[max(0, place - 1) : place + 1] if p in held]
        near = halves = None
        if word and word not in held and not joined:
            right = is_word(word)
            halves = split_word(library, word, _HALF_OF_WORD if right else _HALF)
            if not halves and len(word) >= _SHORTEST and word.isascii():
                near = near_word(library, word)
                if near and right and not (_may_be_one(word, near) and mean_alike(word, near)):
                    near = None
        if near:
            mended[group[0]] = near
        read += (
            [(half,) for half in halves] if halves else [(*group, *joined, *filter(None, [near]))]
        )
    return Respelt(tuple(read), _mended(query, mended) if mended else None)


def _may_be_one(word: str, near: str) -> bool:
    """Return whether a word might be another one in another spelling.

    Letters are missing or exchanged, or stand for one sound: ``colour``, ``theatre``, ``tyre``.
    To ask what words mean takes as long as a search; this leaves one query in thirty to ask.
    """
    changed = [frozenset(pair) for pair in zip(word, near, strict=False) if len(set(pair)) > 1]
    return len(word) != len(near) or len(changed) != 1 or changed[0] in _ONE_SOUND


def _plain(group: Sequence[str]) -> str:
    """Return the word of a group without alternatives, empty if it is not just letters."""
    return group[0].lower() if len(group) == 1 and group[0].isalpha() else ""


def _mended(query: Query, mended: Mapping[str, str]) -> Query:
    groups = tuple(tuple(mended.get(word, word) for word in group) for group in query.groups)
    words = [mended.get(word, word) for word in query.text.split()]
    return replace(query, text=" ".join(words), groups=groups)
