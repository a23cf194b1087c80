"""Suggested tags as Qt shows them: a row for each sound and label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app.gui.kit.plain import tip
from app.gui.kit.text import duration, short_folder, tr
from engine.metadata.ucs_names import category_of_tag
from engine.plain_text import one_line
from engine.store import SoundRow
from engine.store.tags import AGENT, PERSON, TagRow

Index = QModelIndex | QPersistentModelIndex
TAG_ROLE = Qt.ItemDataRole.UserRole + 1
_NOBODY = QModelIndex()


class TagColumn(IntEnum):
    """The columns, from left to right."""

    FILE = 0
    TAG = 1
    PROBABILITY = 2
    PART = 3
    STATE = 4
    SAID_BY = 5
    FOLDER = 6


@dataclass(frozen=True)
class ShownTag:
    """One row: a sound and a tag of it."""

    sound: SoundRow
    tag: TagRow


class TagsModel(QAbstractTableModel):
    """The tags under review, in the order that was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[ShownTag] = []
        self._order = (TagColumn.PROBABILITY, Qt.SortOrder.DescendingOrder)

    @property
    def rows(self) -> Sequence[ShownTag]:
        """Return what is shown, from top to bottom."""
        return self._rows

    def show_rows(self, rows: Sequence[ShownTag]) -> None:
        """Show these rows and no others."""
        self.beginResetModel()
        self._rows = list(rows)
        self._sort()
        self.endResetModel()

    def update_rows(self, tags: Sequence[TagRow]) -> None:
        """Show what tags are now, each in its place."""
        now = {(tag.sound_id, tag.label): tag for tag in tags}
        for number, row in enumerate(self._rows):
            found = now.get((row.tag.sound_id, row.tag.label))
            if found is not None and found != row.tag:
                self._rows[number] = ShownTag(row.sound, found)
                last = self.index(number, len(TagColumn) - 1)
                self.dataChanged.emit(self.index(number, 0), last)

    def update_sounds(self, sounds: Mapping[int, SoundRow]) -> None:
        """Show what sounds are now, each in its place."""
        for number, row in enumerate(self._rows):
            sound = sounds.get(row.sound.id, row.sound)
            if sound != row.sound:
                self._rows[number] = ShownTag(sound, row.tag)
                last = self.index(number, len(TagColumn) - 1)
                self.dataChanged.emit(self.index(number, 0), last)

    def rowCount(self, parent: Index = _NOBODY) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOBODY) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(TagColumn)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        if orientation is not Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        return (
            tr("File"),
            tr("Tag"),
            tr("Probability"),
            tr("Part"),
            tr("State"),
            tr("Source"),
            tr("Folder"),
        )[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, or its row."""
        row = self._rows[index.row()]
        if role == TAG_ROLE:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(_text(row, TagColumn(index.column())))
        if role == Qt.ItemDataRole.ToolTipRole:
            known = category_of_tag(row.tag.label)
            if index.column() == TagColumn.TAG and known is not None:
                return f"{known.category} {known.subcategory}\n{known.explanation}"
            return tip(row.sound.path)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self._order = (TagColumn(column), order)
        self.layoutAboutToBeChanged.emit()
        self._sort()
        self.layoutChanged.emit()

    def _sort(self) -> None:
        column, order = self._order
        self._rows.sort(key=lambda row: row.sound.path)
        self._rows.sort(
            key=lambda row: _sort_key(row, column), reverse=order is Qt.SortOrder.DescendingOrder
        )


def _sort_key(row: ShownTag, column: TagColumn) -> Any:
    if column is TagColumn.PROBABILITY:
        return row.tag.probability or 0.0
    return _text(row, column).lower()


def _text(row: ShownTag, column: TagColumn) -> str:
    tag, sound = row.tag, row.sound
    if column is TagColumn.FILE:
        return Path(sound.path).name
    if column is TagColumn.TAG:
        return tag.label
    if column is TagColumn.PROBABILITY:
        return "" if tag.probability is None else f"{tag.probability:.0%}"
    if column is TagColumn.PART:
        if tag.start_s is None or tag.end_s is None:
            return ""
        return f"{duration(tag.start_s)}–{duration(tag.end_s)}"
    if column is TagColumn.STATE:
        return {
            "suggested": tr("open"),
            "accepted": tr("accepted"),
            "rejected": tr("rejected"),
            "edited": tr("replaced"),
        }[tag.state]
    if column is TagColumn.SAID_BY:
        said = {PERSON: tr("you"), AGENT: tr("an agent"), "file": tr("the file")}
        return said.get(tag.said_by, tr("the model"))
    return short_folder(sound.path)
