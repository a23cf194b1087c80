"""A plain table for dialogs: rows of texts, sortable, copied with Ctrl+C."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QTableWidget,
    QTableWidgetItem,
)

from app.gui.kit.painting import paint_focus
from app.gui.kit.plain import tip
from app.gui.kit.style.fonts import with_even_figures
from engine.plain_text import one_line

_ROW_HEIGHT = 24  # pixels
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def choose_row(table: QTableView, row: int) -> None:
    """Choose a row and no other, whatever keys are held down: with Ctrl, ``selectRow`` toggles."""
    flag = QItemSelectionModel.SelectionFlag
    table.selectionModel().setCurrentIndex(
        table.model().index(row, 0), flag.ClearAndSelect | flag.Rows
    )


class RowDelegate(QStyledItemDelegate):
    """Marks the row that has the focus with a line above and below it, not one of its cells."""

    def __init__(self, table: QTableView) -> None:
        super().__init__(table)
        self._table = table

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint a cell."""
        plain = QStyleOptionViewItem(option)
        plain.state &= ~QStyle.StateFlag.State_HasFocus
        super().paint(painter, plain, index)
        if self._table.hasFocus() and index.row() == self._table.currentIndex().row():
            accent = QGuiApplication.palette().color(QPalette.ColorRole.Highlight)
            paint_focus(painter, option.rect, accent)


class TextTable(QTableWidget):
    """Rows of texts; the column ``wide`` takes the room that is left.

    Columns ``right`` hold numbers, which stand below one another.
    """

    def __init__(self, titles: Sequence[str], wide: int, right: Sequence[int] = ()) -> None:
        super().__init__(0, len(titles))
        self._wide, self._right = wide, frozenset(right)
        self.setFont(with_even_figures(self.font()))
        self.setItemDelegate(RowDelegate(self))
        self.setHorizontalHeaderLabels(list(titles))
        self.currentCellChanged.connect(lambda *_: self.viewport().update())
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in self._right:
            title = self.horizontalHeaderItem(column)
            assert title is not None
            title.setTextAlignment(_RIGHT)
        for column in range(len(titles)):
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(
                column, mode.Stretch if column == wide else mode.Interactive
            )

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these rows and no others."""
        self.setSortingEnabled(False)
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                item = QTableWidgetItem(one_line(text))
                item.setToolTip(tip(text))
                if column in self._right:
                    item.setTextAlignment(_RIGHT)
                self.setItem(number, column, item)
        most = self.width() // 2  # a long name may not push the rest out of sight
        for column in range(self.columnCount()):
            if column != self._wide:
                self.resizeColumnToContents(column)
                self.setColumnWidth(column, min(self.columnWidth(column), most))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the chosen rows."""
        if event.matches(QKeySequence.StandardKey.Copy):
            rows = sorted({index.row() for index in self.selectedIndexes()})
            lines = [
                "\t".join(
                    item.text() if (item := self.item(row, column)) is not None else ""
                    for column in range(self.columnCount())
                )
                for row in rows
            ]
            QGuiApplication.clipboard().setText("\n".join(lines))
        else:
            super().keyPressEvent(event)
