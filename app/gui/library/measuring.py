"""Measuring, in the background, how loud sounds are that the library knew before."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, QTimer

from app.gui.kit.context import Context
from app.gui.library.indexing import Indexing
from app.gui.library.library_controller import LibraryController
from engine.errors import RefusedError
from engine.index.loudness import measure_some
from engine.progress import Control
from engine.store import Library, MeasuredLoudness
from engine.store.loudness import put_loudness

_BEGIN_MS = 5000  # after the window has something to show
_PAUSE_MS = 200  # between two pieces, in which others have the disk
_PIECE_S = 3.0  # of work, which is kept when the window closes


class Measuring(QObject):
    """Measures a few sounds at a time, as long as any wait and nothing is being indexed.

    Indexing measures what it hears, and at its end what waits.
    """

    def __init__(
        self, context: Context, library_controller: LibraryController, indexing: Indexing
    ) -> None:
        super().__init__(library_controller)
        self._context, self._indexing = context, indexing
        self._library: Library | None = None
        self._behind = 0  # the last sound that was measured, or could not be read
        self._wait = QTimer(self, interval=_BEGIN_MS, singleShot=True)
        self._wait.timeout.connect(self._measure)

    def begin(self) -> None:
        """Measure what waits, soon."""
        if not self._context.jobs.is_running("measuring"):
            self._wait.start(_BEGIN_MS)

    def _measure(self) -> None:
        session = self._context.session
        if session is None:
            return
        if self._indexing.is_on:
            self._wait.start(_BEGIN_MS)
            return
        library = session.library
        if library is not self._library:
            self._library, self._behind = library, 0
        behind = self._behind

        def work(control: Control) -> Mapping[int, MeasuredLoudness | None]:
            return measure_some(library, control, _PIECE_S, behind)

        self._context.jobs.start("read", work, self._keep, newest="measuring")

    def _keep(self, found: Mapping[int, MeasuredLoudness | None]) -> None:
        if not found:
            return
        self._behind = max(found)
        measured = {i: loudness for i, loudness in found.items() if loudness is not None}
        library = self._context.opened.library
        self._context.jobs.start(
            "write",
            lambda control: _put(library, measured),
            lambda was_kept: self._wait.start(_PAUSE_MS) if was_kept else None,
        )


def _put(library: Library, measured: Mapping[int, MeasuredLoudness]) -> bool:
    """Keep what was measured; return whether who asks may: else measuring it is in vain."""
    try:
        put_loudness(library, measured)
    except RefusedError:
        return False
    return True
