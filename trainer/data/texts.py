"""What this project wrote about sounds: other words for training labels, categories, a lexicon.

``trainer/texts/wordings.csv`` says in other words what each label of the training splits says,
``categories.csv`` under which categories of UCS it belongs; ``lexicon.csv`` lists names of sounds
with what is heard and with AudioSet tags that fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputError
from engine.metadata.ucs_names import categories as ucs
from engine.models.filed import MOST_CATEGORIES
from trainer.data.manifest import csv_rows

_FOLDER = Path(__file__).resolve().parents[1] / "texts"
WORDINGS, LEXICON = _FOLDER / "wordings.csv", _FOLDER / "lexicon.csv"
CATEGORIES = _FOLDER / "categories.csv"


@dataclass(frozen=True)
class LexiconEntry:
    """One sound: what it is called, what is heard, and tags by how likely they are."""

    names: tuple[str, ...]
    heard: tuple[str, ...]
    tags: tuple[str, ...]


def read_wordings(path: Path = WORDINGS) -> dict[str, tuple[str, ...]]:
    """Return what else may be said for a label, by label.

    :raises InputError: the table cannot be read, or has an empty cell.
    """
    rows = csv_rows(path, ("label", "wordings"))
    return {row["label"]: _parts(path, row, "wordings") for row in rows}


def read_categories(path: Path = CATEGORIES) -> dict[str, tuple[str, ...]]:
    """Return the ids of the UCS categories that a label belongs to, best first, by label.

    :raises InputError: the table cannot be read, has an empty cell, names a category that UCS
        lacks, or more than a sound is filed under.
    """
    known = {category.id for category in ucs().values()}
    found: dict[str, tuple[str, ...]] = {}
    for row in csv_rows(path, ("label", "categories")):
        ids = _parts(path, row, "categories")
        if unknown := [name for name in ids if name not in known]:
            raise InputError(f"{path} names a category that UCS lacks: {unknown[0]}")
        if len(ids) > MOST_CATEGORIES:
            raise InputError(
                f"{path} files {row['label']!r} under {len(ids)} categories; "
                f"{MOST_CATEGORIES} is the most"
            )
        found[row["label"]] = ids
    return found


def read_lexicon(tag_names: Sequence[str], path: Path = LEXICON) -> list[LexiconEntry]:
    """Return the lexicon.

    :param tag_names: the tags that there are.
    :raises InputError: the table cannot be read, has an empty cell, or names another tag.
    """
    known = set(tag_names)
    entries = []
    for row in csv_rows(path, ("names", "heard", "tags")):
        tags = _parts(path, row, "tags")
        if unknown := [tag for tag in tags if tag not in known]:
            raise InputError(f"{path} names a tag that AudioSet lacks: {unknown[0]}")
        entries.append(LexiconEntry(_parts(path, row, "names"), _parts(path, row, "heard"), tags))
    return entries


def _parts(path: Path, row: dict[str, str], column: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in row[column].split(";"))
    if not all(parts):
        raise InputError(f"{path} has an empty part in the column {column}: {row[column]!r}")
    return parts
