"""A plain table for dialogs: rows of texts, sortable, copied with Ctrl+C."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from app.gui.kit.plain import tip
from engine.plain_text import one_line


class TextTable(QTableWidget):
    """Rows of texts; the column ``wide`` takes the room that is left."""

    def __init__(self, titles: Sequence[str], wide: int) -> None:
        super().__init__(0, len(titles))
        self._wide = wide
        self.setHorizontalHeaderLabels(list(titles))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().setVisible(False)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
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
