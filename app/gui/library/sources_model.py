"""The items of the sources: those below a folder are made when it is opened."""

from __future__ import annotations

import os

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon, QStandardItem, QStandardItemModel

from app.gui.kit.plain import tip
from app.gui.kit.text import counted, number, tr
from engine.plain_text import one_line
from engine.store.folders import FolderTree

TOKEN = Qt.ItemDataRole.UserRole + 1  # the filter that an item stands for
COUNT = Qt.ItemDataRole.UserRole + 2
FOLDER = Qt.ItemDataRole.UserRole + 3  # that was indexed
COLLECTION = Qt.ItemDataRole.UserRole + 4
PLACE = Qt.ItemDataRole.UserRole + 5  # a folder, indexed or below such a one
MORE = Qt.ItemDataRole.UserRole + 6  # how many folders are shown so far, on the item for more
AT_ONCE = 1000  # folders below one that are shown at first
Index = QModelIndex | QPersistentModelIndex
_NOBODY = QModelIndex()


class SourcesModel(QStandardItemModel):
    """Items of which folders get theirs below when a view first asks for them."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.tree = FolderTree((), {}, {})
        self.icon = QIcon()

    def hasChildren(self, parent: Index = _NOBODY) -> bool:
        """Return whether an item can be opened."""
        place = parent.data(PLACE) if parent.isValid() else None
        return bool(self.tree.children.get(place)) if place else super().hasChildren(parent)

    def canFetchMore(self, parent: Index) -> bool:
        """Return whether the folders below one were not made yet."""
        place = parent.data(PLACE) if parent.isValid() else None
        return bool(place) and not self.rowCount(parent) and self.hasChildren(parent)

    def fetchMore(self, parent: Index) -> None:
        """Make the folders below one."""
        item = self.itemFromIndex(parent)
        if item is not None and self.canFetchMore(parent):
            self._append(item, 0)

    def show_more(self, item: QStandardItem) -> None:
        """Show further folders in the place of the item that stands for them."""
        above, shown = item.parent(), int(item.data(MORE))
        if above is not None:
            above.removeRow(item.row())
            self._append(above, shown)

    def put_tree(self, tree: FolderTree) -> None:
        """Show other counts; folders that are open get and lose those below."""
        self.tree = tree
        waiting = [self.invisibleRootItem().child(r) for r in range(self.rowCount())]
        while waiting:
            item = waiting.pop()
            place = item.data(PLACE)
            if place and item.rowCount():
                self._mend(item, place)
            waiting += [item.child(row) for row in range(item.rowCount())]

    def folder_item(self, path: str) -> QStandardItem:
        """Return the item of a folder."""
        item = QStandardItem(one_line(os.path.basename(path) or path))  # noqa: PTH119 - many
        item.setEditable(False)
        item.setIcon(self.icon)
        item.setData(path, Qt.ItemDataRole.UserRole)
        item.setData(path, PLACE)
        item.setData(f'in:"{path}"', TOKEN)
        self._count(item, path)
        return item

    def _count(self, item: QStandardItem, path: str) -> None:
        count = self.tree.counts.get(path, 0)
        if item.data(COUNT) == count:
            return
        item.setData(count, COUNT)
        said = counted(count, tr("one sound"), tr("{} sounds"))
        item.setToolTip(tip(f"{path}\n{said}"))
        item.setAccessibleText(f"{item.text()}, {said}")

    def _append(self, item: QStandardItem, start: int) -> None:
        below = self.tree.children.get(item.data(PLACE), ())
        item.appendRows([self.folder_item(path) for path in below[start : start + AT_ONCE]])
        if start + AT_ONCE < len(below):
            left = len(below) - start - AT_ONCE
            more = QStandardItem(tr("{} more …").format(number(left)))
            more.setEditable(False)
            more.setData(start + AT_ONCE, MORE)
            item.appendRow(more)

    def _mend(self, item: QStandardItem, place: str) -> None:
        """Let an open folder show what is below it now."""
        rows = [item.child(row) for row in range(item.rowCount())]
        known = [row.data(PLACE) for row in rows if row.data(PLACE)]
        below = self.tree.children.get(place, ())
        if known == list(below[: len(known)]) and (
            len(known) == len(below) or len(rows) > len(known)
        ):
            for row in rows:
                if row.data(PLACE):
                    self._count(row, row.data(PLACE))
            return
        item.removeRows(0, item.rowCount())
        self._append(item, 0)
