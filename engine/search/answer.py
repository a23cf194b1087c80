"""The answer to a search: sounds, each with the evidence for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.arrays import Floats
from engine.store import SoundRow
from engine.store.keywords import KeywordHits


@dataclass(frozen=True)
class Match:
    """One result: the sound, its best moment in seconds, score, strength in [0, 1].

    ``keyword_match``: its name, folders, header or tags contain all words of the query; ``words``
    are those that they contain, and ``words_share`` is their share of the evidence, the rest being
    acoustic similarity (None where nothing was weighed).
    """

    sound: SoundRow
    score: float
    strength: float
    start_s: float
    end_s: float
    keyword_match: bool
    tags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    words_share: float | None = None


@dataclass(frozen=True)
class Reading:
    """A query as it was read: ``vectors`` (m, rank), and the words that were looked for.

    ``zero`` makes evidence of scores, of which strength is a function
    (:func:`engine.search.rank.strengths_of`).
    """

    vectors: Floats
    zero: float
    named: KeywordHits | None = None


@dataclass(frozen=True)
class Answer:
    """The best results by score: first the ``strong`` ones above the divider, then the weak ones.

    It is a sequence of its matches.
    ``also`` is the query with its misspelt words mended, which was searched for, too.
    ``asked`` is what :func:`engine.search.explain.explain` needs.
    """

    query: str
    model: str
    matches: tuple[Match, ...]
    strong: int
    took_ms: float
    asked: Reading | None = field(default=None, repr=False, compare=False)
    also: str = ""

    def __iter__(self) -> Iterator[Match]:
        """Give the matches, best first."""
        return iter(self.matches)

    def __len__(self) -> int:
        """Return how many matches there are."""
        return len(self.matches)

    def __getitem__(self, place: int) -> Match:
        """Return a match by its place."""
        return self.matches[place]


def count_strong(matches: Sequence[Match], least: float) -> int:
    """Return how many matches, which are ordered by score, have at least this strength."""
    return sum(match.strength >= least for match in matches)


def to_dict(answer: Answer) -> dict[str, Any]:
    """Return an answer as the search JSON of the command line."""
    results = [
        {
            "rank": number,
            "path": match.sound.path,
            "score": match.score,
            "strength": match.strength,
            "start_s": match.start_s,
            "end_s": match.end_s,
            "keyword_match": match.keyword_match,
            "words": list(match.words),
            "words_share": match.words_share,
            "duration_s": match.sound.duration_s,
            **match.sound.loudness_dict(),
            "tags": list(match.tags),
            **match.sound.marks.to_dict(),
        }
        for number, match in enumerate(answer.matches, start=1)
    ]
    return {
        "query": answer.query,
        "also": answer.also,
        "model": answer.model,
        "results": results,
        "strong": answer.strong,
        "took_ms": answer.took_ms,
    }
