"""Questions that change the library: which folder, which name, whether one is sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from app.gui.kit.context import Context
from app.gui.kit.plain import title_text
from app.gui.kit.prompts import Prompts
from app.gui.library.indexing import Indexing
from app.gui.library.library_controller import LibraryController


class LibraryQuestions(QObject):
    """Asks, and lets :class:`LibraryController` and :class:`Indexing` do it."""

    def __init__(
        self,
        before: QWidget,
        context: Context,
        prompts: Prompts,
        library_controller: LibraryController,
        indexing: Indexing,
    ) -> None:
        super().__init__(before)
        self._before, self._context, self._prompts = before, context, prompts
        self._library_controller, self._indexing = library_controller, indexing

    def add(self) -> None:
        """Ask for a folder and index it."""
        title = self.tr("Add a folder of sounds")
        folder = QFileDialog.getExistingDirectory(self._before, title, str(Path.home()))
        if folder:
            self._indexing.index([folder])

    def relink(self, old: str) -> None:
        """Ask where a folder is now."""
        title = title_text(self.tr("Where is {} now?").format(old))
        new = QFileDialog.getExistingDirectory(self._before, title, str(Path(old).parent))
        if new:
            self._library_controller.relink(old, new)

    def forget(self, folder: str) -> None:
        """Ask whether a folder should leave the library."""
        said = self.tr(
            "Remove {} from the library? Its index, tags, stars and notes are deleted; the "
            "files stay where they are."
        )
        if self._prompts.confirm(said.format(folder), self.tr("Remove")):
            self._library_controller.forget(folder)

    def new_collection(self) -> None:
        """Ask for the name of a new collection."""
        title, ask = self.tr("New collection"), self.tr("Name:")
        name, given = QInputDialog.getText(self._before, title, ask)
        if given:
            self._library_controller.collect(name, [])

    def rename_collection(self, name: str) -> None:
        """Ask for another name."""
        title, ask = self.tr("Rename the collection"), self.tr("Name:")
        new, given = QInputDialog.getText(self._before, title, ask, text=name)
        if given and new != name:
            self._library_controller.rename_collection(name, new)

    def drop_collection(self, name: str) -> None:
        """Ask whether a collection should be forgotten."""
        said = self.tr("Delete the collection {}? Its sounds stay in the library.")
        if self._prompts.confirm(said.format(name), self.tr("Delete")):
            self._library_controller.drop_collection(name)

    def save_search(self, text: str, by_sound: bool) -> None:
        """Ask for the name of a search, and keep it.

        :param by_sound: sounds are searched by, which cannot be kept.
        """
        if by_sound:
            self._context.say(
                self.tr("A search by sound cannot be saved, only words and filters"), True
            )
        elif not text.strip():
            self._context.say(self.tr("There is nothing to save: search for something first"), True)
        else:
            title, ask = self.tr("Save the search"), self.tr("Name:")
            name, given = QInputDialog.getText(self._before, title, ask, text=text)
            if given:
                self._library_controller.save_search(name, text)

    def rename_search(self, name: str) -> None:
        """Ask for another name of a saved search."""
        title, ask = self.tr("Rename the saved search"), self.tr("Name:")
        new, given = QInputDialog.getText(self._before, title, ask, text=name)
        if given and new != name:
            self._library_controller.rename_search(name, new)

    def collect(self, ids: Sequence[int]) -> None:
        """Put sounds into the collection that was last used, or ask for one."""
        if not ids:
            return
        overview, settings = self._library_controller.overview, self._context.settings
        names = list(overview.collections) if overview else []
        last = settings.now.collection
        if last not in names:
            title, ask = self.tr("Add to a collection"), self.tr("Name:")
            last, given = QInputDialog.getItem(self._before, title, ask, names, 0, True)
            if not given:
                return
        settings.keep(replace(settings.now, collection=last))
        self._library_controller.collect(last, ids)
