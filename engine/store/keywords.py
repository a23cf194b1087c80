"""Search sounds by the whole words of their names, folders, headers, categories and tags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sqlalchemy import Connection, bindparam, func, select

from engine.arrays import Booleans, Floats, Integers
from engine.store import tables
from engine.store.conditions import Condition, searched, sounds_where
from engine.store.dialects import Phrases, PhrasesType, joined, words_match
from engine.store.library import Library

_COMMON = 100_000  # sounds with a word, above which it is only looked for beside the others
_AS_OF = 1000  # sounds; in a smaller library words are as rare as if it had so many
_HELD = words_match(bindparam("phrases", type_=PhrasesType()))
_FOUND = select(tables.words.c.rowid).where(_HELD).limit(bindparam("limit")).subquery()
_FIND = select(joined(_FOUND.c.rowid))
_COUNT = select(func.count()).select_from(tables.words).where(_HELD)
_ALL = select(func.count()).select_from(tables.sounds)


@dataclass(frozen=True)
class KeywordHits:
    """Sounds with some of the words, and what the words are worth.

    ``words`` are what was looked for, ``rarity`` (words,) each one's inverse document frequency,
    ``holders`` the sorted ids of the sounds that hold it, of a very common one only those that
    hold rarer ones, too.  ``complete`` are the sounds with all of them.
    """

    words: tuple[str, ...]
    rarity: Floats
    holders: tuple[Integers, ...]
    complete: Integers

    @cached_property
    def _table(self) -> Floats:
        """Return the weight of every id up to the highest."""
        highest = max((int(ids[-1]) for ids in self.holders if len(ids)), default=-1)
        table = np.zeros(highest + 1, np.float32)
        for ids, rarity in zip(self.holders, self.rarity, strict=True):
            table[ids] += rarity
        return table

    @property
    def whole(self) -> float:
        """Return the weight of a sound that holds all of the words."""
        return float(self.rarity.sum())

    @cached_property
    def sound_ids(self) -> Integers:
        """Return the sounds that hold a word, sorted (n,)."""
        return np.flatnonzero(self._table > 0)  # of truth values: ten times as fast

    @cached_property
    def weights(self) -> Floats:
        """Return the weights of ``sound_ids``; see :meth:`weights_of`."""
        found: Floats = self._table[self.sound_ids]
        return found

    def fullest(self, count: int) -> Integers:
        """Return the places in ``sound_ids`` of the ``count`` sounds of greatest weight."""
        places = np.arange(len(self.weights))
        if len(places) > count:
            places = np.sort(np.argpartition(-self.weights, count)[:count])
        order: Integers = places[np.argsort(-self.weights[places], kind="stable")]
        return order

    def weights_of(self, sound_ids: Integers) -> Floats:
        """Return the weights of any sounds (n,): the rarity of the words they hold, summed.

        This is BM25 in which a word counts once (k = 0), however often it occurs.
        """
        found = np.zeros(len(sound_ids), np.float32)
        known = sound_ids < len(self._table)
        found[known] = self._table[sound_ids[known]]
        return found

    def held_by(self, sound_ids: Integers) -> list[tuple[str, ...]]:
        """Return the words that each of some sounds holds."""
        found: list[tuple[str, ...]] = [()] * len(sound_ids)
        for word, ids in zip(self.words, self.holders, strict=True):
            for place in np.flatnonzero(_among(ids, sound_ids)).tolist():
                found[place] += (word,)
        return found

    def are_complete(self, sound_ids: Integers) -> Booleans:
        """Return which of some sounds hold all words."""
        return _among(self.complete, sound_ids)


def find_words(library: Library, groups: Sequence[Sequence[str]]) -> KeywordHits:
    """Return the sounds in which some group of phrases occurs, whether present or not.

    A group is alternatives (see :class:`engine.store.conditions.Words`).
    """
    told = {part: "/".join(group) for group in groups if (part := searched(group))}
    parts = list(told)
    if not parts:
        return KeywordHits((), np.zeros(0, np.float32), (), np.zeros(0, np.int64))
    with library.reading() as connection:
        total = connection.scalar(_ALL) or 0
        found = [_find(connection, [part], _COMMON + 1) for part in parts]
        rare = [part for part, ids in zip(parts, found, strict=True) if len(ids) <= _COMMON]
        rarity = []
        for place, (part, ids) in enumerate(zip(parts, found, strict=True)):
            count = len(ids) if part in rare else _count(connection, part)
            rarity.append(_rarity(count, total))
            if part not in rare and rare:
                beside = tuple(phrase for other in rare for phrase in other)
                found[place] = _find(connection, [part, beside], _COMMON)
        complete = found[0][:_COMMON] if len(parts) == 1 else _common_to(found)
        if not rare and len(parts) > 1:
            complete = _find(connection, parts, _COMMON)
        if not rare:  # words of nearly everything tell nothing, unless few hold all of them
            few = len(parts) > 1 and len(complete) < _COMMON
            found = [complete if few else complete[:0]] * len(parts)
    return KeywordHits(tuple(told.values()), np.array(rarity, np.float32), tuple(found), complete)


def _rarity(count: int, total: int) -> float:
    """Return the inverse document frequency of a word in ``count`` of ``total`` sounds.

    In a small library no word could be rare.  There it is stretched so that a word of one sound
    weighs as it would among a thousand; a word of all sounds still weighs nothing.
    """
    frequency = math.log(1 + max(0.0, total - count + 0.5) / (count + 0.5))
    return frequency * max(1.0, math.log(1 + _AS_OF) / math.log(2 + total))


def _common_to(lists: Sequence[Integers]) -> Integers:
    """Return the ids that all of some sorted lists hold."""
    shortest = min(lists, key=len)
    for ids in lists:
        shortest = shortest[_among(ids, shortest)]
    return shortest


def _among(ids: Integers, wanted: Integers) -> Booleans:
    """Return which of ``wanted`` stand in sorted ``ids``."""
    if not len(ids):
        return np.zeros(len(wanted), bool)
    places = np.searchsorted(ids, wanted).clip(max=len(ids) - 1)
    found: Booleans = ids[places] == wanted
    return found


def match_words(
    library: Library,
    groups: Sequence[Sequence[str]],
    conditions: Sequence[Condition] = (),
    limit: int = 20,
) -> list[tuple[int, float]]:
    """Return (sound id, 1.0) of present sounds that hold all words.

    Without words every sound that fulfils the conditions is as good as any other.
    """
    allowed = sounds_where(library, conditions)
    if not groups:
        return [(int(sound_id), 1.0) for sound_id in allowed[:limit]]
    hits = find_words(library, groups)
    whole = hits.complete
    return [(int(sound_id), 1.0) for sound_id in whole[_among(allowed, whole)][:limit]]


def _find(connection: Connection, groups: Sequence[tuple[str, ...]], limit: int) -> Integers:
    ids = connection.scalar(_FIND, {"phrases": Phrases(tuple(groups)), "limit": limit})
    return np.sort(np.fromstring(ids or "", np.int64, sep=","), kind="stable")  # as FTS5 has them


def _count(connection: Connection, group: tuple[str, ...]) -> int:
    return int(connection.scalar(_COUNT, {"phrases": Phrases((group,))}) or 0)
