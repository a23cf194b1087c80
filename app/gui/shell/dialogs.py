"""Windows of their own, each made when it is first asked for, of what it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QWidget

from app.gui.kit.context import Context
from app.gui.kit.style.apply import Dressed
from app.gui.shell.rooms import Rooms
from engine.progress import Control
from engine.store.places import ids_under

if TYPE_CHECKING:
    from app.gui.tagging.review import ReviewTags


@dataclass(frozen=True)
class Surroundings:
    """What a dialog may be made of: the window to stand before, its rooms, its actions."""

    parent: QWidget
    rooms: Rooms
    actions: Mapping[str, QAction]
    dressed: Dressed

    @property
    def context(self) -> Context:
        """Return what all rooms share."""
        return self.rooms.context


class Dialogs(QObject):
    """The dialogs of :data:`DIALOGS` that are open beside one window, by name."""

    def __init__(
        self, parent: QWidget, rooms: Rooms, actions: Mapping[str, QAction], dressed: Dressed
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._surroundings = Surroundings(parent, rooms, actions, dressed)
        self.opened: dict[str, QDialog] = {}

    def open(self, name: str) -> QDialog:
        """Show a dialog, which is made if it is not open."""
        dialog = self.opened.get(name)
        if dialog is None:
            dialog = self.opened[name] = DIALOGS[name](self._surroundings)
            dialog.finished.connect(lambda _: self.opened.pop(name, None))
            dialog.finished.connect(dialog.deleteLater)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
        return dialog

    def review(self) -> None:
        """Review tags of the chosen sounds, or of all that are shown."""
        self._opened_review().look_at(self._rooms.selection.scope())

    def review_folder(self, folder: str) -> None:
        """Review tags of all sounds in a folder."""
        library = self._rooms.context.opened.library

        def look(control: Control) -> list[int]:
            return ids_under(library, folder)

        dialog = self._opened_review()
        self._rooms.jobs.start("read", look, dialog.look_at)

    def close_all(self) -> None:
        """Close what is open beside the window."""
        for dialog in list(self.opened.values()):
            dialog.close()

    def _opened_review(self) -> ReviewTags:
        from app.gui.tagging.review import ReviewTags

        dialog = self.open("review")
        assert isinstance(dialog, ReviewTags)
        return dialog


# What makes each dialog, which is imported when it is first asked for.


def _skipped(of: Surroundings) -> QDialog:
    from app.gui.library.skipped import SkippedFiles

    rooms = of.rooms
    return SkippedFiles(of.parent, of.context, rooms.library_controller, rooms.indexing)


def _cues(of: Surroundings) -> QDialog:
    from app.gui.search.cue_sheet import CueSheet

    return CueSheet(of.parent, of.context, of.rooms.preview.play_part)


def _review(of: Surroundings) -> QDialog:
    from app.gui.tagging.review import ReviewTags

    rooms = of.rooms
    review = ReviewTags(of.parent, of.context, rooms.tagging, rooms.prompts, rooms.preview)
    rooms.library_controller.files_changed.connect(review.follow_files)
    return review


def _audit(of: Surroundings) -> QDialog:
    from app.gui.tagging.audit import AuditNames

    rooms, ids = of.rooms, of.rooms.selection.scope()
    return AuditNames(of.parent, of.context, rooms.tagging, rooms.preview.play_part, ids)


def _duplicates(of: Surroundings) -> QDialog:
    from app.gui.library.duplicates import DuplicatesDialog

    rooms = of.rooms
    return DuplicatesDialog(
        of.parent, of.context, rooms.library_controller, rooms.prompts, rooms.preview
    )


def _train(of: Surroundings) -> QDialog:
    from app.gui.training.training import Training

    training = Training(of.parent, of.context, of.rooms.changing_model.use)
    of.rooms.library_controller.overview_changed.connect(training.follow_model)
    return training


def _models(of: Surroundings) -> QDialog:
    from app.gui.models.models import Models

    models = Models(of.parent, of.context, of.rooms.changing_model)
    of.rooms.library_controller.overview_changed.connect(models.list_models)
    return models


def _preferences(of: Surroundings) -> QDialog:
    from app.gui.shell.preferences import Preferences

    return Preferences(of.parent, of.rooms, of.actions["auto_play"], of.dressed)


def _shortcuts(of: Surroundings) -> QDialog:
    from app.gui.shell.shortcuts import Shortcuts

    return Shortcuts(of.parent)


def _diagnostics(of: Surroundings) -> QDialog:
    from app.gui.shell.diagnostics import Diagnostics

    return Diagnostics(of.parent, of.context, of.rooms.player.outputs)


def _about(of: Surroundings) -> QDialog:
    from app.gui.shell.about import About

    return About(of.parent, of.context)


DIALOGS: Mapping[str, Callable[[Surroundings], QDialog]] = {  # by the names of their actions
    "skipped": _skipped,
    "cues": _cues,
    "review": _review,
    "audit": _audit,
    "duplicates": _duplicates,
    "train": _train,
    "models": _models,
    "preferences": _preferences,
    "shortcuts": _shortcuts,
    "diagnostics": _diagnostics,
    "about": _about,
}
