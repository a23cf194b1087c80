"""The search grammar: query text in, a :class:`Query` out, or an error that shows the right form.

========================  ==================================================================
``heavy door creaking``   free words: what the sound is like, and words of its name
``"door slam"``           these words must occur, in this order
``-wood``, ``-"a b"``     must not occur; a filter can be excluded too: ``-fmt:mp3``
``door OR gate``          either will do
``metal*``                words that begin so
``dur:<2s dur:1-5s``      filters; :mod:`.filters` has them all
========================  ==================================================================
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from engine.audio.decode import EXTENSIONS
from engine.errors import InputError
from engine.paths import is_unicode
from engine.search.filters import FILTERS, Token
from engine.store.conditions import Condition, Not, Words
from engine.store.words import search_words

_TOKEN = re.compile(r'(-?)(?:([A-Za-z]+):)?("[^"]*"|[^\s"]+)?')
_MOST_ALTERNATIVES = 8
_MOST_CONDITIONS = 200  # filters, exact and excluded words; a database nests no deeper than 1000
_SOFT_WORDS = frozenset(
    {"a", "an", "and", "at", "by", "for", "from", "in", "into", "is", "of", "on", "or", "over"}
    | {"the", "this", "to", "with", "sound", "sounds", "noise", "very", "some", "being", "while"}
)


@dataclass(frozen=True)
class Query:
    """A parsed query.

    ``groups`` are the free words and required phrases in order, each with its alternatives;
    ``conditions`` must hold of every result.
    """

    text: str
    groups: tuple[tuple[str, ...], ...] = ()
    conditions: tuple[Condition, ...] = ()
    folders: tuple[str, ...] = field(default=())

    @property
    def descriptions(self) -> list[str]:
        """Return what the sound is like, one description for each choice of alternatives."""
        choices = itertools.product(*self.groups)
        return [" ".join(words).replace("*", "") for words in choices] if self.groups else []

    @property
    def keywords(self) -> tuple[tuple[str, ...], ...]:
        """Return the groups that tell sounds apart by their words."""
        return tuple(g for g in self.groups if not all(w.lower() in _SOFT_WORDS for w in g))


def parse(text: str) -> Query:
    """Parse ``text`` into a query.

    :raises InputError: a token makes no sense; the message names it and shows a right one.
    """
    groups: list[list[str]] = []
    conditions: list[Condition] = []
    folders: list[str] = []
    joining = False
    for token in _tokens(text):
        if token.text == "OR":
            if not groups or joining:
                raise InputError("OR goes between two words: door OR gate")
            joining = True
            continue
        if token.key or token.negated:
            if joining:
                raise InputError(f"OR joins words, not {token.text}: door OR gate")
            condition = FILTERS[token.key].asks(token) if token.key else Words((_word(token),))
            conditions.append(Not(condition) if token.negated else condition)
            if token.key == "in" and not token.negated:
                folders.append(token.value)
            continue
        word = _word(token)
        if joining:
            groups[-1].append(word)
        else:
            groups.append([word])
        joining = False
        if token.quoted:
            _require(conditions, groups[-1])
    if joining:
        raise InputError("OR goes between two words: door OR gate")
    if len(conditions) > _MOST_CONDITIONS:
        raise InputError(
            f"the search has {len(conditions)} filters and exact or excluded words; "
            f"{_MOST_CONDITIONS} is the most: leave some out"
        )
    query = Query(text.strip(), tuple(map(tuple, groups)), tuple(conditions), tuple(folders))
    if not query.groups and not query.conditions:
        raise InputError('the search is empty: describe a sound, like "heavy door creaking"')
    count = 1
    for group in groups:
        count *= len(group)
    if count > _MOST_ALTERNATIVES:
        raise InputError(
            f"the ORs give {count} descriptions; {_MOST_ALTERNATIVES} is the most: "
            "split the search in two"
        )
    return query


def _tokens(text: str) -> list[Token]:
    if not is_unicode(text):  # bytes of a terminal or a file name that are no characters
        raise InputError("the search contains bytes that are not text: type it again")
    if text.count('"') % 2:
        rest = text.rsplit('"', 1)[1].strip()
        raise InputError(f'the quote before {rest or "the end"} is not closed: write "door slam"')
    found = []
    for match in _TOKEN.finditer(text):
        whole, negated, key, value = match[0], match[1], match[2] or "", match[3] or ""
        if not whole:
            continue
        quoted = value.startswith('"')
        bare = value.strip('"').strip() if quoted else value
        bare = bare if key else _without_extension(bare)
        if key and key.lower() not in FILTERS:
            shown = "  ".join(FILTERS[name].example for name in ("dur", "sr", "cat", "in"))
            raise InputError(f"there is no filter {key}: in {whole}; filters are like {shown}")
        if key and not bare:
            example = FILTERS[key.lower()].example
            raise InputError(f"{whole} has nothing after the colon: write {example}")
        if not key and not search_words(bare):
            if negated or quoted:
                raise InputError(f'{whole} holds no word: write -wood or "door slam"')
            continue  # a lone dash or comma
        found.append(Token(whole, key.lower(), bare, bool(negated), quoted))
    return found


def _without_extension(word: str) -> str:
    """Return a file's name as libraries know it: ``Door_01.wav`` is called ``Door_01``."""
    name, _, ending = word.rpartition(".")
    return name if search_words(name) and f".{ending.lower()}" in EXTENSIONS else word


def _word(token: Token) -> str:
    if "*" in token.value.rstrip("*"):
        raise InputError(f"in {token.text} the star must come at the end of a word: metal*")
    return token.value


def _require(conditions: list[Condition], group: list[str]) -> None:
    """Let some alternative of the last group occur; earlier ones of it are joined."""
    earlier = Words(tuple(group[:-1]))
    if earlier in conditions:
        conditions.remove(earlier)
    conditions.append(Words(tuple(group)))
