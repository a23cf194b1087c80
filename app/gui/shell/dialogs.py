"""Windows of their own, each made when it is first asked for, of what it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QWidget

from app.gui.kit.context import Context
from app.gui.kit.style.apply import Dressed
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import counted, tr
from app.gui.shell.rooms import Rooms
from engine.progress import Control
from engine.store.places import ids_under

if TYPE_CHECKING:
    from app.gui.handing.transfer import Choice
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

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme in what paints by itself."""
        painted = self.opened.get("map")
        if painted is not None:
            cast(Dressed, painted).set_colours(colours)

    def transfer(self, collection: str = "") -> None:
        """Transfer the chosen sounds, all that are shown, or a collection."""
        from app.gui.handing.transfer import TransferSounds

        dialog = self.opened.get("transfer")
        if not isinstance(dialog, TransferSounds):
            dialog = self.open("transfer")
            assert isinstance(dialog, TransferSounds)
        dialog.offer(_choices(self._rooms), collection)
        self.open("transfer")

    def edit(self) -> None:
        """Edit the texts of the chosen sounds, or of all that are shown if none is."""
        from app.gui.tagging.edit_dialog import EditSounds

        dialog = self.open("edit")
        assert isinstance(dialog, EditSounds)
        results = self._rooms.results
        dialog.look_at(results.chosen_ids() or [int(i) for i in results.results.ids])

    def transfer_collection(self, name: str) -> None:
        """Transfer the sounds of a collection."""
        self.transfer(name)

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


def _roots(of: Surroundings) -> QDialog:
    from app.gui.library.roots import RootsDialog

    return RootsDialog(of.parent, of.context, of.rooms.roots)


def _cues(of: Surroundings) -> QDialog:
    from app.gui.search.cue_sheet import CueSheet

    return CueSheet(of.parent, of.context, of.rooms.preview.play_part)


def _review(of: Surroundings) -> QDialog:
    from app.gui.tagging.review import ReviewTags

    rooms = of.rooms
    review = ReviewTags(of.parent, of.context, rooms.tagging, rooms.prompts, rooms.preview)
    rooms.library_controller.files_changed.connect(review.follow_files)
    rooms.library_controller.sounds_changed.connect(review.follow_files)
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


def _map(of: Surroundings) -> QDialog:
    from app.gui.library.map.map_window import LibraryMapWindow

    rooms = of.rooms
    window = LibraryMapWindow(of.parent, of.context, rooms.preview, lambda: rooms.indexing.is_on)
    window.show_wanted.connect(rooms.searching.list_only)
    window.collect_wanted.connect(rooms.questions.collect)
    rooms.library_controller.sounds_changed.connect(window.follow_library)
    rooms.library_controller.files_changed.connect(window.follow_library)
    # ids of a list are found by nobody: only a search makes some stand out
    rooms.searching.found.connect(window.highlight)
    window.highlight(rooms.searching.found_ids)
    return window


def _preferences(of: Surroundings) -> QDialog:
    from app.gui.shell.preferences import Preferences

    return Preferences(of.parent, of.rooms, of.actions, of.dressed)


def _shortcuts(of: Surroundings) -> QDialog:
    from app.gui.kit.keys import dialog_keys
    from app.gui.shell.shortcuts import Shortcuts

    return Shortcuts(of.parent, of.actions, dialog_keys(of.context.settings.now.keys))


def _diagnostics(of: Surroundings) -> QDialog:
    from app.gui.shell.diagnostics import Diagnostics

    return Diagnostics(of.parent, of.context, of.rooms.player.outputs)


def _about(of: Surroundings) -> QDialog:
    from app.gui.shell.about import About

    return About(of.parent, of.context)


def _choices(rooms: Rooms) -> list[Choice]:
    """Return what can be transferred: the chosen sounds, the list, each collection."""
    from app.gui.handing.transfer import Choice

    chosen = rooms.results.chosen_ids()
    listed = rooms.results.results.ids
    found = []
    if chosen:
        one, many = tr("the selected sound"), tr("the {} selected sounds")
        found.append(Choice(counted(len(chosen), one, many), chosen))
    if len(listed):
        one, many = tr("the sound in this list"), tr("all {} sounds in this list")
        found.append(Choice(counted(len(listed), one, many), listed))
    overview = rooms.library_controller.overview
    names = overview.collections if overview is not None else {}
    collection = tr("the collection {}")
    return found + [Choice(collection.format(name), collection=name) for name in names]


def _transfer(of: Surroundings) -> QDialog:
    from app.gui.handing.transfer import TransferSounds

    rooms = of.rooms
    return TransferSounds(
        of.parent, of.context, _choices(rooms), rooms.ranges.rendering, rooms.uses
    )


def _edit(of: Surroundings) -> QDialog:
    from app.gui.tagging.edit_dialog import EditSounds

    return EditSounds(of.parent, of.context, of.rooms.editing)


def _team(of: Surroundings) -> QDialog:
    from app.gui.library.team import Team

    return Team(of.parent, of.context)


def _sessions(of: Surroundings) -> QDialog:
    from app.gui.handing.sessions import Sessions

    sessions = Sessions(of.parent, of.context, of.actions["as_heard"])
    sessions.changed.connect(of.rooms.ranges.prepare_soon)
    return sessions


DIALOGS: Mapping[str, Callable[[Surroundings], QDialog]] = {  # by the names of their actions
    "skipped": _skipped,
    "roots": _roots,
    "cues": _cues,
    "review": _review,
    "audit": _audit,
    "duplicates": _duplicates,
    "train": _train,
    "models": _models,
    "map": _map,
    "preferences": _preferences,
    "shortcuts": _shortcuts,
    "diagnostics": _diagnostics,
    "about": _about,
    "transfer": _transfer,
    "sessions": _sessions,
    "team": _team,
    "edit": _edit,
}
