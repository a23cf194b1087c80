"""Queries with what would answer them, and how well a ranking does."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.intentions.sounds import Sound
from trainer.data.manifest import csv_rows

QUERIES = Path(__file__).parent / "queries.csv"
KINDS = {
    "plain": "says it as a label would",
    "synonym": "in other words than a label's",
    "action": "what is done, with what",
    "place": "where it is heard",
    "long": "a sentence",
    "order": "words in the order in which they came to mind",
    "plural": "another form of the word",
    "british": "British words or spelling",
    "misspelt": "with a slip of the keyboard",
    "single": "one word",
}
ASKED, WOULD_DO = 2, 1  # grades of a sound
BEST = 10
_PARTS = 3


@dataclass(frozen=True)
class Intention:
    """What someone types, and the labels that they would be glad to hear.

    ``wanted`` is just what was asked (grade 2), ``acceptable`` would do (grade 1).
    """

    query: str
    wanted: frozenset[str]
    acceptable: frozenset[str]
    kind: str

    @property
    def part(self) -> str:
        """Return ``choose``, two thirds, on which things are chosen, or ``report``."""
        return "choose" if zlib.crc32(self.query.encode()) % _PARTS else "report"

    def grades(self, sounds: Sequence[Sound]) -> dict[str, int]:
        """Return the grade of every sound that is one, by path."""
        grade = dict.fromkeys(self.acceptable, WOULD_DO) | dict.fromkeys(self.wanted, ASKED)
        return {sound.path: grade[sound.label] for sound in sounds if sound.label in grade}


@dataclass(frozen=True)
class Figures:
    """How well one query was answered, each in [0, 1].

    ``precision`` is the share of right sounds among the first ten, or among as many as there
    are; ``first`` whether the first is right; ``gain`` the normalised discounted cumulative
    gain of the first ten, a sound of grade g being worth 2^g − 1.
    """

    precision: float
    first: float
    gain: float


def read_intentions(path: Path = QUERIES) -> list[Intention]:
    """Return the queries."""
    return [
        Intention(row["query"], _labels(row["wanted"]), _labels(row["acceptable"]), row["kind"])
        for row in csv_rows(path)
    ]


def figures_of(ranked: Sequence[str], grades: Mapping[str, int]) -> Figures:
    """Return the figures of a ranking, best first, for a query with some right sounds."""
    found = [grades.get(path, 0) for path in ranked[:BEST]]
    best = sorted(grades.values(), reverse=True)[:BEST]
    return Figures(
        precision=sum(grade > 0 for grade in found) / min(BEST, len(grades)),
        first=float(bool(found) and found[0] > 0),
        gain=_discounted(found) / _discounted(best),
    )


def _discounted(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades))


def _labels(cell: str) -> frozenset[str]:
    return frozenset(label for label in cell.split("; ") if label)
