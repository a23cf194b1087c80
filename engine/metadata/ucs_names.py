"""The Universal Category System: its categories, and file names that follow it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from engine.paths import assets


@dataclass(frozen=True)
class UcsCategory:
    """One of the 752 categories of UCS 8.2.1; ``id`` is its CatID, such as ``DOORWood``."""

    id: str
    category: str
    subcategory: str
    explanation: str
    synonyms: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return the words that stand for the category when a library is searched."""
        return " ".join((self.id, self.category, self.subcategory, *self.synonyms))


@cache
def categories() -> Mapping[str, UcsCategory]:
    """Return the categories by CatID in lower case."""
    path = assets() / "taxonomies" / "ucs.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["id"].lower(): UcsCategory(
                row["id"],
                row["category"],
                row["subcategory"],
                row["explanation"],
                tuple(row["synonyms"].split("; ")),
            )
            for row in csv.DictReader(file)
        }


def category_of_name(stem: str) -> UcsCategory | None:
    """Return the category that a file name begins with (``CatID_FXName_…``), or None.

    UCS allows a user category behind the CatID, apart by a hyphen: ``DOORWood-CREAK_…``.
    """
    first = stem.split("_", 1)[0].split("-", 1)[0]
    return categories().get(first.lower()) if "_" in stem else None
