"""From the search bar to the results: asking, answering, sorting, fetching rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QStackedWidget

from app.gui.kit.context import Context
from app.gui.kit.text import number, tr
from app.gui.search.columns import COLUMNS, STRENGTH
from app.gui.search.empty_state import EmptyState
from app.gui.search.requests import (
    Found,
    SearchRequest,
    facts_of,
    find,
    make_thumbnails,
    remember_interest,
)
from app.gui.search.results_model import ResultsModel
from app.gui.search.results_view import ResultsView
from app.gui.search.search_bar import SearchBar
from engine.errors import LibraryError
from engine.progress import Control
from engine.store import SoundRow
from engine.store.listing import Order
from engine.store.thumbnails import put_thumbnails


class Searching(QObject):
    """Keeps the results what the search bar asks for; the newest question wins."""

    answered = Signal(object)
    _drawn = Signal(object)  # from the thread that draws thumbnails

    def __init__(
        self,
        context: Context,
        bar: SearchBar,
        view: ResultsView,
        stack: QStackedWidget,
        empty: EmptyState,
    ) -> None:
        super().__init__(view)  # so that its timers end with the window
        self._said = ""
        self._context, self._bar, self._view = context, bar, view
        self._stack, self._empty = stack, empty
        self._model: ResultsModel = view.results
        self._order: Order = "added"
        self._descending = True
        self._kept: int | None = None
        self._stays = False
        self._play_next = False
        bar.asked.connect(self.ask)
        bar.refused.connect(lambda text: context.say(text, True))
        bar.entered.connect(self._enter)
        bar.text.textEdited.connect(self._stay)
        bar.refused.connect(self._stay)
        view.sorted_by.connect(self._sort)
        view.left_upwards.connect(bar.text.setFocus)
        self._model.rows_wanted.connect(self._fetch)
        self._model.thumbnails_wanted.connect(self._draw)
        self._drawn.connect(self._store, Qt.ConnectionType.QueuedConnection)

    def ask(self, asked: SearchRequest | None = None) -> None:
        """Search, or list everything where nothing is asked."""
        if asked is not None:  # somebody asks for something else
            self._kept, self._stays = None, False
        session = self._context.session
        if session is None:
            return
        question = replace(asked or self._bar.query, order=self._order, descending=self._descending)
        title = tr("Listening to the query") if question.sounds and not session.is_warm else None
        self._context.jobs.start(
            "read",
            lambda control: find(session, question, control),
            self._show,
            failed=lambda text: self._context.say(text, True),
            title=title,
            newest="search",
        )

    def refresh(self) -> None:
        """Ask the same again and look at the same row: the library has changed."""
        index = self._view.currentIndex()
        self._kept = self._model.id_at(index.row()) if index.isValid() else None
        self._stays = True
        self.ask()

    def warm_up(self) -> None:
        """Load the model in the background; what was asked meanwhile is answered again."""
        session = self._context.opened
        if session.is_warm:
            return

        def warm(ready: bool) -> None:
            if ready and self._model.found.words_only:
                self.ask()

        self._context.jobs.start(
            "read", lambda control: session.warm_up(), warm, title=tr("Loading the model")
        )

    def _show(self, found: Found) -> None:
        kept, self._kept = self._kept, None
        stays, self._stays = self._stays, False
        scrolled = self._view.verticalScrollBar().value()
        self._model.show(found)
        answer = found.answer
        self._stack.setCurrentWidget(self._view if len(found.ids) else self._empty)
        if not len(found.ids):
            self._say_empty(found)
        row = self._model.row_of(kept) if kept is not None else None
        if row is not None:
            was_blocked = self._view.blockSignals(True)
            self._view.choose(row)
            self._view.blockSignals(was_blocked)
        if stays:
            self._view.verticalScrollBar().setValue(scrolled)
        if answer is None:
            text = "" if found.asked.is_empty else tr("{} sounds").format(number(len(found.ids)))
        elif found.words_only:
            text = tr("{} by words alone while the model loads").format(number(len(found.ids)))
        else:
            weak = len(answer.matches) - answer.strong
            text = tr("{} match, {} weaker, in {:.0f} ms").format(
                answer.strong, weak, answer.took_ms
            )
        if text or self._said:  # a list says nothing, and leaves what others said
            self._context.say(text, False)
        self._said = text
        self.answered.emit(found)
        session = self._context.session
        if found.folders and session is not None:
            self._context.jobs.start(
                "write", lambda control: remember_interest(session, found.folders)
            )
        if self._play_next and len(found.ids):
            self._play_next = False
            self._enter()

    def _say_empty(self, found: Found) -> None:
        if found.asked.is_empty:
            self._empty.say(
                tr("No sounds yet"),
                tr("Soundsift is still looking through your folders, or they contain none."),
            )
        elif found.words_only:
            self._empty.say(
                tr("The model is loading"),
                tr("No name contains these words; the search by sound follows shortly."),
            )
        else:
            self._empty.say(
                tr("Nothing here sounds like that"),
                tr("Remove a filter, or describe it in other words."),
            )

    def _enter(self) -> None:
        """Go from the search bar into the results, to hear the first as soon as it is there."""
        shown = self._model.rowCount() and self._stack.currentWidget() is self._view
        if not shown or self._context.jobs.is_running("search"):
            self._play_next = True
            return
        was_there = self._view.currentIndex().row() == 0
        self._view.choose(0)  # before it gets the focus, which would choose without selecting
        self._view.setFocus(Qt.FocusReason.ShortcutFocusReason)
        if was_there:
            self._view.chosen.emit(0)

    def _stay(self, _: str) -> None:
        """Stay in the search bar: something else is being asked for."""
        self._play_next = False

    def _sort(self, column: int, order: Qt.SortOrder) -> None:
        down = order == Qt.SortOrder.DescendingOrder
        if self._model.found.answer is not None:
            by = STRENGTH.place if column < 0 else column
            self._model.sort(by, Qt.SortOrder.DescendingOrder if column < 0 else order)
            return
        self._order = COLUMNS[column].order if column >= 0 else "added"
        self._descending = down
        self.refresh()

    def _fetch(self, ids: list[int]) -> None:
        session = self._context.session
        if session is None:
            return
        self._context.jobs.start(
            "read", lambda control: facts_of(session, ids), self._model.put_rows
        )

    def _draw(self, sounds: list[SoundRow]) -> None:
        session = self._context.session
        if session is None:
            return
        self._context.jobs.start(
            "read",
            lambda control: make_thumbnails(session, sounds, self._drawn.emit, control),
            self._model.put_thumbnails,
            newest="thumbnails",
        )

    def _store(self, made: dict[int, bytes]) -> None:
        """Keep thumbnails for the next time."""
        session = self._context.session
        if session is None or not made:
            return

        def store(control: Control) -> None:
            with suppress(LibraryError):  # they are made again
                put_thumbnails(session.library, made)

        self._context.jobs.start("write", store)
