"""From the search bar to the results: asking, answering, sorting, fetching rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QStackedWidget

from app.gui.kit.context import Context
from app.gui.kit.text import counted, number, tr
from app.gui.search.columns import COLUMNS, STRENGTH
from app.gui.search.empty_state import EmptyState
from app.gui.search.requests import (
    LIMIT,
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
from app.gui.search.staying import go_back, viewpoint_of
from engine.arrays import Integers
from engine.errors import LibraryError
from engine.progress import Control
from engine.store import SoundRow
from engine.store.listing import Order
from engine.store.thumbnails import put_thumbnails

Return = Literal["top", "same", "resorted"]  # where rows that are shown anew leave who looks
_LOOKED_AT_MS = 2500  # after which results that stand are taken to be looked at


class Searching(QObject):
    """Keeps the results what the search bar asks for; the newest question wins."""

    answered = Signal(object)
    warmed = Signal()  # the model is loaded
    found = Signal(object)  # the ids of what a search found above the divider
    ready = Signal()  # the model: what was found by words alone can be found by sound
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
        self._asked: SearchRequest | None = None  # the latest, but for its order
        self._return: Return = "top"  # once what is asked now is answered
        self._play_next = False
        self._among: tuple[int, ...] = ()
        self._stood = QTimer(self, interval=_LOOKED_AT_MS, singleShot=True)
        self._stood.timeout.connect(lambda: bar.remember(in_passing=True))
        bar.asked.connect(self.ask)
        bar.refused.connect(lambda text: context.say(text, True))
        bar.entered.connect(self._enter)
        bar.text.textEdited.connect(self._stay)
        bar.refused.connect(self._stay)
        view.sorted_by.connect(self._sort)
        view.left_upwards.connect(bar.text.setFocus)
        view.more_wanted.connect(self._more)
        self._model.rows_wanted.connect(self._fetch)
        self._model.thumbnails_wanted.connect(self._draw)
        self._drawn.connect(self._store, Qt.ConnectionType.QueuedConnection)

    def ask(self, asked: SearchRequest | None = None) -> None:
        """Search, or list everything where nothing is asked."""
        if asked is not None and asked == self._asked:  # the bar tells late what it holds
            self.refresh()
            return
        if asked is not None:  # somebody asks for something else
            self._return, self._among = "top", asked.among
            self._stood.stop()
        listed = SearchRequest(among=self._among) if self._among else self._bar.query
        self._asked = asked or listed
        self._ask(self._asked, LIMIT)

    def refresh(self) -> None:
        """Ask the same again and stay at the same place: the library has changed."""
        if self._context.jobs.is_running("search") and self._return == "top":
            self.ask()  # for what somebody is waiting for
            return
        self._return = "same"
        self._ask(self._model.found.asked, self._model.found.limit)

    def _ask(self, asked: SearchRequest, limit: int) -> None:
        session = self._context.session
        if session is None:
            return
        question = replace(asked, order=self._order, descending=self._descending)
        title = tr("Listening to the query") if question.sounds and not session.is_warm else None
        self._context.jobs.start(
            "read",
            lambda control: find(session, question, control, limit),
            self._show,
            failed=self._bar.refused.emit,
            title=title,
            newest="search",
        )

    def list_only(self, ids: Sequence[int]) -> None:
        """List some sounds, until something is searched for or everything is listed again."""
        self._bar.clear()
        self.ask(SearchRequest(among=tuple(ids)))

    @property
    def found_ids(self) -> Integers:
        """Return the ids of what a search found above the divider, none of a mere list."""
        found = self._model.found
        return found.ids[: found.answer.strong if found.answer is not None else 0]

    def warm_up(self) -> None:
        """Load the model in the background; what was asked meanwhile is answered again."""
        session = self._context.opened
        if session.is_warm:
            return

        def warm(ready: bool) -> None:
            if ready and self._model.found.words_only:
                self.ready.emit()
            self.warmed.emit()

        self._context.jobs.start(
            "read", lambda control: session.warm_up(), warm, title=tr("Loading the model")
        )

    def _show(self, found: Found) -> None:
        again, self._return = self._return, "top"
        viewpoint = viewpoint_of(self._view) if again != "top" else None  # where somebody is by now
        before = self._model.found
        self._model.show(found)
        self._stack.setCurrentWidget(self._view if len(found.ids) else self._empty)
        if not len(found.ids):
            self._say_empty(found)
        if viewpoint is not None:
            go_back(self._view, viewpoint if again == "same" else replace(viewpoint, top_px=None))
        text = _summary(found)
        known = viewpoint is not None and not before.words_only
        other = not (known and np.array_equal(before.ids, found.ids))
        if other and (text or self._said):  # a list says nothing, and leaves what others said
            self._context.say(text, False)
        self._said = text
        if viewpoint is None and len(found.ids):
            self._stood.start()
        self.answered.emit(found)
        self.found.emit(self.found_ids)
        session = self._context.session
        if found.folders and session is not None and viewpoint is None:
            self._context.jobs.start(
                "write", lambda control: remember_interest(session, found.folders)
            )
        if self._play_next and len(found.ids):
            self._play_next = False
            self._enter()

    def _more(self) -> None:
        """Find twice as many, because the last rows come into view."""
        session, found = self._context.session, self._model.found
        if session is None or not self._may_go_on(found) or self._is_asking:
            return

        def extend(longer: Found) -> None:
            if self._model.found is found and self._may_go_on(found):
                self._model.extend(longer)
                self._context.say(_summary(self._model.found), False)

        self._context.jobs.start(
            "read",
            lambda control: find(session, found.asked, control, 2 * found.limit),
            extend,
            failed=lambda text: None,  # what is there stays
            newest="more",
        )

    def _may_go_on(self, found: Found) -> bool:
        """Return whether more can be added below: not where others would come in between."""
        return found.goes_on and self._model.sorted_by is None

    @property
    def _is_asking(self) -> bool:
        jobs = self._context.jobs
        return jobs.is_running("search") or jobs.is_running("more")

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
        elif found.answer is None:
            self._empty.say(
                tr("No sound fits these filters"), tr("Remove one of them, or make it wider.")
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
        self._return = "resorted"
        self._ask(self._model.found.asked, LIMIT)

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


def _summary(found: Found) -> str:
    """Return how many were found; a list that nobody asked for needs no words."""
    answer, count = found.answer, len(found.ids)
    if answer is None:
        return "" if found.asked.is_empty else counted(count, tr("one sound"), tr("{} sounds"))
    if found.words_only:
        return tr("{} by words alone while the model loads").format(number(count))
    more = "+" if found.goes_on else ""
    if answer.strong == count:
        said = tr("{} match, in {:.0f} ms")
        return said.format(number(answer.strong) + more, answer.took_ms)
    weak = number(count - answer.strong) + more
    if not answer.strong:
        return tr("No match, {} weaker, in {:.0f} ms").format(weak, answer.took_ms)
    said = tr("{} match, {} weaker, in {:.0f} ms")
    return said.format(number(answer.strong), weak, answer.took_ms)
