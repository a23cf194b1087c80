"""The main window: panels put together, actions wired, state kept."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.gui.kit.asking import Asking
from app.gui.kit.buttons import recolour
from app.gui.kit.context import Context
from app.gui.kit.jobs import Jobs
from app.gui.kit.style.palette import Colours
from app.gui.kit.workspace import Workspace
from app.gui.library.indexing import Indexing
from app.gui.library.keeping import Keeping
from app.gui.library.overview import Overview
from app.gui.library.questions import LibraryQuestions
from app.gui.library.sources_panel import SourcesPanel
from app.gui.player.audition import Audition
from app.gui.player.inspector import Inspector
from app.gui.player.listening import Listener
from app.gui.player.parts import Parts
from app.gui.player.player_panel import PlayerPanel
from app.gui.player.ranges import Ranges
from app.gui.player.recording import Recording
from app.gui.player.sound.devices import Outputs
from app.gui.player.sound.player import Player
from app.gui.search.choosing import Choosing
from app.gui.search.empty_state import EmptyState, Welcome
from app.gui.search.finding import Found
from app.gui.search.results_model import ResultsModel
from app.gui.search.results_view import ResultsView
from app.gui.search.search_bar import SearchBar
from app.gui.search.searching import Searching
from app.gui.shell.actions import fill_menus, make_actions, place_actions
from app.gui.shell.commands import Commands
from app.gui.shell.status_bar import StatusBar
from app.gui.tagging.tagging import Tagging
from engine.metadata.ucs_names import categories
from engine.store.copies import damage_of, damaged

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
        settings: QSettings,
        colours: Colours,
        outputs: Outputs | None = None,
    ) -> None:
        super().__init__()
        self.jobs = Jobs(self)
        self.status = StatusBar(self.jobs, colours)
        self.context = Context(library_path, self.jobs, settings, colours, self.status.say)
        self.player = Player(outputs, self)
        self.bar = SearchBar(colours)
        self.sources = SourcesPanel(colours)
        self.results = ResultsView(ResultsModel(self), colours)
        self.panel = PlayerPanel(self.player, colours)
        self.inspector = Inspector(colours)
        self.empty, self.welcome = EmptyState(), Welcome()
        self.stack = QStackedWidget()
        for page in (self.results, self.empty, self.welcome):
            self.stack.addWidget(page)
        self.stack.setCurrentWidget(self.empty)
        self.keeping = Keeping(self.context, self)
        self.tagging = Tagging(self.context, self.keeping)
        self.indexing = Indexing(self.context, self.keeping)
        self.searching = Searching(self.context, self.bar, self.results, self.stack, self.empty)
        self.audition = Audition(
            self.context,
            self.player,
            self.panel,
            self.inspector,
            lambda: self.results.results.found.answer,
        )
        self.choosing = Choosing(self.results)
        self.parts = Parts(self.context)
        self.ranges = Ranges(self.context, self.audition, self.panel.waveform, self.parts)
        self.listening = Listener(self.audition, self.player)
        self.asking, self.recording = Asking(self), Recording(self.context, self.player)
        self.questions = LibraryQuestions(
            self, self.context, self.asking, self.keeping, self.indexing
        )
        self.repair_wanted = False  # when it has closed
        self._trouble = ""  # why there is no library
        self.commands = Commands(self)
        self.actions_by_name: dict[str, QAction] = make_actions(self, self.commands.table())
        self._lay_out()
        self._wire()
        self._restore()
        QTimer.singleShot(0, self._open)

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
        say, do = self.status.say, self.actions_by_name
        self.jobs.told.connect(lambda text: say(text, True))
        self.player.told.connect(lambda text: say(text, True, True))
        self.searching.answered.connect(self._on_answered)
        self.keeping.overview_changed.connect(self._on_overview)
        self.keeping.sounds_changed.connect(self._on_sounds)
        self.keeping.files_changed.connect(self._on_files)
        self.keeping.tags_changed.connect(self.results.results.forget)
        self.keeping.tags_changed.connect(lambda _: self.audition.look_again())
        tags = self.tagging
        self.inspector.tag_added.connect(lambda i, tag: tags.accept([(i, tag)]))
        self.inspector.tag_removed.connect(lambda i, tag: tags.reject([(i, tag)]))
        self.inspector.tag_rejected.connect(lambda i, tag: tags.reject([(i, tag)]))
        self.inspector.similar_wanted.connect(lambda path: self.commands.similar_to(Path(path)))
        self.choosing.looked_at.connect(self.audition.look_at)
        self.choosing.started.connect(self.audition.hear)
        self.results.results.modelReset.connect(self.audition.wait)
        self.audition.played.connect(self.bar.remember)
        self.recording.changed.connect(self.bar.record.setChecked)
        self.recording.recorded.connect(self.bar.add_sound)
        self.bar.completer.words = self._words
        self.results.menu_wanted.connect(self.commands.show_menu)
        self.bar.record_wanted.connect(self.recording.toggle)
        self.status.models_wanted.connect(do["models"].trigger)
        self.status.skipped_wanted.connect(do["skipped"].trigger)
        self.welcome.add_wanted.connect(do["add"].trigger)
        self.welcome.demo_wanted.connect(self.indexing.make_demo)
        sources = self.sources
        sources.filter_wanted.connect(self.bar.add_filter)
        sources.everything_wanted.connect(self.bar.clear)
        sources.add_wanted.connect(do["add"].trigger)
        sources.rescan_wanted.connect(self.indexing.index)
        sources.folders_dropped.connect(self._index_dropped)
        sources.collected.connect(self.keeping.collect)
        sources.tag_wanted.connect(self.commands.review_folder)
        sources.relink_wanted.connect(self.questions.relink)
        sources.remove_wanted.connect(self.questions.forget)
        sources.collection_wanted.connect(self.questions.new_collection)
        sources.rename_wanted.connect(self.questions.rename_collection)
        sources.drop_wanted.connect(self.questions.drop_collection)

    # The library

    def _open(self) -> None:
        path = self.context.library_path

        def opened(workspace: Workspace) -> None:
            self.context.workspace = workspace
            self.results.results.read = workspace.library.sounds
            self.keeping.count()
            self.searching.ask()
            on = str(self.context.settings.value("index/watch", "false")).lower() == "true"
            self.indexing.watch(on)
            self.parts.tidy()
            self.indexing.go_on()
            self.jobs.start("read", lambda control: damage_of(path, control), checked)

        def checked(trouble: str) -> None:
            if trouble:
                failed(damaged(path))

        def failed(text: str) -> None:
            if text == damaged(path):
                text = self.tr(
                    "{} is not a Soundsift library, or it is damaged: "
                    "Tools, Repair the library saves what can be saved"
                ).format(path)
            self.status.say(text, True, True)
            if self.context.workspace is None:
                self._trouble = text
                self.empty.say(self.tr("The library could not be opened"), text)

        self.jobs.start("write", lambda control: Workspace(path), opened, failed=failed)

    def has_library(self) -> bool:
        """Return whether the library is open; if it is not, say why."""
        if self.context.workspace is None:
            said = self._trouble or self.tr("The library is still being opened")
            self.status.say(said, True, bool(self._trouble))
        return self.context.workspace is not None

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
        self.audition.look_again()

    def _on_answered(self, found: Found) -> None:
        self.status.show_also(found.answer.also if found.answer else "")
        nothing_known = self.keeping.overview is not None and not (
            self.keeping.overview.facets.folders or len(found.ids)
        )
        if nothing_known and found.asked.is_empty and not self.indexing.is_on:
            self.stack.setCurrentWidget(self.welcome)

    def _words(self, key: str) -> list[str]:
        """Return what completes a filter."""
        overview = self.keeping.overview
        if overview is None:
            return []
        return {
            "cat": sorted(overview.facets.categories) or [c.id for c in categories().values()],
            "tag": list(overview.facets.tags),
            "in": [Path(folder).name for folder in overview.facets.folders],
            "coll": list(overview.collections),
        }.get(key, [])

    def tagging_scope(self) -> list[int]:
        """Return the sounds to be tagged: the chosen ones, or all that are shown if it is one."""
        chosen = self.results.chosen_ids()
        return chosen if len(chosen) > 1 else [int(i) for i in self.results.results.ids]

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
        if folders and self.has_library():
            self.indexing.index(folders)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Keep the state, end what runs, and go."""
        self._save()
        self.indexing.leave()
        self.hide()
        self.commands.close()
        self.recording.finish(search=False)
        self.player.close()
        self.jobs.close()
        self.parts.close()
        if self.context.workspace is not None:
            self.results.results.read = None
            self.context.workspace.close()
            self.context.workspace = None
        super().closeEvent(event)

    def _save(self) -> None:
        settings = self.context.settings
        settings.setValue("window/geometry", self.saveGeometry())
        settings.setValue("window/columns", self.columns.saveState())
        settings.setValue("window/rows", self.rows.saveState())
        settings.setValue("results/columns", self.results.column_state())
        settings.setValue("search/history", self.bar.history)
        settings.setValue("search/last", self.bar.query.text)
        settings.setValue("player/gain", self.panel.gain.value())
        for name in ("auto_play", "sources", "inspector", "loop"):
            settings.setValue(f"on/{name}", self.actions_by_name[name].isChecked())
        settings.sync()

    def _restore(self) -> None:
        settings = self.context.settings
        for name, restore in (
            ("window/geometry", self.restoreGeometry),
            ("window/columns", self.columns.restoreState),
            ("window/rows", self.rows.restoreState),
            ("results/columns", self.results.restore_columns),
        ):
            state = settings.value(name)
            if isinstance(state, QByteArray):
                restore(state)
        if settings.value("window/geometry") is None:
            self.resize(1280, 760)
        history = settings.value("search/history") or []
        self.bar.history = history if isinstance(history, list) else [str(history)]
        self.bar.set_text(str(settings.value("search/last") or ""))
        self.panel.gain.setValue(int(str(settings.value("player/gain") or 0)))
        device = settings.value("audio/output")
        self.player.set_device(str(device) if device else None)
        self.indexing.threads = int(str(settings.value("index/threads") or 2))
        do = self.commands.table()
        for name in ("auto_play", "sources", "inspector", "loop"):
            on = str(settings.value(f"on/{name}", str(name != "loop"))).lower() == "true"
            self.actions_by_name[name].setChecked(on)
            do[name]()
