"""The columns of the results, one object each: a new column is one more.

Only an order in which the library cannot list yet is added there (:mod:`engine.store.listing`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter

from app.gui.kit.marks import day, label_title, paint_label, paint_stars, star_text
from app.gui.kit.painting import paint_strength, paint_thumbnail
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import channels_title, duration, lufs, short_folder, technical, tr
from engine.metadata.ucs_names import category_of_sound
from engine.search.answer import Match
from engine.store import SoundRow
from engine.store.listing import Order
from engine.tags.families import shown_tags


@dataclass(frozen=True)
class ResultRow:
    """One row: its sound (None while it is fetched), its match (None in a list), thumbnail.

    ``hidden`` are families of tags that their column leaves out.
    """

    sound: SoundRow | None
    match: Match | None
    tags: Sequence[str] = ()
    thumbnail: bytes | None = None
    hidden: frozenset[str] = frozenset()


Paint = Callable[[QPainter, QRect, ResultRow, Colours], None]


@dataclass(frozen=True, eq=False)
class Column:
    """What a column is called, how wide it begins, what its cells say, how it is drawn and sorted.

    ``key`` names it in the settings.  ``value`` is what matches are sorted by (None: by what the
    cells say), ``order`` how the library lists by it (``added``: it cannot).  ``paint`` draws a
    cell in the place of its text.  The ``main`` column cannot be hidden.

    Columns with ``stretch`` share the width that is left, but for their ``least`` pixels.  Where
    there is too little, those with most to ``spare`` go first.  One that is there ``when_filled``
    is away while no row has anything to say in it.
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
    stretch: int = 0
    least: int = 0
    spare: int = 0
    when_filled: bool = False

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


def _paint_stars(painter: QPainter, rect: QRect, row: ResultRow, colours: Colours) -> None:
    if row.sound is not None:
        paint_stars(painter, rect, row.sound.marks.stars, colours)


def _paint_colour(painter: QPainter, rect: QRect, row: ResultRow, colours: Colours) -> None:
    label = row.sound.marks.colour if row.sound is not None else None
    if label is not None:
        paint_label(painter, QRect(rect.left() + 6, rect.top(), 10, rect.height()), label, colours)


def _colour(sound: SoundRow, tags: Sequence[str]) -> str:
    return label_title(sound.marks.colour) if sound.marks.colour is not None else ""


def _used(sound: SoundRow, tags: Sequence[str]) -> str:
    return " · ".join(filter(None, (day(sound.marks.used_ns), sound.marks.project)))


WAVE = Column(
    "wave",
    lambda: "",
    112,
    lambda row: "",
    lambda match: match.score,
    paint=_paint_wave,
    spare=1,
)
STRENGTH = Column(
    "strength",
    lambda: tr("Match"),
    62,
    lambda row: "" if row.match is None else f"{row.match.strength:.2f}",
    lambda match: match.strength,
    paint=_paint_strength,
    when_filled=True,
)
NAME = Column(
    "name",
    lambda: tr("Name"),
    240,
    _said(_name, "…"),
    order="name",
    main=True,
    stretch=5,
    least=150,
)
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
    spare=3,
)
CHANNELS = Column(
    "channels",
    lambda: tr("Channels"),
    84,
    _said(lambda sound, tags: channels_title(sound.channels, sound.layout or "")),
    lambda match: (match.sound.channels, match.sound.layout or ""),
    order="channels",
    hidden=True,
)
CATEGORY = Column(
    "category",
    lambda: tr("Category"),
    96,
    _said(_category),
    order="category",
    spare=4,
    when_filled=True,
)
DESCRIPTION = Column(
    "description",
    lambda: tr("Description"),
    200,
    _said(lambda sound, tags: sound.description or ""),
    order="description",
    stretch=3,
    least=110,
    spare=5,
    when_filled=True,
)
FOLDER = Column(
    "folder",
    lambda: tr("Folder"),
    220,
    _said(lambda sound, tags: short_folder(sound.path)),
    order="folder",
    elided_left=True,
    stretch=3,
    least=100,
    spare=2,
)
TAGS = Column(
    "tags",
    lambda: tr("Tags"),
    120,
    lambda row: ", ".join(shown_tags(row.tags, row.hidden)),
    hidden=True,
)
STARS = Column(
    "stars",
    lambda: tr("Stars"),
    78,
    _said(lambda sound, tags: star_text(sound.marks.stars)),
    lambda match: match.sound.marks.stars,
    order="stars",
    paint=_paint_stars,
)
COLOUR = Column(
    "colour",
    lambda: tr("Colour"),
    58,
    _said(_colour),
    order="colour",
    paint=_paint_colour,
    hidden=True,
)
USED = Column(
    "used",
    lambda: tr("Used"),
    110,
    _said(_used),
    lambda match: match.sound.marks.used_ns or 0,
    order="used",
    hidden=True,
)
NOTE = Column(
    "note",
    lambda: tr("Note"),
    140,
    _said(lambda sound, tags: sound.marks.note),
    order="note",
    hidden=True,
)
ADDED = Column(
    "added",
    lambda: tr("Added"),
    78,
    _said(lambda sound, tags: day(sound.added_ns)),
    lambda match: match.sound.added_ns,
    order="added",
    hidden=True,
)
ROOT = Column(
    "root",
    lambda: tr("Library"),
    120,
    _said(lambda sound, tags: os.path.basename(sound.root) or sound.root),  # noqa: PTH119
    order="root",
    hidden=True,
)
LOUDNESS = Column(
    "loudness",
    lambda: tr("LUFS"),
    56,
    _said(lambda sound, tags: lufs(sound.lufs)),
    lambda match: -math.inf if match.sound.lufs is None else match.sound.lufs,
    order="loudness",
    right=True,
    hidden=True,
)

COLUMNS = (
    *(WAVE, STRENGTH, NAME, STARS, DURATION, FORMAT, CATEGORY, DESCRIPTION, FOLDER, TAGS),
    *(CHANNELS, LOUDNESS, COLOUR, USED, NOTE, ADDED, ROOT),
)
