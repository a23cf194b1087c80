"""Results that keep up with the library, without moving a row under whoever listens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject

from app.gui.kit.context import Context
from app.gui.kit.notice import Notice
from app.gui.kit.text import counted, tr
from app.gui.search.requests import Found, find
from app.gui.search.results_view import ResultsView
from app.gui.search.searching import Searching
from engine.progress import Control

_TOPIC = "results"


@dataclass(frozen=True)
class Change:
    """How many sounds an answer that is shown lacks by now, and how many have gone."""

    of: Found
    new: int
    gone: int


class Following(QObject):
    """Shows what has changed at once where nobody is at a row, and offers it otherwise."""

    def __init__(
        self, context: Context, searching: Searching, view: ResultsView, notice: Notice
    ) -> None:
        super().__init__(view)
        self._context, self._searching = context, searching
        self._view, self._notice = view, notice
        searching.ready.connect(self._on_ready)
        searching.answered.connect(lambda _: notice.take_back(_TOPIC))

    @property
    def is_somebody_there(self) -> bool:
        """Return whether somebody is at a row, which must not move then."""
        return self._view.isVisible() and self._view.currentIndex().isValid()

    def look(self) -> None:
        """See what has changed in the library."""
        self._view.results.forget()
        shown, session = self._view.results.found, self._context.session
        if session is None:
            return
        if not self.is_somebody_there:
            self._searching.refresh()
            return

        def compare(control: Control) -> Change:
            now = find(session, shown.asked, control, shown.limit)
            new = int(np.isin(now.ids, shown.ids, invert=True).sum())
            gone = int(np.isin(shown.ids, now.ids, invert=True).sum())
            return Change(shown, new, 0 if now.goes_on else gone)  # others may push them out

        self._context.jobs.start(
            "read", compare, self._offer, failed=lambda text: None, newest="following"
        )

    def _offer(self, change: Change) -> None:
        if self._view.results.found is not change.of:
            return
        if not self.is_somebody_there:
            self._searching.refresh()
        elif change.new or change.gone:
            self._say(describe(change))
        else:
            self._notice.take_back(_TOPIC)

    def _on_ready(self) -> None:
        if self.is_somebody_there:
            self._say(tr("The model is loaded: these are by words alone."))
        else:
            self._searching.refresh()

    def _say(self, text: str) -> None:
        self._notice.offer(_TOPIC, text, tr("Show"), self._searching.refresh)


def describe(change: Change) -> str:
    """Return what has changed: ``15 new sounds, 2 are gone``."""
    parts = []
    if change.new:
        parts.append(counted(change.new, tr("One new sound"), tr("{} new sounds")))
    if change.gone:
        parts.append(counted(change.gone, tr("one is gone"), tr("{} are gone")))
    said = ", ".join(parts)
    return said[:1].upper() + said[1:]
