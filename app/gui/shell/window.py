"""The main window: rooms put together, actions wired, state kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QMainWindow, QSplitter, QVBoxLayout, QWidget

from app.gui.kit.buttons import recolour
from app.gui.kit.plain import title_text
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style.palette import Colours
from app.gui.library.overview import Overview
from app.gui.player.sound.devices import Outputs
from app.gui.search.empty_state import Choice
from app.gui.shell.actions import fill_menus, place_actions
from app.gui.shell.commands import Commands
from app.gui.shell.keys import KeysWhileTyping, apply_keys, chosen_keys
from app.gui.shell.leaving import Leaving
from app.gui.shell.libraries import Libraries, library_name
from app.gui.shell.marking_commands import show_labels
from app.gui.shell.middle import Middle
from app.gui.shell.opening import Opening
from app.gui.shell.rights import Rights
from app.gui.shell.rooms import Rooms
from app.gui.shell.teaming import Teaming
from engine.paths import Place, default_library, is_server
from engine.search.filters import FILTERS
from engine.tags.families import FAMILIES, shown_tags

_LEAST_WIDTH, _LEAST_HEIGHT = 900, 560
_TRANSPORT = (
    *("auto_play", "match", "", "reverse", "play", "loop", ""),
    *("slower", "faster", "keep_pitch", "as_heard", "", "zoom_out", "zoom_in", "spectrogram"),
)
_PICTURED = ("linear_scale", "wave_colours", "loudness_curve")  # what waveforms show
_ICONS = {
    "zoom_in": "zoom-in",
    "zoom_out": "zoom-out",
    "auto_play": "auto-play",
    "as_heard": "as-heard",
    "keep_pitch": "keep-pitch",
}


class MainWindow(QMainWindow):
    """The window on one library."""

    def __init__(
        self,
        place: Place,
        settings: SettingsFile,
        colours: Colours,
        outputs: Outputs | None = None,
    ) -> None:
        super().__init__()
        rooms = Rooms(self, place, settings, colours, outputs)
        self.context, self.jobs, self.status = rooms.context, rooms.jobs, rooms.status
        self.prompts, self.questions = rooms.prompts, rooms.questions
        self.bar, self.searching, self.selection = rooms.bar, rooms.searching, rooms.selection
        self.results, self.stack, self.selected_sounds = (
            rooms.results,
            rooms.stack,
            rooms.selected_sounds,
        )
        self.empty, self.welcome = rooms.empty, rooms.welcome
        self.notice, self.following = rooms.notice, rooms.following
        self.folders = rooms.folders
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
        self.tagging, self.serving = rooms.tagging, rooms.serving
        self.others, self.marking = rooms.others, rooms.marking
        self._remembered = (  # actions that are on or off
            *("auto_play", *rooms.hideable, "loop", "as_heard", "match", "keep_pitch"),
            *(f"tags_{family}" for family in FAMILIES),
            *_PICTURED,
        )
        self.repair_wanted = False  # when it has closed
        self.next_library: Place | None = None  # to open when it has closed
        self._make_shell(rooms)
        apply_keys(self.actions_by_name, chosen_keys(settings.now.keys))
        self._lay_out()
        self._wire()
        KeysWhileTyping(self.actions_by_name, self).watch(self)
        self._restore()
        QTimer.singleShot(0, self.opening.begin)

    def _make_shell(self, rooms: Rooms) -> None:
        """Make what opens the library, does what actions say, and closes."""
        self.middle = Middle(rooms, self)
        self.opening = Opening(rooms, self)
        self.libraries = Libraries(self, self.context, self._go_to)
        own = {
            "quit": self._quit,
            "repair": self._repair,
            "open_library": self.libraries.open,
            "open_team_library": self.libraries.open_team,
            "new_library": self.libraries.new,
            "recent_libraries": self.libraries.show_recent,
        }
        self.commands = Commands(self, self, rooms, self.opening, own)
        rights = Rights(self.commands.actions, self.context, self)
        self.teaming = Teaming(rooms, rights, self)
        self.leaving = Leaving(rooms, self.commands.dialogs, self)
        self.opening.opened.connect(self.teaming.begin)
        self.opening.opened.connect(self.leaving.come_back)
        self.opening.opened.connect(self.libraries.remember)
        self.opening.ways_out = self._ways_out()
        self.actions_by_name = self.commands.actions

    def _ways_out(self) -> Sequence[Choice]:
        """Return what can be done about a library that cannot be opened."""
        another = (self.tr("Open another library …"), self.libraries.open)
        if is_server(self.context.place):
            return (
                (self.tr("Try again"), self.opening.again),
                (self.tr("Open team library …"), self.libraries.open_team),
                another,
            )
        return (
            another,
            (self.tr("New library …"), self.libraries.new),
            (self.tr("Repair …"), self._repair),
        )

    # Putting together

    def _lay_out(self) -> None:
        name, place = self.tr("Soundsift"), self.context.place
        own = place == default_library()
        self.setWindowTitle(name if own else title_text(f"{library_name(place)} – {name}"))
        self.libraries.join_menu(self.actions_by_name["recent_libraries"])
        self.setMinimumSize(_LEAST_WIDTH, _LEAST_HEIGHT)
        self.setAcceptDrops(True)
        fill_menus(self.menuBar(), self.actions_by_name)
        lists: list[QWidget] = [self.results, self.sources.tree, self.panel.waveform]
        place_actions(self.actions_by_name, self, lists, [self.results, self.panel.waveform])
        chosen = [(_ICONS.get(n, n), self.actions_by_name.get(n)) for n in _TRANSPORT]
        self.panel.add_buttons(chosen)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        middle = QWidget()
        results = QVBoxLayout(middle)
        results.setContentsMargins(0, 0, 0, 0)
        results.setSpacing(0)
        results.addWidget(self.stack, 1)
        results.addWidget(self.notice)  # below, so that no row moves for it
        for widget in (self.sources, middle, self.inspector):
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
        self.library_controller.overview_changed.connect(self._on_overview)
        self.library_controller.sounds_changed.connect(self._on_sounds)
        self.library_controller.files_changed.connect(self._on_files)
        self.inspector.similar_wanted.connect(self.commands.similar_to)
        self.sources.transfer_wanted.connect(self.commands.dialogs.transfer_collection)
        self.bar.completer.words = self._words
        self.results.menu_wanted.connect(self.commands.show_menu)
        self.status.models_wanted.connect(do["models"].trigger)
        self.status.skipped_wanted.connect(do["skipped"].trigger)
        self.status.team_wanted.connect(do["team"].trigger)
        self.welcome.add_wanted.connect(do["add"].trigger)
        self.sources.add_wanted.connect(do["add"].trigger)
        self.sources.tag_wanted.connect(self.commands.dialogs.review_folder)
        self.sources.folders_dropped.connect(self._index_dropped)
        for button, name in (
            (self.bar.recent, "history"),
            (self.bar.record, "record"),
            (self.sources.add, "add"),
            (self.sources.rescan, "rescan"),
        ):
            button.name_key_of(do[name])

    # What is shown

    def _on_overview(self, overview: Overview) -> None:
        self.sources.show_overview(overview)
        self.status.show_overview(overview)

    def _on_sounds(self) -> None:
        """Show what came, or offer it to whoever listens through the results."""
        self.following.look()
        self.player_controller.look_if_back()

    def _on_files(self) -> None:
        """Show names and files as they are now: whoever changed them expects that."""
        self.results.results.forget()
        self.searching.refresh()
        self.player_controller.look_again()

    def _words(self, key: str) -> Sequence[str]:
        """Return what completes a filter."""
        overview = self.library_controller.overview
        if overview is None:
            return ()
        words = FILTERS[key].completes(overview.facets, overview.collections)
        hidden = {name for name in FAMILIES if not self.actions_by_name[f"tags_{name}"].isChecked()}
        return shown_tags(words, frozenset(hidden)) if key == "tag" else words

    # Looks and state

    def set_colours(self, colours: Colours) -> None:
        """Follow the theme."""
        self.context.colours = colours
        recolour(self, colours)
        show_labels(self.actions_by_name, colours)
        for widget in (self.sources, self.results, self.panel, self.inspector):
            widget.set_colours(colours)
        self.commands.dialogs.set_colours(colours)

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

    def _go_to(self, library: Place) -> None:
        """Close, so that another window opens on a library."""
        self.next_library = library
        if not self._quit():
            self.next_library = None

    def _quit(self) -> bool:
        """Close, unless its user would rather stay; return whether it has closed."""
        return self.leaving.may_go() and self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep the state, end what runs, and go; who closes it by hand is asked first."""
        app = QGuiApplication.instance()
        ends = isinstance(app, QGuiApplication) and app.isSavingSession()  # nobody is there then
        by_hand = event.spontaneous() and not ends
        if by_hand and not self.leaving.may_go():
            event.ignore()
            return
        self._save()
        self.leaving.end()
        self.indexing.leave()
        self.hide()
        self.inspector.clear()  # what is typed there is kept
        self.commands.dialogs.close_all()
        self.recording.finish(search=False)
        self.player.close()
        self.jobs.close()
        self.serving.close()
        self.parts.close()
        if self.context.session is not None:
            self.context.session.close()
            self.context.session = None
        self.leaving.leave()
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
        for name in self._remembered:
            do[name]()
