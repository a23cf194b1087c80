"""Chosen rows on their way out of the window; those that were never in view are read first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QDrag, QGuiApplication

from app.gui.kit.context import Context
from app.gui.kit.files import mime_of_sounds, was_taken
from app.gui.search.results_view import ResultsView
from engine.store import SoundRow

FilesOf = Callable[[Sequence[SoundRow]], Sequence[Path] | None]


def _themselves(sounds: Sequence[SoundRow]) -> Sequence[Path]:
    return [Path(sound.path) for sound in sounds]


class SelectedSounds(QObject):
    """Gives the sounds of rows, at once where they are known, and lets them be dragged.

    ``files_of`` gives the files that leave for them, None while those are being made; ``dragged``
    gives the sounds that another program took.
    """

    dragged = Signal(list)

    def __init__(self, context: Context, view: ResultsView) -> None:
        super().__init__(view)
        self._context, self._view = context, view
        self.files_of: FilesOf = _themselves
        view.drag_wanted.connect(self._drag_chosen)

    def sounds(self, rows: Sequence[int], use: Callable[[list[SoundRow]], None]) -> None:
        """Give the sounds of rows, in their order."""
        model, session = self._view.results, self._context.session
        ids = [model.id_at(row) for row in rows]
        known = model.known(ids)
        missing = [i for i in ids if i not in known]
        if not missing or session is None:
            use([known[i] for i in ids if i in known])
            return
        library = session.library

        def ready(read: dict[int, SoundRow]) -> None:
            found = known | read
            use([found[i] for i in ids if i in found])

        self._context.jobs.start(
            "read", lambda control: library.sounds(missing), ready, newest="taking"
        )

    def _drag_chosen(self) -> None:
        self.sounds(self._view.chosen_rows(), self._drag)

    def _drag(self, sounds: list[SoundRow]) -> None:
        """Let them be dropped elsewhere, unless the button was let go while they were read.

        Where their files are still being made they can only be dropped in our own window.
        """
        if not sounds or not QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            return
        files = self.files_of(sounds)
        drag = QDrag(self._view)
        drag.setMimeData(mime_of_sounds(sounds, files or ()))
        if was_taken(drag) and files:
            self.dragged.emit([sound.id for sound in sounds])
