"""What edits make of texts, as Qt shows it: a row for each sound, painted as it comes into view."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.gui.kit.context import Context
from app.gui.kit.plain import tip
from app.gui.kit.text import tr
from engine.plain_text import one_line
from engine.tags.editing import Planned

Index = QModelIndex | QPersistentModelIndex
ROW_ROLE = Qt.ItemDataRole.UserRole + 1
_NOBODY = QModelIndex()
_ROW_HEIGHT = 24
_FILE_WIDTH = 220
_LONGEST = 400  # characters that are painted
_BEFORE = 16  # characters before what changes, where there are more


class EditColumn(IntEnum):
    """The columns, from left to right."""

    FILE = 0
    NOW = 1
    THEN = 2


class EditsModel(QAbstractTableModel):
    """The planned rows of one field."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[Planned] = ()
        self.field = "description"

    def show_rows(self, rows: Sequence[Planned], field: str) -> None:
        """Show these rows and no others."""
        self.beginResetModel()
        self.rows, self.field = rows, field
        self.endResetModel()

    def rowCount(self, parent: Index = _NOBODY) -> int:
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = _NOBODY) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(EditColumn)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        if orientation is not Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        return (tr("File"), tr("Now"), tr("Then"))[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, or its row."""
        row, column = self.rows[index.row()], EditColumn(index.column())
        if role == ROW_ROLE:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return one_line(self.text(row, column)[:_LONGEST])
        if role == Qt.ItemDataRole.ToolTipRole:
            whole = row.held.path if column is EditColumn.FILE else self.text(row, column)
            return tip(whole[: 4 * _LONGEST])
        return None

    def text(self, row: Planned, column: EditColumn) -> str:
        """Return what stands in a cell."""
        if column is EditColumn.FILE:
            return PurePath(row.held.path).name
        if column is EditColumn.NOW:
            return row.held.texts[self.field]
        return row.problem or row.new.get(self.field, "")


class EditsTable(QTableView):
    """Old and new texts side by side, with what changes marked."""

    def __init__(self, model: EditsModel, context: Context) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName(self.tr("What changes"))
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        mode = QHeaderView.ResizeMode
        header.setSectionResizeMode(EditColumn.FILE, mode.Interactive)
        header.setSectionResizeMode(EditColumn.NOW, mode.Stretch)
        header.setSectionResizeMode(EditColumn.THEN, mode.Stretch)
        self.setColumnWidth(EditColumn.FILE, _FILE_WIDTH)
        self.setItemDelegate(_Delegate(self, model, context))


class _Delegate(QStyledItemDelegate):
    """Paints what goes crossed out, and what comes on a ground of its own."""

    def __init__(self, table: QTableView, model: EditsModel, context: Context) -> None:
        super().__init__(table)
        self._model, self._context = model, context

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint a cell."""
        colours, column = self._context.colours, EditColumn(index.column())
        row: Planned = index.data(ROW_ROLE)
        rect = QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(colours.selected))
        inner = rect.adjusted(6, 0, -6, 0)
        text = str(index.data() or "")
        if column is EditColumn.FILE or not row.changes:
            told = column is EditColumn.THEN and row.problem
            named = column is EditColumn.FILE and row.changes
            colour = colours.warning if told else colours.text if named else colours.dim
            painter.setPen(QColor(colour))
            shown = painter.fontMetrics().elidedText(
                text, Qt.TextElideMode.ElideRight, inner.width()
            )
            painter.drawText(inner, _WHERE, shown)
            return
        old = one_line(self._model.text(row, EditColumn.NOW)[:_LONGEST])
        new = one_line(self._model.text(row, EditColumn.THEN)[:_LONGEST])
        parts = _parts(old, new)[0 if column is EditColumn.NOW else 1]
        _paint_parts(painter, inner, parts, column is EditColumn.THEN, self._context)


_WHERE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
Parts = tuple[str, str, str]  # before what changes, that, and behind it


def _parts(old: str, new: str) -> tuple[Parts, Parts]:
    """Return two texts, each in what is alike at the beginning, what differs, and the end."""
    first = _alike(old, new)
    rest = _alike(old[first:][::-1], new[first:][::-1])
    before = old[:first]
    end, other_end = len(old) - rest, len(new) - rest
    return (before, old[first:end], old[end:]), (before, new[first:other_end], new[other_end:])


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _paint_parts(
    painter: QPainter, rect: QRect, parts: Parts, is_new: bool, context: Context
) -> None:
    colours, plain = context.colours, QFont(painter.font())
    painter.save()
    painter.setClipRect(rect)
    left, before = rect.left(), parts[0]
    shown_whole = painter.fontMetrics().horizontalAdvance(before + parts[1]) <= rect.width()
    if not shown_whole and len(before) > 2 * _BEFORE:
        before = "…" + before[-_BEFORE:]
    for place, part in enumerate((before, *parts[1:])):
        changes = place == 1
        room = rect.right() - left + 1
        if room <= 0 or not part:
            continue
        font = QFont(plain)
        font.setStrikeOut(changes and not is_new)
        painter.setFont(font)
        shown = painter.fontMetrics().elidedText(part, Qt.TextElideMode.ElideRight, room)
        wide = painter.fontMetrics().horizontalAdvance(shown)
        if changes and is_new:
            ground = QRect(left, rect.top() + 3, wide, rect.height() - 6)
            painter.fillRect(ground, QColor(colours.match))
        painter.setPen(QColor(colours.text if is_new else colours.dim))
        painter.drawText(QRect(left, rect.top(), room, rect.height()), _WHERE, shown)
        left += wide
    painter.restore()
