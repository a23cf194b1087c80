"""Taxonomies: lists of labels, each with the texts that say what it sounds like.

A label is compared with sounds through its texts, rendered as captions, and with file names
through its words.  UCS names its categories for people who file sounds ("DOORS HARDWARE"), which
says little to a model that learned captions; what they sound like, in the words of captions, is
``ucs_sounds.csv`` (docs/decisions/0013).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.errors import InputError, reason
from engine.metadata.ucs_names import UcsCategory, categories, plain_name
from engine.models.spec import SENTENCE as SENTENCE
from engine.paths import assets

_NAME_WEIGHT = 0.5  # of a UCS category's name beside each of its sounds
_NOT_HEARD = frozenset({"ARCHIVED", "FOLEY"})  # say how a sound was made, not what it is
_COLUMNS: Mapping[str, Sequence[str]] = {
    "label": ("label", "name", "display_name", "tag"),
    "id": ("id", "mid", "catid"),
    "synonyms": ("synonyms", "synonym", "keywords"),
    "description": ("description", "explanation"),
}
_MOST_LABELS = 20_000
_LONGEST = 400  # characters of one text


@dataclass(frozen=True)
class Label:
    """One label: ``texts`` are captions of what it sounds like, each with its weight.

    ``tag`` is what a sound is tagged with: a CatID, or the label's name.

    Words in a file's name or header are held against ``named``, what the label is called and
    sounds like, and against ``words``, its synonyms and what explains it.
    """

    id: str
    name: str
    tag: str
    texts: tuple[str, ...]
    weights: tuple[float, ...]
    named: str
    words: str


@dataclass(frozen=True)
class Taxonomy:
    """A list of labels; ``is_ucs`` where their ids are CatIDs."""

    name: str
    labels: tuple[Label, ...]
    is_ucs: bool = False


def find_taxonomy(name: str) -> Taxonomy:
    """Return ``ucs``, ``audioset``, or the labels of a file.

    :raises InputError: there is no such list, or the file is none.
    """
    if name.lower() == "ucs":
        return ucs()
    shipped = assets() / "taxonomies" / f"{name.lower()}.csv"
    if name.isidentifier() and shipped.is_file():
        return read_taxonomy(shipped)
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(
            f"there is no list of labels {name}: use ucs, audioset, or a file with one label "
            "per line"
        )
    return read_taxonomy(path)


@cache
def ucs() -> Taxonomy:
    """Return the 752 categories of UCS 8.2.1."""
    with (assets() / "taxonomies" / "ucs_sounds.csv").open(encoding="utf-8", newline="") as file:
        sounds = {row["id"]: tuple(row["sounds"].split("; ")) for row in csv.DictReader(file)}
    labels = tuple(_ucs_label(c, sounds.get(c.id, ())) for c in categories().values())
    return Taxonomy("ucs", labels, is_ucs=True)


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a user's list: CSV with a column ``label``, or text with one label a line.

    The CSV may have ``id``, ``synonyms`` (apart by semicolons) and ``description``; in a text,
    lines that begin with ``#`` are left out.

    :raises InputError: it cannot be read, holds no label, the same one twice, or too many.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list of labels: {error}") from None
    is_table = path.suffix.lower() == ".csv"
    rows = list(_table(path, text) if is_table else _plain(text.splitlines()))
    if not rows:
        raise InputError(f"{path} contains no labels: write one per line")
    if len(rows) > _MOST_LABELS:
        raise InputError(f"{path} holds {len(rows)} labels; {_MOST_LABELS} is the most")
    seen: set[str] = set()
    for row in rows:
        if row["label"].lower() in seen:
            raise InputError(f'{path} holds the label "{row["label"]}" twice: write each once')
        seen.add(row["label"].lower())
    return Taxonomy(path.stem, tuple(_own_label(row) for row in rows))


def _plain(lines: Sequence[str]) -> Iterator[dict[str, str]]:
    for line in lines:
        label = " ".join(line.split())[:_LONGEST]
        if label and not label.startswith("#"):
            yield {"label": label, "id": label, "synonyms": "", "description": ""}


def _table(path: Path, text: str) -> Iterator[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        named = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
        columns = {
            key: next((named[alias] for alias in aliases if alias in named), None)
            for key, aliases in _COLUMNS.items()
        }
        if columns["label"] is None:
            raise InputError(f"{path} has no column named label")
        for row in reader:
            found = {
                key: " ".join((row.get(column) or "").split()) if column is not None else ""
                for key, column in columns.items()
            }
            if found["label"]:
                yield {**found, "id": found["id"] or found["label"]}
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as CSV: {reason(error)}") from None


def _own_label(row: Mapping[str, str]) -> Label:
    """Return a user's label: its name counts as much as its other texts together."""
    name, described = row["label"], row["description"][:_LONGEST]
    synonyms = [text.strip() for text in row["synonyms"].split(";") if text.strip()]
    others = [*synonyms, described] if described else synonyms
    texts = (SENTENCE.format(label=name), *(SENTENCE.format(label=s) for s in synonyms))
    texts = (*texts, described) if described else texts
    share = 0.5 / len(others) if others else 0.0
    weights = (0.5 if others else 1.0, *(share for _ in others))
    return Label(row["id"], name, name, texts, weights, name, " ".join(others))


def _ucs_label(category: UcsCategory, sounds: Sequence[str]) -> Label:
    name = plain_name(category)
    heard = category.category not in _NOT_HEARD
    texts = tuple(SENTENCE.format(label=text) for text in (name, *sounds))
    weights = (_NAME_WEIGHT if heard else 0.0, *(1.0 for _ in sounds))
    named = " ".join((name, *sounds))
    words = " ".join((*category.synonyms, category.explanation))
    shown = f"{category.category} {category.subcategory}"
    return Label(category.id, shown, category.id, texts, weights, named, words)
