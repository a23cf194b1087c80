"""The main window: rooms put together, actions wired, state kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QVBoxLayout, QWidget

from app.gui.kit.buttons import recolour
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style.palette import Colours
from app.gui.library.overview import Overview
from app.gui.player.sound.devices import Outputs
from app.gui.search.requests import Found
from app.gui.shell.actions import fill_menus, place_actions
from app.gui.shell.commands import Commands
from app.gui.shell.opening import Opening
from app.gui.shell.rooms import Rooms
from engine.search.filters import FILTERS

_LEAST_WIDTH, _LEAST_HEIGHT = 900, 560
_TRANSPORT = (
    *("auto_play", "", "reverse", "play", "loop", "", "slower", "faster", ""),
    *("zoom_out", "zoom_in", "spectrogram"),
)
_ICONS = {
    "zoom_in": "zoom-in",
    "zoom_out": "zoom-out",
    "auto_play": "auto-play",
}


class MainWindow(QMainWindow):
    """The window on one library."""

    def __init__(
        self,
        library_path: Path,
        settings: SettingsFile,
        colours: Colours,
        outputs: Outputs | None = None,
    ) -> None:
        super().__init__()
        rooms = Rooms(self, library_path, settings, colours, outputs)
        self.context, self.jobs, self.status = rooms.context, rooms.jobs, rooms.status
        self.prompts, self.questions = rooms.prompts, rooms.questions
        self.bar, self.searching, self.selection = rooms.bar, rooms.searching, rooms.selection
        self.results, self.stack, self.selected_sounds = (
            rooms.results,
            rooms.stack,
            rooms.selected_sounds,
        )
        self.empty, self.welcome = rooms.empty, rooms.welcome
        self.player, self.panel, self.player_controller = (
            rooms.player,
            rooms.panel,
            rooms.player_controller,
        )
        self.inspector, self.recording = rooms.inspector, rooms.recording
        self.parts, self.ranges = rooms.parts, rooms.ranges
        self.sources, self.library_controller, self.indexing = (
            rooms.sources,
            rooms.library_controller,
            rooms.indexing,
        )
        self.tagging = rooms.tagging
        self._remembered = ("auto_play", *rooms.hideable, "loop")  # actions that are on or off
        self.repair_wanted = False  # when it has closed
        self.opening = Opening(rooms, self)
        own = {"quit": self.close, "repair": self._repair}
        self.commands = Commands(self, self, rooms, self.opening, own)
        self.actions_by_name = self.commands.actions
        self._lay_out()
        self._wire()
        self._restore()
        QTimer.singleShot(0, self.opening.begin)

    # Putting together

    def _lay_out(self) -> None:
        self.setWindowTitle(self.tr("Soundsift"))
        self.setMinimumSize(_LEAST_WIDTH, _LEAST_HEIGHT)
        self.setAcceptDrops(True)
        fill_menus(self.menuBar(), self.actions_by_name)
        lists: list[QWidget] = [self.results, self.sources.tree, self.panel.waveform]
        place_actions(self.actions_by_name, self, lists, [self.results, self.panel.waveform])
        chosen = [(_ICONS.get(n, n), self.actions_by_name.get(n)) for n in _TRANSPORT]
        self.panel.add_buttons(chosen)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        for widget in (self.sources, self.stack, self.inspector):
            self.columns.addWidget(widget)
        self.columns.setStretchFactor(1, 1)
        self.columns.setSizes([220, 820, 270])
        self.columns.setChildrenCollapsible(False)
        self.rows = QSplitter(Qt.Orientation.Vertical)
        self.rows.addWidget(self.columns)
        self.rows.addWidget(self.panel)
        self.rows.setStretchFactor(0, 1)
        self.rows.setSizes([600, 170])
        self.rows.setChildrenCollapsible(False)
        top = QWidget()
        above = QVBoxLayout(top)
        above.setContentsMargins(10, 6, 10, 8)
        above.addWidget(self.bar)
        body = QWidget()
        body.setObjectName("body")
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(top)
        column.addWidget(self.rows, 1)
        column.addWidget(self.status)
        self.setCentralWidget(body)
        self.setTabOrder(self.bar.text, self.results)
        self.bar.text.setFocus()

    def _wire(self) -> None:
        do = self.actions_by_name
        self.searching.answered.connect(self._on_answered)
        self.library_controller.overview_changed.connect(self._on_overview)
        self.library_controller.sounds_changed.connect(self._on_sounds)
        self.library_controller.files_changed.connect(self._on_files)
        self.inspector.similar_wanted.connect(self.commands.similar_to)
        self.bar.completer.words = self._words
        self.results.menu_wanted.connect(self.commands.show_menu)
        self.status.models_wanted.connect(do["models"].trigger)
        self.status.skipped_wanted.connect(do["skipped"].trigger)
        self.welcome.add_wanted.connect(do["add"].trigger)
        self.sources.add_wanted.connect(do["add"].trigger)
        self.sources.tag_wanted.connect(self.commands.dialogs.review_folder)
        self.sources.folders_dropped.connect(self._index_dropped)

    # What is shown

    def _on_overview(self, overview: Overview) -> None:
        self.sources.show_overview(overview)
        self.status.show_overview(overview)
        known = overview.statistics
        if not overview.facets.folders and not known.sounds and not known.offline:
            if not self.indexing.is_on:
                self.stack.setCurrentWidget(self.welcome)
        elif self.stack.currentWidget() is self.welcome:
            self.stack.setCurrentWidget(self.empty)
            self.searching.ask()
        if known.windows:
            self.searching.warm_up()

    def _on_sounds(self) -> None:
        """Show what came, unless somebody is listening through the results of a search."""
        self.results.results.forget()
        found = self.results.results.found
        if found.asked.is_empty or found.words_only or not len(found.ids):
            self.searching.refresh()

    def _on_files(self) -> None:
        """Show names and files as they are now: whoever changed them expects that."""
        self.results.results.forget()
        self.searching.refresh()
        self.player_controller.look_again()

    def _on_answered(self, found: Found) -> None:
        self.status.show_also(found.answer.also if found.answer is not None else "")
        nothing_known = self.library_controller.overview is not None and not (
            self.library_controller.overview.facets.folders or len(found.ids)
        )
        if nothing_known and found.asked.is_empty and not self.indexing.is_on:
            self.stack.setCurrentWidget(self.welcome)

    def _words(self, key: str) -> Sequence[str]:
        """Return what completes a filter."""
        overview = self.library_controller.overview
        if overview is None:
            return ()
        return FILTERS[key].completes(overview.facets, overview.collections)

    # Looks and state

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self.context.colours = colours
        recolour(self, colours)
        for widget in (self.sources, self.results, self.panel, self.inspector):
            widget.set_colours(colours)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome folders anywhere."""
        if any(Path(url.toLocalFile()).is_dir() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Index folders that were dropped."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self._index_dropped([path for path in paths if Path(path).is_dir()])

    def _index_dropped(self, folders: list[str]) -> None:
        if folders and self.opening.has_library():
            self.indexing.index(folders)

    def _repair(self) -> None:
        """Ask whether to check and repair the library; the window closes for it."""
        question = self.tr(
            "Check the library, and save what can be saved if it is damaged?\n\nThe window "
            "closes, and opens again afterwards. Your sounds are not touched."
        )
        if self.prompts.confirm(question, self.tr("Check and repair")):
            self.repair_wanted = True
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep the state, end what runs, and go."""
        self._save()
        self.indexing.leave()
        self.hide()
        self.commands.dialogs.close_all()
        self.recording.finish(search=False)
        self.player.close()
        self.jobs.close()
        self.parts.close()
        if self.context.session is not None:
            self.context.session.close()
            self.context.session = None
        super().closeEvent(event)

    def _save(self) -> None:
        settings, actions = self.context.settings, self.actions_by_name
        toggles: dict[str, Any] = {name: actions[name].isChecked() for name in self._remembered}
        settings.keep(
            replace(
                settings.now,
                geometry=bytes(self.saveGeometry().data()),
                columns=bytes(self.columns.saveState().data()),
                rows=bytes(self.rows.saveState().data()),
                result_columns=self.results.column_state(),
                history=tuple(self.bar.history),
                query=self.bar.query.text,
                gain_db=self.panel.gain.value(),
                **toggles,
            )
        )
        settings.flush()

    def _restore(self) -> None:
        kept = self.context.settings.now
        for state, restore in (
            (kept.geometry, self.restoreGeometry),
            (kept.columns, self.columns.restoreState),
            (kept.rows, self.rows.restoreState),
        ):
            if state:
                restore(QByteArray(state))
        self.results.restore_columns(kept.result_columns)
        if not kept.geometry:
            self.resize(1280, 760)
        self.bar.history = list(kept.history)
        self.bar.set_text(kept.query)
        self.panel.gain.setValue(kept.gain_db)
        self.player.set_device(kept.output or None)
        self.indexing.threads = kept.threads
        do = self.commands.table()
        for name in self._remembered:
            self.actions_by_name[name].setChecked(getattr(kept, name))
            do[name]()
