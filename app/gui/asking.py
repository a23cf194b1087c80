"""Questions that change the library: which folder, which name, whether one is sure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from app.gui.text import number
from app.gui.widgets.plain import title_text
from engine.progress import Control

if TYPE_CHECKING:
    from app.gui.window import MainWindow


class Asking(QObject):
    """Asks, and lets :class:`app.gui.keeping.Keeping` do it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window

    def add(self) -> None:
        """Ask for a folder and index it."""
        title = self.tr("Add a folder of sounds")
        folder = QFileDialog.getExistingDirectory(self._window, title, str(Path.home()))
        if folder:
            self._window.indexing.index([folder])

    def relink(self, old: str) -> None:
        """Ask where a folder is now."""
        title = title_text(self.tr("Where is {} now?").format(old))
        new = QFileDialog.getExistingDirectory(self._window, title, str(Path(old).parent))
        if new:
            self._window.keeping.relink(old, new)

    def forget(self, folder: str) -> None:
        """Ask whether a folder should leave the library."""
        said = self.tr(
            "Take {} out of the library? What was heard and tagged there is forgotten; the files "
            "stay where they are."
        )
        if self._sure(said.format(folder), self.tr("Take it out")):
            self._window.keeping.forget(folder)

    def new_collection(self) -> None:
        """Ask for the name of a new collection."""
        title, ask = self.tr("New collection"), self.tr("Its name:")
        name, given = QInputDialog.getText(self._window, title, ask)
        if given:
            self._window.keeping.collect(name, [])

    def rename_collection(self, name: str) -> None:
        """Ask for another name."""
        title, ask = self.tr("Rename the collection"), self.tr("Its name:")
        new, given = QInputDialog.getText(self._window, title, ask, text=name)
        if given and new != name:
            self._window.keeping.rename_collection(name, new)

    def drop_collection(self, name: str) -> None:
        """Ask whether a collection should be forgotten."""
        said = self.tr("Delete the collection {}? Its sounds stay in the library.")
        if self._sure(said.format(name), self.tr("Delete")):
            self._window.keeping.drop_collection(name)

    def collect(self) -> None:
        """Put the chosen sounds into the collection that was last used, or ask for one."""
        window = self._window
        ids = window.results.chosen_ids()
        if not ids:
            return
        names = list(window.keeping.overview.collections) if window.keeping.overview else []
        last = str(window.context.settings.value("collections/last") or "")
        if last not in names:
            title, ask = self.tr("Add to a collection"), self.tr("Its name:")
            last, given = QInputDialog.getItem(window, title, ask, names, 0, True)
            if not given:
                return
        window.context.settings.setValue("collections/last", last)
        window.keeping.collect(last, ids)

    def tag(self) -> None:
        """Ask for a tag of the chosen sounds."""
        ids = self._window.results.chosen_ids()
        if not ids:
            return
        title = self.tr("Tag {} sounds").format(number(len(ids)))
        label, given = QInputDialog.getText(self._window, title, self.tr("Tag:"))
        label = " ".join(label.split())
        if given and label:
            self._window.tagging.accept([(i, label) for i in ids])

    def export(self) -> None:
        """Ask for a file, and write the rows that are shown into it as a table."""
        window = self._window
        title = self.tr("Export this list")
        kinds = self.tr("Tables (*.csv *.txt *.tsv *.json)")
        name, _ = QFileDialog.getSaveFileName(window, title, "sounds.csv", kinds)
        if not name:
            return
        path, library = Path(name), window.context.opened.library
        ids = [int(sound_id) for sound_id in window.results.results.ids]
        said = self.tr("{} sounds written to {}").format(number(len(ids)), path.name)

        def write(control: Control) -> None:
            from engine.search.export import export, format_of

            export(library, ids, path, format_of(path), control)

        window.jobs.start(
            "read", write, lambda _: window.status.say(said), title=self.tr("Exporting")
        )

    def repair(self) -> None:
        """Ask whether to check and repair the library; the window closes for it."""
        question = self.tr(
            "Check the library, and save what can be saved if it is damaged?\n\n"
            "The window closes meanwhile, and opens again. Your sounds are not touched."
        )
        if self._sure(question, self.tr("Check and repair")):
            self._window.repair_wanted = True
            self._window.close()

    def tell(self, text: str) -> None:
        """Show a text until it was read."""
        box = self._box(text)
        box.addButton(QMessageBox.StandardButton.Ok)
        box.open()

    def trash(self, count: int, without_copy: int, only_alike: int) -> bool:
        """Ask whether files should go to the trash.

        :param without_copy: of how many sounds no copy would stay.
        :param only_alike: how many of the files have no copy, but sound like others.
        """
        question = self.tr("Move {} files to the trash?").format(number(count))
        if without_copy:
            said = self.tr("Of {} sounds every copy is chosen: none of them stays.")
            question += "\n\n" + said.format(number(without_copy))
        if only_alike:
            said = self.tr("{} of the files only sound like others: they are no copies.")
            question += "\n\n" + said.format(number(only_alike))
        yes = self.tr("Move them all") if without_copy or only_alike else self.tr("Move them")
        return self._sure(question, yes)

    def _sure(self, question: str, yes: str) -> bool:
        box = self._box(question)
        agree = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.exec()
        return box.clickedButton() is agree

    def _box(self, text: str) -> QMessageBox:
        box = QMessageBox(QMessageBox.Icon.NoIcon, self.tr("Soundsift"), "")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(text)
        box.setParent(self._window, box.windowFlags())
        return box
