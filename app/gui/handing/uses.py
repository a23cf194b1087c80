"""What leaves the window is marked as used, afterwards and in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from app.gui.kit.context import Context
from engine.handover.used import note_handed
from engine.progress import Control


class Uses(QObject):
    """Notes uses in jobs, unless its user does not want that; ``marked`` tells of which sounds."""

    marked = Signal(list)

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context

    def note(
        self, ids: Sequence[int], target: str, find_project: Callable[[], str] | None = None
    ) -> None:
        """Note that sounds went to a program or folder.

        :param find_project: asks what they are for where the user has not said it; in a job.
        """
        session, settings = self._context.session, self._context.settings.now
        if not ids or session is None or not settings.note_uses:
            return
        library, given = session.library, list(dict.fromkeys(ids))

        def note(project: str) -> None:
            self._context.jobs.start(
                "write",
                lambda control: note_handed(library, given, target, project),
                lambda is_noted: self.marked.emit(given) if is_noted else None,
            )

        def find(control: Control) -> str:
            return find_project() if find_project is not None else ""

        if settings.project or find_project is None:
            note(settings.project)
        else:
            self._context.jobs.start("read", find, note)
