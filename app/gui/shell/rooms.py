"""The rooms of one window: panels and controllers, made and connected with one another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QStackedWidget, QWidget

from app.gui.handing.spotting import Spotting
from app.gui.handing.uses import Uses
from app.gui.kit.context import Context
from app.gui.kit.jobs import Jobs
from app.gui.kit.notice import Notice
from app.gui.kit.prompts import Prompts
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style.palette import Colours
from app.gui.kit.undoing import Undoing
from app.gui.library.folders import Folders
from app.gui.library.indexing import Indexing
from app.gui.library.library_controller import LibraryController
from app.gui.library.marking import Marking
from app.gui.library.measuring import Measuring
from app.gui.library.others import Others
from app.gui.library.questions import LibraryQuestions
from app.gui.library.roots import Roots
from app.gui.library.sources_panel import SourcesPanel
from app.gui.models.changing import ChangingModel
from app.gui.player.inspector import Inspector
from app.gui.player.jumps import Jumps
from app.gui.player.matching import Matching
from app.gui.player.parts import Parts
from app.gui.player.player_controller import PlayerController
from app.gui.player.player_panel import PlayerPanel
from app.gui.player.preview import SoundPreview
from app.gui.player.ranges import Ranges
from app.gui.player.recording import Recording
from app.gui.player.regions import Regions
from app.gui.player.sound.devices import Outputs
from app.gui.player.sound.player import Player
from app.gui.player.wave_pictures import WavePictures
from app.gui.search.empty_state import EmptyState, Welcome
from app.gui.search.following import Following
from app.gui.search.results_model import ResultsModel
from app.gui.search.results_view import ResultsView
from app.gui.search.search_bar import SearchBar
from app.gui.search.searching import Searching
from app.gui.search.selected_sounds import SelectedSounds
from app.gui.search.selection import Selection
from app.gui.search.star_clicks import StarClicks
from app.gui.shell.serving import Serving
from app.gui.shell.status_bar import StatusBar
from app.gui.tagging.editing import Editing
from app.gui.tagging.questions import ask_to_remove_everywhere
from app.gui.tagging.tagging import Tagging
from engine.handover.used import DRAGGED, project_of
from engine.paths import Place
from engine.store.history import RUNS, Restored


class Rooms:
    """What a window consists of; no room knows another, or the window."""

    def __init__(
        self,
        window: QWidget,
        place: Place,
        settings: SettingsFile,
        colours: Colours,
        outputs: Outputs | None,
    ) -> None:
        self.jobs = Jobs(window)
        self.status = StatusBar(self.jobs, colours)
        self.context = Context(place, self.jobs, settings, colours, self.status.say)
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
        self.notice = Notice(colours)
        self.stack = QStackedWidget()
        for page in (self.results, self.empty, self.welcome):
            self.stack.addWidget(page)
        self.stack.setCurrentWidget(self.empty)
        self._make_controllers(window)
        self._connect_search()
        self._connect_player()
        self._connect_library()
        self._connect_tags()
        self._connect_marks()
        self._connect_leaving()
        self._connect_edits()

    def _make_controllers(self, window: QWidget) -> None:
        self.library_controller = LibraryController(self.context, window)
        self.indexing = Indexing(self.context, self.library_controller)
        self.others = Others(self.context, lambda: self.indexing.is_on, window)
        self.folders = Folders(self.context, window)
        self.questions = LibraryQuestions(
            window, self.context, self.prompts, self.library_controller, self.indexing
        )
        self.roots = Roots(window, self.context, self.prompts, self.library_controller)
        self.undoing = Undoing(self.context, window)
        self.marking = Marking(self.context, window)
        self.tagging = Tagging(self.context, window, self.undoing)
        self.editing = Editing(self.context, window)
        self.changing_model = ChangingModel(self.context, self.indexing.run_alone, window)
        self.searching = Searching(self.context, self.bar, self.results, self.stack, self.empty)
        self.following = Following(self.context, self.searching, self.results, self.notice)
        self.selection = Selection(self.results)
        self.selected_sounds = SelectedSounds(self.context, self.results)
        self.player_controller = PlayerController(
            self.context,
            self.player,
            self.panel,
            self.inspector,
            lambda: self.results.results.found.answer,
        )
        self.matching = Matching(self.context, self.player_controller, self.player)
        self.jumps = Jumps(self.context, self.player_controller, self.player, self.panel.waveform)
        self.regions = Regions(
            self.context,
            self.player_controller,
            self.player,
            self.panel.waveform,
            lambda: self.results.results.found.asked.text,
        )
        self.measuring = Measuring(self.context, self.library_controller, self.indexing)
        self.pictures = WavePictures(self.context, self.player_controller, self.panel)
        self.parts = Parts(self.context)
        self.ranges = Ranges(
            self.context, self.player, self.player_controller, self.panel.waveform, self.parts
        )
        self.selected_sounds.files_of = self.ranges.files_of
        self.uses = Uses(self.context, window)
        self.spotting = Spotting(self.context, self.parts, self.uses, window)
        self.preview = SoundPreview(self.player_controller, self.player)
        self.recording = Recording(self.context, self.player)
        self.serving = Serving(self.context, window)

    def _connect_search(self) -> None:
        self.selection.looked_at.connect(self.player_controller.look_at)
        self.selection.started.connect(self.player_controller.hear)
        self.results.results.modelReset.connect(self.player_controller.wait)
        self.selection.looked_at.connect(lambda *_: self.bar.remember())
        self.bar.record_wanted.connect(self.recording.toggle)

    def _connect_player(self) -> None:
        self.player.told.connect(lambda text: self.status.say(text, True, True))
        self.player_controller.played.connect(lambda: self.bar.remember())
        self.inspector.folder_wanted.connect(lambda path: self.bar.add_filter(f'in:"{path}"'))
        self.regions.changed.connect(self.results.results.forget)
        self.regions.changed.connect(lambda _: self.library_controller.count())
        self.recording.changed.connect(self.bar.record.setChecked)
        self.recording.recorded.connect(self.bar.add_sound)

    def _connect_library(self) -> None:
        self.jobs.told.connect(lambda text: self.status.say(text, True))
        sources, questions = self.sources, self.questions
        self.library_controller.overview_changed.connect(lambda _: self.folders.count())
        self.folders.counted.connect(sources.show_tree)
        self.bar.completer.folders = lambda typed: self.folders.tree.completing(typed)
        sources.filter_wanted.connect(self.bar.add_filter)
        sources.everything_wanted.connect(self.bar.clear)
        sources.rescan_wanted.connect(self.indexing.index)
        sources.collected.connect(self.library_controller.collect)
        sources.relink_wanted.connect(questions.relink)
        sources.remove_wanted.connect(questions.forget)
        sources.root_wanted.connect(self.roots.make)
        sources.mount_wanted.connect(self.roots.mount)
        sources.collection_wanted.connect(questions.new_collection)
        sources.rename_wanted.connect(questions.rename_collection)
        sources.drop_wanted.connect(questions.drop_collection)
        self.library_controller.overview_changed.connect(lambda _: self.measuring.begin())
        sources.search_wanted.connect(lambda text: self.bar.set_text(text, alone=True))
        sources.rename_search_wanted.connect(questions.rename_search)
        sources.share_wanted.connect(self.library_controller.share)
        sources.drop_search_wanted.connect(self.library_controller.drop_search)
        self.searching.warmed.connect(self.library_controller.count_searches)
        self.library_controller.searches_counted.connect(sources.show_search_counts)
        self.welcome.demo_wanted.connect(self.indexing.make_demo)
        self.others.changed.connect(self.library_controller.refresh)
        self.others.changed.connect(self.player_controller.look_again)
        self.changing_model.changed.connect(
            lambda: self.library_controller.refresh(by_user=True)  # strengths are other ones now
        )
        self.changing_model.must_listen.connect(lambda: self.indexing.index([]))

    def hide_families(self, hidden: frozenset[str]) -> None:
        """Leave families of tags out of the list, the inspector and the sources."""
        self.results.results.hidden_families = hidden
        self.results.viewport().update()
        self.inspector.hide_families(hidden)
        self.sources.hide_families(hidden)

    def _connect_marks(self) -> None:
        marks, marking = self.inspector.marks, self.marking
        marks.stars_wanted.connect(lambda i, n: marking.set_stars(self._with_chosen(i), n))
        marks.colour_wanted.connect(
            lambda i, name: marking.set_colour(self._with_chosen(i), name or None)
        )
        marks.note_wanted.connect(lambda i, note: marking.set_note([i], note))
        StarClicks(self.results).wanted.connect(marking.set_stars)
        marking.marked.connect(self._look_again)
        self.undoing.restored.connect(self._on_restored)

    def _connect_edits(self) -> None:
        self.inspector.edit_wanted.connect(self.editing.set_text)
        self.inspector.undo_wanted.connect(lambda: self.undoing.undo())
        self.editing.edited.connect(self._look_again)
        self.editing.refused.connect(self.inspector.refuse_edit)

    def _with_chosen(self, sound_id: int) -> list[int]:
        """Return all chosen sounds if a sound is one of them, as the list has it; else itself."""
        chosen = self.results.chosen_ids()
        return chosen if sound_id in chosen else [sound_id]

    def _look_again(self, ids: Sequence[int]) -> None:
        """Show what was decided on some sounds."""
        self.results.results.forget(ids)
        self.player_controller.look_again()
        self.library_controller.count()

    def _on_restored(self, restored: Restored) -> None:
        if restored.step.kind in ("collect", "take out", "drop collection"):
            self.library_controller.refresh(by_user=True)  # the list may be that of a collection
        elif restored.step.kind in RUNS:
            self.results.results.forget()
            self.player_controller.look_again()
            self.library_controller.refresh(by_user=True)  # names may be others
        else:
            self._look_again(restored.sounds)

    def _connect_leaving(self) -> None:
        """Note what leaves; what is known of a sound may be in the name of its file."""
        self.ranges.dragged.connect(lambda ids: self.uses.note(ids, DRAGGED))
        self.selected_sounds.dragged.connect(lambda ids: self.uses.note(ids, DRAGGED))
        self.regions.exported.connect(self._note_export)
        self.uses.marked.connect(self._look_again)
        self.tagging.tags_changed.connect(lambda _: self.ranges.prepare_again())

    def _note_export(self, ids: list[int], folder: Path) -> None:
        self.uses.note(ids, str(folder), lambda: project_of(folder))

    def _connect_tags(self) -> None:
        tags, inspector = self.tagging, self.inspector
        inspector.tag_added.connect(lambda i, tag: tags.accept([(i, tag)]))
        inspector.tag_removed.connect(lambda i, tag: tags.reject([(i, tag)]))
        inspector.tag_rejected.connect(lambda i, tag: tags.reject([(i, tag)]))
        tags.tags_changed.connect(self._look_again)
        self.sources.untag_wanted.connect(
            lambda label: ask_to_remove_everywhere(self.prompts, tags, label)
        )
        tags.files_changed.connect(lambda: self.library_controller.refresh(by_user=True))
