"""Words that sounds hold, looked up by how they might be spelt."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, bindparam, func, literal, select, text

from engine.store.dialects import SERVER, Phrases, PhrasesType, words_match
from engine.store.lexemes import word_queries
from engine.store.library import Library
from engine.store.tables import words as _words
from engine.store.words import search_words

_LONGEST = 30  # letters of a word that is looked at
_NO_HALVES = frozenset({"and", "for", "from", "into", "off", "out", "over", "the", "this", "with"})
_ENOUGH = 3  # sounds that hold each half
_COUNTED = 1000  # sounds, above which a word is common enough
_LOOKED_AT = 50  # sounds in which a word is looked for as it is spelt
_HELD = text(  # in quotes a word is only a word
    "SELECT json_group_array(value) FROM json_each(:wanted) "
    "WHERE EXISTS (SELECT 1 FROM words WHERE words MATCH '\"' || value || '\"')"
)
_HELD_BY_SERVER = text(
    "SELECT json_agg(key) FROM json_each_text(CAST(:wanted AS json)) "
    "WHERE EXISTS (SELECT 1 FROM words WHERE vector @@ CAST(value AS tsquery))"
)
_WITH = words_match(bindparam("phrases", type_=PhrasesType()))
_SOME = select(literal(1)).select_from(_words).where(_WITH).limit(bindparam("limit"))
_COUNT = select(func.count()).select_from(_SOME.subquery())
_C = _words.c
_TEXTS = (
    select(_C.name + " " + _C.folders + " " + _C.details + " " + _C.category + " " + _C.tags)
    .where(_WITH)
    .limit(bindparam("limit"))
)


def held_words(library: Library, words: Sequence[str]) -> set[str]:
    """Return those of some words, each of letters alone, that any sound holds."""
    with library.reading() as connection:
        return _held(connection, words)


def near_word(library: Library, word: str) -> str | None:
    """Return the commonest word of the library that is one slip of the keyboard away, or None.

    A slip is a letter too many, too few, another, or two exchanged (Damerau 1964), not at the
    beginning.  Of words with one stem the one that is spelt so is taken.
    """
    if len(word) > _LONGEST:
        return None
    with library.reading() as connection:
        found = _held(connection, [*dict.fromkeys(_slips(word))])
        ranked = sorted(found, key=lambda near: (-_count(connection, near), near))
        return next((near for near in ranked if _is_spelt(connection, near)), None)


def split_word(library: Library, word: str, least: int = 3) -> tuple[str, str] | None:
    """Return the two words of the library, of ``least`` letters, that make up ``word``, or None."""
    if len(word) > _LONGEST:
        return None
    places = range(least, len(word) - least + 1)
    with library.reading() as connection:
        held = _held(connection, [half for k in places for half in (word[:k], word[k:])])
        halves = [(word[:k], word[k:]) for k in places if {word[:k], word[k:]} <= held - _NO_HALVES]
        rarer = {pair: min(_count(connection, half) for half in pair) for pair in halves}
    best = max(rarer, key=lambda pair: rarer[pair], default=None)
    return best if best and rarer[best] >= _ENOUGH else None


def _slips(word: str) -> Iterator[str]:
    for place in range(1, len(word) + 1):
        head, tail = word[:place], word[place:]
        yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in string.ascii_lowercase:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]


def _held(connection: Connection, words: Sequence[str]) -> set[str]:
    if connection.dialect.name == SERVER:
        queries = json.dumps(word_queries(words))
        listed = connection.scalar(_HELD_BY_SERVER, {"wanted": queries})
        return set(listed or ())
    found = connection.scalar(_HELD, {"wanted": json.dumps(list(words))})
    return set(json.loads(found or "[]"))


def _count(connection: Connection, word: str) -> int:
    values = {"phrases": Phrases(((word,),)), "limit": _COUNTED}
    return int(connection.scalar(_COUNT, values) or 0)


def _is_spelt(connection: Connection, word: str) -> bool:
    rows = connection.scalars(_TEXTS, {"phrases": Phrases(((word,),)), "limit": _LOOKED_AT})
    return any(word in search_words(row).split() for row in rows)
