"""Roots of the library: folders that lie elsewhere on other computers, and where they are here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.plain import PlainLabel, title_text
from app.gui.kit.prompts import Prompts
from app.gui.kit.tables import TextTable
from app.gui.kit.text import counted, number
from app.gui.library.library_controller import LibraryController
from engine.plain_text import one_line
from engine.progress import Control
from engine.store import Library
from engine.store.roots import (
    Root,
    RootChange,
    add_root,
    list_roots,
    mount_root,
    remove_root,
    rename_root,
    unmount_root,
)

_Change = Callable[[Library, Control], RootChange | Root]


class Roots(QObject):
    """Asks what is needed, and changes roots in jobs."""

    changed = Signal()
    unmounted_found = Signal(object)  # the roots that are not mounted here

    def __init__(
        self,
        before: QWidget,
        context: Context,
        prompts: Prompts,
        library_controller: LibraryController,
    ) -> None:
        super().__init__(before)
        self._before, self._context, self._prompts = before, context, prompts
        self._library_controller = library_controller

    def look(self) -> None:
        """Look whether all roots are mounted here."""
        library = self._context.opened.library

        def looked(known: Sequence[Root]) -> None:
            self.unmounted_found.emit([root for root in known if root.folder is None])

        self._context.jobs.start("read", lambda control: list_roots(library), looked)

    def make(self, folder: str) -> None:
        """Ask for a name, and make a folder a root."""
        title, ask = self.tr("Make this a root"), self.tr("Name, for everybody:")
        name, given = QInputDialog.getText(self._before, title, ask, text=Path(folder).name)
        if given:
            said = self.tr("{} is a root now").format(one_line(name))
            self._change(lambda library, c: add_root(library, name, Path(folder), c), said)

    def mount(self, name: str) -> None:
        """Ask where a root is on this computer."""
        title = title_text(self.tr("Where is {} on this computer?").format(name))
        folder = QFileDialog.getExistingDirectory(self._before, title, str(Path.home()))
        if folder:
            said = self.tr("{} is mounted").format(one_line(name))
            self._change(lambda library, c: mount_root(library, name, Path(folder), c), said)

    def unmount(self, name: str) -> None:
        """Say that a root is not here any more."""
        said = self.tr("{} is not mounted on this computer any more").format(one_line(name))
        self._change(lambda library, control: unmount_root(library, name), said)

    def rename(self, name: str) -> None:
        """Ask for another name."""
        title, ask = self.tr("Rename the root"), self.tr("Name, for everybody:")
        new, given = QInputDialog.getText(self._before, title, ask, text=name)
        if given and new != name:
            said = self.tr("The root is called {} now").format(one_line(new))
            self._change(lambda library, control: rename_root(library, name, new, control), said)

    def remove(self, name: str) -> None:
        """Ask whether a root should be a folder of this computer again."""
        said = self.tr(
            "Let {} be no root any more? Its sounds stay in the library, with the paths that they "
            "have on this computer: others who share it will not find their files."
        )
        if self._prompts.confirm(said.format(one_line(name)), self.tr("Remove")):
            told = self.tr("{} is no root any more").format(one_line(name))
            self._change(lambda library, control: remove_root(library, name, control), told)

    def _change(self, change: _Change, said: str) -> None:
        library = self._context.opened.library

        def done(found: RootChange | Root) -> None:
            remark = one_line(found.remark) if isinstance(found, RootChange) else ""
            self._context.say(f"{said}; {remark}" if remark else said, bool(remark))
            self._library_controller.refresh(by_user=True)
            self.changed.emit()

        self._context.jobs.start(
            "write", lambda control: change(library, control), done, title=self.tr("Roots")
        )


class RootsDialog(QDialog):
    """The roots of the library, and where they are here."""

    def __init__(self, parent: QWidget, context: Context, roots: Roots) -> None:
        super().__init__(parent)
        self._context, self._roots = context, roots
        self._known: list[Root] = []
        self.setWindowTitle(self.tr("Roots"))
        fit(self, 760, 360)
        self.says = PlainLabel()
        self.says.setWordWrap(True)
        titles = (self.tr("Root"), self.tr("Sounds"), self.tr("On this computer"))
        self.table = TextTable(titles, wide=2, right=(1,))
        self.table.itemSelectionChanged.connect(self._enable)
        self.mount = push_button(self.tr("Mount …"), lambda: self._do(roots.mount))
        self.unmount = push_button(self.tr("Unmount"), lambda: self._do(roots.unmount))
        self.rename = push_button(self.tr("Rename …"), lambda: self._do(roots.rename))
        self.remove = push_button(self.tr("Remove …"), lambda: self._do(roots.remove))
        buttons = QHBoxLayout()
        for button in (self.mount, self.unmount, self.rename, self.remove):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(push_button(self.tr("Close"), self.close))
        column = QVBoxLayout(self)
        column.addWidget(self.says)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)
        roots.changed.connect(self._read)
        self._enable()
        self._read()

    def _read(self) -> None:
        library = self._context.opened.library
        self._context.jobs.start("read", lambda control: list_roots(library), self._show)

    def _show(self, known: list[Root]) -> None:
        self._known = known
        said = self.tr(
            "There are no roots. Make a folder one in the list on the left, with a right click: "
            "then everybody can say where it is on their computer."
        )
        if known:
            away = sum(root.folder is None for root in known)
            one = self.tr("One root is not mounted on this computer.")
            many = self.tr("{} roots are not mounted on this computer.")
            all_there = self.tr("All roots are mounted on this computer.")
            said = counted(away, one, many) if away else all_there
        self.says.setText(said)
        nowhere = self.tr("not mounted")
        self.table.fill(
            [
                (root.name, number(root.sounds), nowhere if root.folder is None else root.folder)
                for root in known
            ]
        )
        self._enable()

    def _chosen(self) -> Root | None:
        """Return the root of the row that is chosen, or the only one."""
        item = self.table.item(self.table.currentRow(), 0)
        if item is None or not item.isSelected():
            return self._known[0] if len(self._known) == 1 else None
        return next((root for root in self._known if one_line(root.name) == item.text()), None)

    def _enable(self) -> None:
        root = self._chosen()
        is_mounted = root is not None and root.folder is not None
        for button, enabled in (
            (self.mount, root is not None),
            (self.unmount, is_mounted),
            (self.rename, root is not None),
            (self.remove, is_mounted),
        ):
            button.setEnabled(enabled)

    def _do(self, does: Callable[[str], None]) -> None:
        root = self._chosen()
        if root is not None:
            does(root.name)
