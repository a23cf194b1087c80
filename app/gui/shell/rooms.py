"""The rooms of one window: panels and controllers, made and connected with one another."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QStackedWidget, QWidget

from app.gui.kit.context import Context
from app.gui.kit.jobs import Jobs
from app.gui.kit.prompts import Prompts
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style.palette import Colours
from app.gui.library.indexing import Indexing
from app.gui.library.library_controller import LibraryController
from app.gui.library.questions import LibraryQuestions
from app.gui.library.sources_panel import SourcesPanel
from app.gui.models.changing import ChangingModel
from app.gui.player.inspector import Inspector
from app.gui.player.parts import Parts
from app.gui.player.player_controller import PlayerController
from app.gui.player.player_panel import PlayerPanel
from app.gui.player.preview import SoundPreview
from app.gui.player.ranges import Ranges
from app.gui.player.recording import Recording
from app.gui.player.sound.devices import Outputs
from app.gui.player.sound.player import Player
from app.gui.search.empty_state import EmptyState, Welcome
from app.gui.search.results_model import ResultsModel
from app.gui.search.results_view import ResultsView
from app.gui.search.search_bar import SearchBar
from app.gui.search.searching import Searching
from app.gui.search.selected_sounds import SelectedSounds
from app.gui.search.selection import Selection
from app.gui.shell.status_bar import StatusBar
from app.gui.tagging.tagging import Tagging


class Rooms:
    """What a window consists of; no room knows another, or the window."""

    def __init__(
        self,
        window: QWidget,
        library_path: Path,
        settings: SettingsFile,
        colours: Colours,
        outputs: Outputs | None,
    ) -> None:
        self.jobs = Jobs(window)
        self.status = StatusBar(self.jobs, colours)
        self.context = Context(library_path, self.jobs, settings, colours, self.status.say)
        self.prompts = Prompts(window)
        self.player = Player(outputs, window)
        self.bar = SearchBar(colours)
        self.sources = SourcesPanel(colours)
        self.results = ResultsView(ResultsModel(window), colours)
        self.panel = PlayerPanel(self.player, colours)
        self.inspector = Inspector(colours)
        # shown and hidden by actions of their names, and remembered by settings of the same
        self.hideable: dict[str, QWidget] = {"sources": self.sources, "inspector": self.inspector}
        self.empty, self.welcome = EmptyState(), Welcome()
        self.stack = QStackedWidget()
        for page in (self.results, self.empty, self.welcome):
            self.stack.addWidget(page)
        self.stack.setCurrentWidget(self.empty)
        self._make_controllers(window)
        self._connect_search()
        self._connect_player()
        self._connect_library()
        self._connect_tags()

    def _make_controllers(self, window: QWidget) -> None:
        self.library_controller = LibraryController(self.context, window)
        self.indexing = Indexing(self.context, self.library_controller)
        self.questions = LibraryQuestions(
            window, self.context, self.prompts, self.library_controller, self.indexing
        )
        self.tagging = Tagging(self.context, window)
        self.changing_model = ChangingModel(self.context, self.indexing.run_alone, window)
        self.searching = Searching(self.context, self.bar, self.results, self.stack, self.empty)
        self.selection = Selection(self.results)
        self.selected_sounds = SelectedSounds(self.context, self.results)
        self.player_controller = PlayerController(
            self.context,
            self.player,
            self.panel,
            self.inspector,
            lambda: self.results.results.found.answer,
        )
        self.parts = Parts(self.context)
        self.ranges = Ranges(self.context, self.player_controller, self.panel.waveform, self.parts)
        self.preview = SoundPreview(self.player_controller, self.player)
        self.recording = Recording(self.context, self.player)

    def _connect_search(self) -> None:
        self.selection.looked_at.connect(self.player_controller.look_at)
        self.selection.started.connect(self.player_controller.hear)
        self.results.results.modelReset.connect(self.player_controller.wait)
        self.bar.record_wanted.connect(self.recording.toggle)

    def _connect_player(self) -> None:
        self.player.told.connect(lambda text: self.status.say(text, True, True))
        self.player_controller.played.connect(self.bar.remember)
        self.recording.changed.connect(self.bar.record.setChecked)
        self.recording.recorded.connect(self.bar.add_sound)

    def _connect_library(self) -> None:
        self.jobs.told.connect(lambda text: self.status.say(text, True))
        sources, questions = self.sources, self.questions
        sources.filter_wanted.connect(self.bar.add_filter)
        sources.everything_wanted.connect(self.bar.clear)
        sources.rescan_wanted.connect(self.indexing.index)
        sources.collected.connect(self.library_controller.collect)
        sources.relink_wanted.connect(questions.relink)
        sources.remove_wanted.connect(questions.forget)
        sources.collection_wanted.connect(questions.new_collection)
        sources.rename_wanted.connect(questions.rename_collection)
        sources.drop_wanted.connect(questions.drop_collection)
        self.welcome.demo_wanted.connect(self.indexing.make_demo)
        self.changing_model.changed.connect(self.library_controller.refresh)
        self.changing_model.must_listen.connect(lambda: self.indexing.index([]))

    def _connect_tags(self) -> None:
        tags, inspector = self.tagging, self.inspector
        inspector.tag_added.connect(lambda i, tag: tags.accept([(i, tag)]))
        inspector.tag_removed.connect(lambda i, tag: tags.reject([(i, tag)]))
        inspector.tag_rejected.connect(lambda i, tag: tags.reject([(i, tag)]))
        tags.tags_changed.connect(self.results.results.forget)
        tags.tags_changed.connect(lambda _: self.player_controller.look_again())
        tags.tags_changed.connect(lambda _: self.library_controller.count())
        tags.files_changed.connect(lambda: self.library_controller.refresh(by_user=True))
