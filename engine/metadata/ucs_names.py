"""The Universal Category System: its categories, and file names that follow it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from engine.paths import assets

_BARE = frozenset({"MISC", "GENERAL"})  # subcategories that add nothing to their category


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

    UCS allows a user category behind the CatID, apart by a hyphen: ``DOORWood-CREAK_…``.  Some
    CatIDs are plain words.  They count in capitals, as UCS writes them, in a name of four parts, as
    UCS names have, of which not all are in capitals: ``rain_03``, ``TEST_1``, ``Rain_On_Tin_Roof``
    and ``WIND_UP_TOY_01`` are no UCS names.
    """
    parts = stem.split("_")
    first = parts[0].split("-", 1)[0]
    category = categories().get(first.lower())
    if category is None or len(parts) < 2:
        return None
    as_written, is_whole = first == category.id, len(parts) >= 4
    if category.id.isupper():
        return category if as_written and is_whole and not stem.isupper() else None
    return category if as_written or is_whole else None


def category_of_tag(tag: str) -> UcsCategory | None:
    """Return the category whose CatID a tag is, letter by letter: ``rain`` is a word, not RAIN."""
    category = categories().get(tag.lower())
    return category if category is not None and category.id == tag else None


def plain_name(category: UcsCategory) -> str:
    """Return a UCS category as a phrase, such as ``doors wood``."""
    bare = category.subcategory in _BARE
    name = category.category if bare else f"{category.category} {category.subcategory}"
    return name.lower().replace(" & ", " and ")


def caption_of_tag(tag: str) -> str:
    """Return a tag as words that a model can learn from: a CatID by its name."""
    category = category_of_tag(tag)
    return tag if category is None else plain_name(category)


def category_of_sound(tags: Iterable[str], said: str | None) -> UcsCategory | None:
    """Return the category of a sound: an accepted CatID, or else what its file says."""
    tagged = next(filter(None, map(category_of_tag, tags)), None)
    return tagged or categories().get((said or "").lower())
