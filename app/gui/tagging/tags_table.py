"""The table of suggested tags, with the keys that decide on them."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.gui.kit.context import Context
from app.gui.kit.keys import (
    ACCEPT_TAG,
    HEAR_TAG,
    REJECT_TAG,
    REPLACE_TAG,
    dialog_keys,
    is_pressed,
)
from app.gui.kit.painting import elided, paint_share
from app.gui.kit.style.fonts import with_even_figures
from app.gui.kit.tables import choose_row
from app.gui.tagging.tags_model import TAG_ROLE, Index, ShownTag, TagColumn, TagsModel

Pair = tuple[int, str]
_ROW_HEIGHT = 24
_WIDTHS = {
    TagColumn.FILE: 250,
    TagColumn.TAG: 170,
    TagColumn.PROBABILITY: 110,
    TagColumn.PART: 110,
    TagColumn.STATE: 80,
    TagColumn.SAID_BY: 80,
}


class TagsTable(QTableView):
    """Rows of sounds and tags; every wish is a signal."""

    accept_wanted = Signal()
    reject_wanted = Signal()
    edit_wanted = Signal()
    hear_wanted = Signal()
    undo_wanted = Signal()

    def __init__(self, model: TagsModel, context: Context) -> None:
        super().__init__()
        self._tags, self._context = model, context
        self.setModel(model)
        self.setAccessibleName(self.tr("Suggested tags"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.sortByColumn(TagColumn.PROBABILITY, Qt.SortOrder.DescendingOrder)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)
        self.setItemDelegate(_Delegate(self, context))
        self.setFont(with_even_figures(self.font()))
        self.doubleClicked.connect(lambda _: self.hear_wanted.emit())

    @property
    def current(self) -> ShownTag | None:
        """Return the row that is looked at."""
        index = self.currentIndex()
        return index.data(TAG_ROLE) if index.isValid() else None

    def chosen(self) -> list[Pair]:
        """Return (sound id, label) of the chosen rows, from top to bottom."""
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        shown = [self._tags.rows[row] for row in rows]
        return [(row.tag.sound_id, row.tag.label) for row in shown]

    def choose_first(self) -> None:
        """Look at the first row."""
        if self._tags.rows:
            choose_row(self, 0)
            self.setFocus()

    def go_on(self) -> None:
        """Go to the row below the chosen ones, so that one key decides on row after row."""
        chosen = {index.row() for index in self.selectionModel().selectedRows()}
        below = max(chosen, default=-1) + 1
        if below < self._tags.rowCount():
            choose_row(self, below)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Decide on the chosen rows."""
        wishes = {
            ACCEPT_TAG: self.accept_wanted,
            REJECT_TAG: self.reject_wanted,
            REPLACE_TAG: self.edit_wanted,
            HEAR_TAG: self.hear_wanted,
        }
        keys = dialog_keys(self._context.settings.now.keys)
        wished = [wish for key, wish in wishes.items() if is_pressed(keys[key.name], event)]
        if wished:
            wished[0].emit()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo_wanted.emit()
        else:
            super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Paints probabilities as bars, and what was decided quietly."""

    def __init__(self, table: TagsTable, context: Context) -> None:
        super().__init__(table)
        self._table, self._context = table, context

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint a cell."""
        colours, column = self._context.colours, index.column()
        row: ShownTag = index.data(TAG_ROLE)
        rect = QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(colours.selected))
        inner = rect.adjusted(6, 0, -6, 0)
        if column == TagColumn.PROBABILITY and row.tag.probability is not None:
            wide = painter.fontMetrics().horizontalAdvance("100%")
            paint_share(painter, inner.adjusted(wide + 10, 0, 0, 0), row.tag.probability, colours)
            inner.setWidth(wide)
        state = row.tag.state
        colour = colours.dim
        if state == "suggested" and column in (TagColumn.FILE, TagColumn.TAG):
            colour = colours.text
        elif state == "accepted" and column in (TagColumn.STATE, TagColumn.TAG):
            colour = colours.accent
        elif state in ("rejected", "edited") and column == TagColumn.STATE:
            colour = colours.warning
        painter.setPen(QColor(colour))
        text = str(index.data() or "")
        shown = elided(self._table, text, inner.width(), column == TagColumn.FOLDER)
        side = Qt.AlignmentFlag.AlignLeft
        if column == TagColumn.PROBABILITY:  # which has its room, but to the pixel
            shown, side = text, Qt.AlignmentFlag.AlignRight
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | side, shown)
