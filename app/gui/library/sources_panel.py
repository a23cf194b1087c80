"""The sources: folders, collections, UCS categories and tags, each with counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
    SignalInstance,
)
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QStandardItem,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
)

from app.gui.kit.buttons import IconButton
from app.gui.kit.files import SOUNDS_MIME
from app.gui.kit.plain import PlainLabel, tip
from app.gui.kit.style.icons import icon
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import counted, number
from app.gui.library.overview import Overview
from app.gui.library.sharing import Owners, add_sharing, picture, told
from app.gui.library.sources_model import (
    COLLECTION,
    COUNT,
    FOLDER,
    MORE,
    PLACE,
    TOKEN,
    SourcesModel,
)
from engine.metadata.ucs_names import categories, category_of_tag
from engine.plain_text import one_line
from engine.roots import root_of
from engine.store.folders import FolderTree
from engine.store.listing import FolderCounts
from engine.tags.families import shown_tags

SEARCH = Qt.ItemDataRole.UserRole + 7  # the name of a saved search
TAG = Qt.ItemDataRole.UserRole + 8
_MOST_TAGS = 500
_OPEN = ("folders", "searches", "collections")  # groups that are open at first


class SourcesPanel(QFrame):
    """What there is to search in; ``filter_wanted`` gives a filter of the grammar."""

    filter_wanted = Signal(str)
    everything_wanted = Signal()
    add_wanted = Signal()
    rescan_wanted = Signal(list)
    tag_wanted = Signal(str)
    relink_wanted = Signal(str)
    remove_wanted = Signal(str)
    root_wanted = Signal(str)  # of a folder
    mount_wanted = Signal(str)  # of a root, by its name
    folders_dropped = Signal(list)
    collected = Signal(str, list)  # sounds were dropped on a collection
    collection_wanted = Signal()
    rename_wanted = Signal(str)
    drop_wanted = Signal(str)
    transfer_wanted = Signal(str)
    search_wanted = Signal(str)  # a saved search's text
    rename_search_wanted = Signal(str)
    drop_search_wanted = Signal(str)
    share_wanted = Signal(str, str, bool)  # which table, its label there, with the team or not
    untag_wanted = Signal(str)

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._colours = colours
        self._overview: Overview | None = None
        self._search_counts: Mapping[str, int] = {}
        self._hidden: frozenset[str] = frozenset()  # families of tags
        self.setObjectName("panel")
        self.model = SourcesModel(self)
        self.model.icon = icon("folder", colours.dim)
        self.tree = _Tree(self)
        self.tree.setModel(self.model)
        self.tree.setItemDelegate(_Delegate(self))
        self.tree.setAccessibleName(self.tr("Folders, collections, categories and tags"))
        self.tree.clicked.connect(self._on_chosen)
        self.tree.activated.connect(self._on_chosen)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        head = QHBoxLayout()
        head.setContentsMargins(10, 6, 6, 0)
        title = PlainLabel(self.tr("Library"))
        title.setProperty("role", "title")
        head.addWidget(title, 1)
        self.add = IconButton("folder-add", self.tr("Add a folder of sounds"), colours)
        self.add.clicked.connect(self.add_wanted)
        self.rescan = IconButton("rescan", self.tr("Look for changes in all folders"), colours)
        self.rescan.clicked.connect(lambda: self.rescan_wanted.emit([]))
        head.addWidget(self.add)
        head.addWidget(self.rescan)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(self.tree, 1)

    @property
    def colours(self) -> Colours:
        """Return the colours that it is painted in."""
        return self._colours

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.model.icon = icon("folder", colours.dim)
        overview, self._overview = self._overview, None
        if overview is not None:
            self.show_overview(overview)

    def show_search_counts(self, counts: Mapping[str, int]) -> None:
        """Show how many sounds saved searches find."""
        self._search_counts = counts
        root = self.model.invisibleRootItem()
        for group in (root.child(row) for row in range(root.rowCount())):
            for item in (group.child(row) for row in range(group.rowCount())):
                if item.data(SEARCH) is not None:
                    item.setData(counts.get(item.data(SEARCH)), COUNT)

    def hide_families(self, hidden: frozenset[str]) -> None:
        """Leave families of tags out."""
        if hidden != self._hidden:
            self._hidden = hidden
            overview, self._overview = self._overview, None
            if overview is not None:
                self.show_overview(overview)

    def show_overview(self, overview: Overview) -> None:
        """Show counts; what was open stays open."""
        if overview == self._overview:
            return
        self._overview = overview
        first = not self.model.rowCount()
        unfolded = set(_OPEN) if first else self._unfolded()
        current, scrolled = _key(self.tree.currentIndex()), self.tree.verticalScrollBar().value()
        self.model.clear()
        root = self.model.invisibleRootItem()
        everything = self._item(self.tr("All sounds"), "search", overview.statistics.sounds)
        everything.setData("", TOKEN)
        root.appendRow(everything)
        root.appendRow(self._folders(overview.facets.folders, set(overview.away)))
        root.appendRow(self._searches(overview.searches, overview.search_owners))
        root.appendRow(self._collections(overview.collections, overview.collection_owners))
        counted = Counter(overview.facets.categories)
        counted.update({t: n for t, n in overview.facets.tags.items() if category_of_tag(t)})
        if "ucs" not in self._hidden:
            root.appendRow(self._categories(counted))
        plain = {t: n for t, n in overview.facets.tags.items() if not category_of_tag(t)}
        if not {"audioset", "other"} <= self._hidden:
            root.appendRow(self._tags({t: plain[t] for t in shown_tags(list(plain), self._hidden)}))
        for item in self._opened(unfolded):
            if current and _key(item.index()) == current:
                self.tree.setCurrentIndex(item.index())
        self.tree.verticalScrollBar().setValue(scrolled)

    def show_tree(self, tree: FolderTree) -> None:
        """Show which folders lie below the indexed ones, and how many sounds in each."""
        self.model.put_tree(tree)
        self.tree.viewport().update()

    def _unfolded(self) -> set[str]:
        """Return what is open."""
        found = (item for item in self._opened(()) if self.tree.isExpanded(item.index()))
        return {_key(item.index()) for item in found}

    def _opened(self, unfolded: Collection[str]) -> Iterator[QStandardItem]:
        """Give all items that are not folded away, after unfolding some."""
        root = self.model.invisibleRootItem()
        waiting = [root.child(row) for row in reversed(range(root.rowCount()))]
        while waiting:
            item = waiting.pop()
            yield item
            if _key(item.index()) in unfolded:
                self.model.fetchMore(item.index())  # the view may do that later only
                self.tree.expand(item.index())
            if self.tree.isExpanded(item.index()):
                waiting += [item.child(row) for row in reversed(range(item.rowCount()))]

    def _folders(self, folders: Mapping[str, FolderCounts], away: set[str]) -> QStandardItem:
        group = self._group(self.tr("Folders"), "folder", "folders")
        for path, counts in folders.items():
            is_away = path in away or (counts.offline and not counts.sounds)
            is_elsewhere = is_away or root_of(path) is not None
            item = self._item(Path(path).name or path, "offline" if is_elsewhere else "folder")
            item.setData(counts.offline if is_away else counts.sounds, COUNT)
            item.setData(f'in:"{path}"', TOKEN)
            item.setData(path, FOLDER)
            item.setData(path, PLACE)
            item.setData(path, Qt.ItemDataRole.UserRole)
            state = counted(counts.sounds, self.tr("one sound"), self.tr("{} sounds"))
            if counts.waiting:
                state += self.tr(", {} not yet listened to").format(number(counts.waiting))
            if is_away:
                state = self.tr("offline: connect its drive, or relink it")
            elif is_elsewhere:
                state += self.tr(", not mounted on this computer")
            item.setToolTip(tip(f"{path}\n{state}"))
            group.appendRow(item)
        return group

    def _searches(self, known: Mapping[str, str], owners: Owners) -> QStandardItem:
        group = self._group(self.tr("Saved searches"), "history", "searches")
        for name, text in known.items():
            shown = picture(owners, name, "search")
            item = self._item(name, shown, self._search_counts.get(name))
            item.setData(text, TOKEN)
            item.setData(name, SEARCH)
            item.setToolTip(tip("\n".join(filter(None, (text, told(owners, name))))))
            group.appendRow(item)
        return group

    def _collections(self, counted: Mapping[str, int], owners: Owners) -> QStandardItem:
        group = self._group(self.tr("Collections"), "collection", "collections")
        for name, count in counted.items():
            item = self._item(name, picture(owners, name, "collection"), count)
            item.setToolTip(tip(told(owners, name)))
            item.setData(f'coll:"{name}"', TOKEN)
            item.setData(name, COLLECTION)
            group.appendRow(item)
        return group

    def _categories(self, counted: Mapping[str, int]) -> QStandardItem:
        group = self._group(self.tr("UCS categories"), "category", "categories")
        tree: dict[str, list[tuple[str, str, int]]] = {}
        for cat_id, count in counted.items():
            known = categories().get(cat_id.lower())
            if known is not None:
                tree.setdefault(known.category, []).append((known.subcategory, cat_id, count))
        for category, parts in sorted(tree.items()):
            item = self._item(category.title(), "category", sum(p[2] for p in parts))
            item.setData(category, Qt.ItemDataRole.UserRole)
            prefix = _common([cat_id for _, cat_id, _ in parts])
            item.setData(f"cat:{prefix}*", TOKEN)
            for name, cat_id, count in sorted(parts):
                child = self._item(name.title(), "", count)
                child.setData(f"cat:{cat_id}", TOKEN)
                child.setToolTip(tip(cat_id))
                item.appendRow(child)
            group.appendRow(item)
        return group

    def _tags(self, counted: Mapping[str, int]) -> QStandardItem:
        group = self._group(self.tr("Tags"), "tag", "tags")
        for label, count in list(counted.items())[:_MOST_TAGS]:
            item = self._item(label, "tag", count)
            item.setData(f'tag:"{label}"', TOKEN)
            item.setData(label, TAG)
            group.appendRow(item)
        return group

    def _group(self, title: str, picture: str, name: str) -> QStandardItem:
        item = self._item(title, picture)
        item.setData(name, Qt.ItemDataRole.UserRole)
        return item

    def _item(self, title: str, picture: str, count: int | None = None) -> QStandardItem:
        item = QStandardItem(one_line(title))
        item.setEditable(False)
        if picture:
            item.setIcon(icon(picture, self._colours.dim))
        item.setData(count, COUNT)
        return item

    def _on_chosen(self, index: QModelIndex) -> None:
        token = index.data(TOKEN)
        if index.data(SEARCH) is not None:
            self.search_wanted.emit(token)
        elif index.data(MORE):
            self.model.show_more(self.model.itemFromIndex(index))
        elif token:
            self.filter_wanted.emit(token)
        elif token == "":
            self.everything_wanted.emit()
        else:
            self.tree.setExpanded(index, not self.tree.isExpanded(index))

    def _for_folder(self, folder: str) -> list[tuple[str, SignalInstance, object]]:
        """Return what can be done with an indexed folder: a title, the signal, and what it says."""
        remove = (self.tr("Remove from the library …"), self.remove_wanted, folder)
        root = root_of(folder)
        if root is not None:
            return [(self.tr("Mount on this computer …"), self.mount_wanted, root), remove]
        return [
            (self.tr("Look for changes"), self.rescan_wanted, [folder]),
            (self.tr("Suggest tags …"), self.tag_wanted, folder),
            (self.tr("Relink a moved folder …"), self.relink_wanted, folder),
            (self.tr("Make this a root …"), self.root_wanted, folder),
            remove,
        ]

    def _show_menu(self, point: QPoint) -> None:
        index = self.tree.indexAt(point)
        menu = QMenu(self)
        folder, collection = index.data(FOLDER), index.data(COLLECTION)
        place = index.data(PLACE)
        if folder:
            for title, signal, given in self._for_folder(folder):
                menu.addAction(title).triggered.connect(
                    lambda _=False, signal=signal, given=given: signal.emit(given)
                )
        elif place:
            menu.addAction(self.tr("Suggest tags …")).triggered.connect(
                lambda: self.tag_wanted.emit(place)
            )
        elif index.data(SEARCH) is not None:
            name = index.data(SEARCH)
            menu.addAction(self.tr("Rename …")).triggered.connect(
                lambda: self.rename_search_wanted.emit(name)
            )
            menu.addAction(self.tr("Delete the saved search")).triggered.connect(
                lambda: self.drop_search_wanted.emit(name)
            )
            self._offer_sharing(menu, "saved_searches", name)
        elif index.data(TAG) is not None:
            label = index.data(TAG)
            menu.addAction(self.tr("Remove this tag everywhere …")).triggered.connect(
                lambda: self.untag_wanted.emit(label)
            )
        elif collection:
            menu.addAction(self.tr("Transfer …")).triggered.connect(
                lambda: self.transfer_wanted.emit(collection)
            )
            menu.addAction(self.tr("Rename …")).triggered.connect(
                lambda: self.rename_wanted.emit(collection)
            )
            menu.addAction(self.tr("Delete the collection …")).triggered.connect(
                lambda: self.drop_wanted.emit(collection)
            )
            self._offer_sharing(menu, "collections", collection)
        else:
            menu.addAction(self.tr("Add a folder …")).triggered.connect(self.add_wanted)
            menu.addAction(self.tr("New collection …")).triggered.connect(self.collection_wanted)
        menu.popup(self.tree.viewport().mapToGlobal(point))

    def _offer_sharing(self, menu: QMenu, what: str, label: str) -> None:
        overview = self._overview
        if overview is not None:
            in_searches = what == "saved_searches"
            owners = overview.search_owners if in_searches else overview.collection_owners
            add_sharing(menu, owners, label, lambda on: self.share_wanted.emit(what, label, on))


class _Tree(QTreeView):
    """The tree, onto which folders and rows can be dropped."""

    def __init__(self, panel: SourcesPanel) -> None:
        super().__init__()
        self._panel = panel
        self.setHeaderHidden(True)
        self.setIndentation(14)
        self.setUniformRowHeights(True)
        self.setExpandsOnDoubleClick(False)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setAcceptDrops(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome folders and our own rows."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show where a drop would go."""
        if event.mimeData().hasFormat(SOUNDS_MIME):
            target = self.indexAt(event.position().toPoint())
            self.setCurrentIndex(target)
            event.setAccepted(bool(target.data(COLLECTION)))
        else:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Collect rows, index folders."""
        data = event.mimeData()
        name = self.indexAt(event.position().toPoint()).data(COLLECTION)
        if data.hasFormat(SOUNDS_MIME):
            if name:
                text = bytes(data.data(SOUNDS_MIME).data()).decode()
                self._panel.collected.emit(name, [int(i) for i in text.split(",") if i])
                event.acceptProposedAction()
            return
        paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        folders = [path for path in paths if Path(path).is_dir()]
        if folders:
            event.acceptProposedAction()
            self._panel.folders_dropped.emit(folders)


class _Delegate(QStyledItemDelegate):
    """Paints the count at the right of an item."""

    def __init__(self, panel: SourcesPanel) -> None:
        super().__init__(panel)
        self._panel = panel

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        count = index.data(COUNT)
        if count is None:
            super().paint(painter, option, index)
            return
        text = number(count)
        width = option.fontMetrics.horizontalAdvance(text) + 12
        full = QRect(option.rect)
        option.rect = full.adjusted(0, 0, -width, 0)
        super().paint(painter, option, index)
        painter.setPen(QColor(self._panel.colours.dim))
        where = full.adjusted(0, 0, -8, 0)
        painter.drawText(where, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)


def _key(index: QModelIndex) -> str:
    """Return what an item is known by when the tree is made anew."""
    return str(index.data(Qt.ItemDataRole.UserRole) or index.data(TOKEN) or "")


def _common(cat_ids: list[str]) -> str:
    """Return what the CatIDs of a category begin with: their capitals."""
    first = cat_ids[0]
    end = next((n for n, c in enumerate(first) if c.islower()), len(first)) - 1
    return first[: max(1, end)]
