"""The columns of the results, one object each: a new column is one more.

Only an order in which the library cannot list yet is added there (:mod:`engine.store.listing`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter

from app.gui.kit.painting import paint_strength, paint_thumbnail
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import duration, short_folder, technical, tr
from engine.metadata.ucs_names import category_of_sound
from engine.search.answer import Match
from engine.store import SoundRow
from engine.store.listing import Order


@dataclass(frozen=True)
class ResultRow:
    """One row: its sound (None while it is fetched), its match (None in a list), thumbnail."""

    sound: SoundRow | None
    match: Match | None
    tags: Sequence[str] = ()
    thumbnail: bytes | None = None


Paint = Callable[[QPainter, QRect, ResultRow, Colours], None]


@dataclass(frozen=True, eq=False)
class Column:
    """What a column is called, how wide it begins, what its cells say, how it is drawn and sorted.

    ``key`` names it in the settings.  ``value`` is what matches are sorted by (None: by what the
    cells say), ``order`` how the library lists by it (``added``: it cannot).  ``paint`` draws a
    cell in the place of its text.  The ``main`` column cannot be hidden.
    """

    key: str
    title: Callable[[], str]
    width: int
    text: Callable[[ResultRow], str]
    value: Callable[[Match], Any] | None = None
    order: Order = "added"
    paint: Paint | None = None
    right: bool = False
    elided_left: bool = False
    hidden: bool = False
    main: bool = False

    @property
    def place(self) -> int:
        """Return its number among the columns, as Qt counts them."""
        return COLUMNS.index(self)

    @property
    def by_score(self) -> bool:
        """Return whether the best first is the order in which matches were found."""
        return self in (WAVE, STRENGTH)

    def sort_key(self, match: Match) -> Any:
        """Return what a match is sorted by."""
        if self.value is not None:
            return self.value(match)
        return self.text(ResultRow(match.sound, match, match.tags)).lower()


def _said(says: Callable[[SoundRow, Sequence[str]], str], unknown: str = "") -> Any:
    """Return what is said of a row once its sound was fetched."""
    return lambda row: unknown if row.sound is None else says(row.sound, row.tags)


def _name(sound: SoundRow, tags: Sequence[str]) -> str:
    return os.path.basename(sound.path)  # noqa: PTH119 - for every cell that is painted


def _category(sound: SoundRow, tags: Sequence[str]) -> str:
    category = category_of_sound(tags, sound.category)
    return category.id if category else ""


def _paint_wave(painter: QPainter, rect: QRect, row: ResultRow, colours: Colours) -> None:
    paint_thumbnail(painter, rect.adjusted(8, 3, -6, -3), row.thumbnail, colours)


def _paint_strength(painter: QPainter, rect: QRect, row: ResultRow, colours: Colours) -> None:
    if row.match is not None:
        paint_strength(painter, rect.adjusted(6, 0, -8, 0), row.match, colours)


WAVE = Column("wave", lambda: "", 112, lambda row: "", lambda match: match.score, paint=_paint_wave)
STRENGTH = Column(
    "strength",
    lambda: tr("Match"),
    62,
    lambda row: "" if row.match is None else f"{row.match.strength:.2f}",
    lambda match: match.strength,
    paint=_paint_strength,
)
NAME = Column("name", lambda: tr("Name"), 240, _said(_name, "…"), order="name", main=True)
DURATION = Column(
    "duration",
    lambda: tr("Length"),
    62,
    _said(lambda sound, tags: duration(sound.duration_s)),
    lambda match: match.sound.duration_s,
    order="duration",
    right=True,
)
FORMAT = Column(
    "format",
    lambda: tr("Format"),
    112,
    _said(lambda sound, tags: technical(sound)),
    lambda match: (match.sound.rate_hz, match.sound.bits or 0, match.sound.channels),
    order="format",
)
CATEGORY = Column("category", lambda: tr("Category"), 96, _said(_category), order="category")
DESCRIPTION = Column(
    "description",
    lambda: tr("Description"),
    200,
    _said(lambda sound, tags: sound.description or ""),
    order="description",
)
FOLDER = Column(
    "folder",
    lambda: tr("Folder"),
    220,
    _said(lambda sound, tags: short_folder(sound.path)),
    order="folder",
    elided_left=True,
)
TAGS = Column(
    "tags", lambda: tr("Tags"), 120, _said(lambda sound, tags: ", ".join(tags)), hidden=True
)

COLUMNS = (WAVE, STRENGTH, NAME, DURATION, FORMAT, CATEGORY, DESCRIPTION, FOLDER, TAGS)
