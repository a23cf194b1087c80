"""From a chosen row to the sound in it, which may have to be fetched first."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.search.results_view import ResultsView

_SOON_MS, _LATER_MS = 30, 60  # between two looks whether a row was fetched


class Selection(QObject):
    """Tells which sound is looked at, and which one is to be played in any case.

    ``looked_at`` gives a sound, its match (None in a list), and whether it should stay quiet
    because a key is held down or several rows are chosen; ``started`` gives sound and match.
    """

    looked_at = Signal(object, object, bool)
    started = Signal(object, object)

    def __init__(self, view: ResultsView) -> None:
        super().__init__(view)  # so that its timers end with the window
        self._view, self._model = view, view.results
        view.chosen.connect(self._on_chosen)
        view.started.connect(self._on_started)

    def scope(self) -> list[int]:
        """Return what is worked on: the chosen sounds, or all that are shown if it is one."""
        chosen = self._view.chosen_ids()
        return chosen if len(chosen) > 1 else [int(i) for i in self._model.ids]

    def _on_chosen(self, row: int) -> None:
        found = self._model.row_at(row)
        if found.sound is None:  # it is being fetched; tell it when it is there
            sound_id = self._model.id_at(row)
            QTimer.singleShot(_SOON_MS, self, lambda: self._on_fetched(sound_id))
            return
        quiet = self._view.repeating or self._view.multiple
        self.looked_at.emit(found.sound, found.match, quiet)

    def _on_fetched(self, sound_id: int) -> None:
        """Tell of a sound once it is there, if its row is still the one that is looked at."""
        row = self._view.currentIndex().row()
        if row < 0 or self._model.id_at(row) != sound_id:
            return
        if self._model.row_at(row).sound is not None:
            self._on_chosen(row)
        else:
            QTimer.singleShot(_LATER_MS, self, lambda: self._on_fetched(sound_id))

    def _on_started(self, row: int) -> None:
        found = self._model.row_at(row)
        if found.sound is not None:
            self.started.emit(found.sound, found.match)
