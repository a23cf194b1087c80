"""Windows of their own, each made when it is first asked for, of what it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QWidget

from app.gui.kit.style.apply import Dressed
from app.gui.shell.rooms import Rooms
from engine.progress import Control
from engine.store.places import ids_under

if TYPE_CHECKING:
    from app.gui.tagging.review import ReviewTags


class Dialogs(QObject):
    """The dialogs that stay open beside one window, by their actions' names."""

    def __init__(
        self, parent: QWidget, rooms: Rooms, actions: Mapping[str, QAction], dressed: Dressed
    ) -> None:
        super().__init__(parent)
        self._parent, self._rooms = parent, rooms
        self._actions, self._dressed = actions, dressed
        self.opened: dict[str, QDialog] = {}

    def open(self, name: str) -> QDialog:
        """Show a dialog, which is made if it is not open."""
        dialog = self.opened.get(name)
        if dialog is None:
            dialog = self.opened[name] = self._make(name)
            dialog.finished.connect(lambda _: self.opened.pop(name, None))
            dialog.finished.connect(dialog.deleteLater)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        return dialog

    def review(self) -> None:
        """Review tags of the chosen sounds, or of all that are shown."""
        self._review().look_at(self._rooms.selection.scope())

    def review_folder(self, folder: str) -> None:
        """Review tags of all sounds in a folder."""
        library = self._rooms.context.opened.library

        def look(control: Control) -> list[int]:
            return ids_under(library, folder)

        dialog = self._review()
        self._rooms.jobs.start("read", look, dialog.look_at)

    def close_all(self) -> None:
        """Close what is open beside the window."""
        for dialog in list(self.opened.values()):
            dialog.close()

    def _review(self) -> ReviewTags:
        from app.gui.tagging.review import ReviewTags

        dialog = self.open("review")
        assert isinstance(dialog, ReviewTags)
        return dialog

    def _make(self, name: str) -> QDialog:
        if name in ("preferences", "shortcuts", "diagnostics", "about"):
            return self._make_own(name)
        rooms, parent, context = self._rooms, self._parent, self._rooms.context
        library_controller, preview = rooms.library_controller, rooms.preview
        if name == "skipped":
            from app.gui.library.skipped import SkippedFiles

            return SkippedFiles(parent, context, library_controller, rooms.indexing)
        if name == "cues":
            from app.gui.search.cue_sheet import CueSheet

            return CueSheet(parent, context, preview.play_part)
        if name == "review":
            from app.gui.tagging.review import ReviewTags

            review = ReviewTags(parent, context, rooms.tagging, rooms.prompts, preview)
            library_controller.files_changed.connect(review.follow_files)
            return review
        if name == "audit":
            from app.gui.tagging.audit import AuditNames

            ids = rooms.selection.scope()
            return AuditNames(parent, context, rooms.tagging, preview.play_part, ids)
        if name == "duplicates":
            from app.gui.library.duplicates import DuplicatesDialog

            return DuplicatesDialog(parent, context, library_controller, rooms.prompts, preview)
        if name == "train":
            from app.gui.training.training import Training

            return Training(parent, context, rooms.changing_model.use)
        from app.gui.models.models import Models

        models = Models(parent, context, rooms.changing_model)
        library_controller.overview_changed.connect(models.list_models)
        return models

    def _make_own(self, name: str) -> QDialog:
        """Return a dialog about the window itself."""
        rooms, parent, context = self._rooms, self._parent, self._rooms.context
        if name == "preferences":
            from app.gui.shell.preferences import Preferences

            return Preferences(parent, rooms, self._actions["auto_play"], self._dressed)
        if name == "shortcuts":
            from app.gui.shell.shortcuts import Shortcuts

            return Shortcuts(parent)
        if name == "diagnostics":
            from app.gui.shell.diagnostics import Diagnostics

            return Diagnostics(parent, context, rooms.player.outputs)
        from app.gui.shell.about import About

        return About(parent, context)
