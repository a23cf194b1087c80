"""Search sounds by the whole words of their names, folders, headers, categories and tags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, text

from engine.store.conditions import Condition, match_expression, sounds_where
from engine.store.library import Library
from engine.store.vectors import Floats, Integers

_COMMON = 20_000  # sounds with a word, above which it is only looked for beside the others
_FIND = text(  # as one text: much faster than a row for each
    "SELECT group_concat(id) FROM "
    "(SELECT rowid AS id FROM words WHERE words MATCH :expression LIMIT :limit)"
)
_COUNT = text("SELECT count(*) FROM words WHERE words MATCH :expression")
_ALL = text("SELECT count(*) FROM sounds")


@dataclass(frozen=True)
class KeywordHits:
    """Sounds with some of the words.

    ``coverage`` is each one's share of the words, in (0, 1], by how rare they are (inverse
    document frequency); ``complete`` are those with all of them.
    """

    sound_ids: Integers
    coverage: Floats
    complete: frozenset[int]

    def fullest(self, count: int) -> Integers:
        """Return the places of the ``count`` sounds that hold most of the words."""
        places: Integers = np.argsort(-self.coverage, kind="stable")[:count]
        return places

    def coverage_of(self, sound_ids: Integers) -> Floats:
        """Return the coverage of any sounds (n,), 0 where no word occurs."""
        if not len(self.sound_ids):
            return np.zeros(len(sound_ids), np.float32)
        places = np.searchsorted(self.sound_ids, sound_ids).clip(max=len(self.sound_ids) - 1)
        coverage: Floats = np.where(
            self.sound_ids[places] == sound_ids, self.coverage[places], np.float32(0)
        )
        return coverage


def find_words(library: Library, groups: Sequence[Sequence[str]]) -> KeywordHits:
    """Return the sounds in which some group of phrases occurs, whether present or not.

    A group is alternatives (see :class:`engine.store.conditions.Words`).
    """
    parts = [part for part in map(match_expression, groups) if part]
    if not parts:
        return KeywordHits(np.zeros(0, np.int64), np.zeros(0, np.float32), frozenset())
    with library.reading() as connection:
        total = connection.scalar(_ALL) or 0
        found = [_find(connection, part, _COMMON + 1) for part in parts]
        counts = [
            len(ids) if len(ids) <= _COMMON else _count(connection, part)
            for ids, part in zip(found, parts, strict=True)
        ]
        complete = found[0][:_COMMON]
        if len(parts) > 1:
            complete = _find(connection, " AND ".join(f"({part})" for part in parts), _COMMON)
    rarity = [math.log(1 + (total - n + 0.5) / (n + 0.5)) for n in counts]
    rare = [ids for ids in found if len(ids) <= _COMMON]
    sound_ids = np.unique(np.concatenate([complete, *rare]))
    covered = np.zeros(len(sound_ids))
    for ids, weight in zip(found, rarity, strict=True):
        among = ids if len(ids) <= _COMMON else complete
        covered[np.searchsorted(sound_ids, among)] += weight
    coverage = (covered / max(sum(rarity), 1e-9)).astype(np.float32)
    return KeywordHits(sound_ids, coverage, frozenset(complete.tolist()))


def match_words(
    library: Library,
    groups: Sequence[Sequence[str]],
    conditions: Sequence[Condition] = (),
    limit: int = 20,
) -> list[tuple[int, float]]:
    """Return (sound id, coverage) of present sounds that hold all words.

    Without words every sound that fulfils the conditions is as good as any other.
    """
    allowed = sounds_where(library, conditions)
    if not groups:
        return [(int(sound_id), 1.0) for sound_id in allowed[:limit]]
    hits = find_words(library, groups)
    whole = np.array(sorted(hits.complete), np.int64)
    return [(int(sound_id), 1.0) for sound_id in whole[np.isin(whole, allowed)][:limit]]


def _find(connection: Connection, expression: str, limit: int) -> Integers:
    ids = connection.scalar(_FIND, {"expression": expression, "limit": limit})
    return np.fromstring(ids or "", np.int64, sep=",")


def _count(connection: Connection, expression: str) -> int:
    return int(connection.scalar(_COUNT, {"expression": expression}) or 0)
