"""Questions that change the library: which folder, which name, whether one is sure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, QLocale, QObject, Qt
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from app.gui.kit.plain import title_text
from app.gui.kit.text import counted, number
from engine.plain_text import visible
from engine.progress import Control

if TYPE_CHECKING:
    from app.gui.shell.window import MainWindow
    from engine.tags.run import LatestRun

_LINES = 15  # of what is told in one box


class Asking(QObject):
    """Asks, and lets :class:`app.gui.library.keeping.Keeping` do it."""

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

    def take_back(self, run: LatestRun) -> bool:
        """Ask whether to take a run back, which is told by its time and what it did."""
        began = QDateTime.fromSecsSinceEpoch(int(run.began_s))
        when = QLocale().toString(began, QLocale.FormatType.ShortFormat)
        parts = [self.tr("Take back the run of {}?").format(when)]
        if run.written:
            one, many = self.tr("It wrote into one file."), self.tr("It wrote into {} files.")
            parts.append(counted(run.written, one, many))
        if run.renamed:
            one, many = self.tr("It renamed one file."), self.tr("It renamed {} files.")
            parts.append(counted(run.renamed, one, many))
        return self._sure("\n\n".join(parts), self.tr("Take it back"))

    def tell(self, text: str, rest: Sequence[str] = ()) -> None:
        """Show a text until it was read, with the first lines of the rest."""
        lines = list(rest[:_LINES])
        if len(rest) > _LINES:
            one, many = self.tr("and one more"), self.tr("and {} more")
            lines.append(counted(len(rest) - _LINES, one, many))
        box = self._box("\n\n".join([text, "\n".join(lines)] if lines else [text]))
        box.addButton(QMessageBox.StandardButton.Ok)
        box.open()

    def trash(self, count: int, without_copy: int, only_alike: int, only_damaged: int = 0) -> bool:
        """Ask whether files should go to the trash.

        :param without_copy: of how many sounds no copy would stay.
        :param only_alike: how many of the files have no copy, but sound like others.
        :param only_damaged: of how many sounds only damaged copies would stay.
        """
        one, many = self.tr("Move the file to the trash?"), self.tr("Move {} files to the trash?")
        parts = [counted(count, one, many)]
        if without_copy:
            one = self.tr("Of one sound every copy is chosen: none of it stays.")
            many = self.tr("Of {} sounds every copy is chosen: none of them stays.")
            parts.append(counted(without_copy, one, many))
        if only_damaged:
            one = self.tr("Of one sound only a damaged copy stays.")
            many = self.tr("Of {} sounds only damaged copies stay.")
            parts.append(counted(only_damaged, one, many))
        if only_alike:
            one = self.tr("One of the files only sounds like others: it is no copy.")
            many = self.tr("{} of the files only sound like others: they are no copies.")
            parts.append(counted(only_alike, one, many))
        yes = self.tr("Move all") if len(parts) > 1 else self.tr("Move")
        return self._sure("\n\n".join(parts), yes)

    def _sure(self, question: str, yes: str) -> bool:
        box = self._box(question)
        agree = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.exec()
        return box.clickedButton() is agree

    def _box(self, text: str) -> QMessageBox:
        box = QMessageBox(QMessageBox.Icon.NoIcon, self.tr("Soundsift"), "")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(visible(text))
        box.setParent(self._window, box.windowFlags())
        return box
