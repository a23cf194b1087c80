"""The library of a window: opened in a job, and whether it is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.gui.search.empty_state import Choice
from app.gui.shell.rooms import Rooms
from engine.session import Session, open_library
from engine.store.copies import damage_of, damaged


class Opening(QObject):
    """Opens the library, and says why it cannot be opened."""

    opened = Signal()  # the library

    def __init__(self, rooms: Rooms, parent: QObject) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self.ways_out: Sequence[Choice] = ()  # what can be done about a library that is damaged
        self._trouble = ""  # why there is no library

    def begin(self) -> None:
        """Open it, and look in the background whether it is damaged."""
        path = self._rooms.context.library_path
        self._rooms.jobs.start(
            "write", lambda control: _open(path), self._opened, failed=self._failed
        )

    def has_library(self) -> bool:
        """Return whether the library is open; if it is not, say why."""
        if self._rooms.context.session is None:
            said = self._trouble or self.tr("The library is still being opened")
            self._rooms.status.say(said, True, bool(self._trouble))
        return self._rooms.context.session is not None

    def _opened(self, session: Session) -> None:
        rooms, path = self._rooms, self._rooms.context.library_path
        rooms.context.session = session
        rooms.library_controller.count()
        rooms.roots.look()
        rooms.searching.ask()
        rooms.parts.tidy()
        self.opened.emit()
        rooms.serving.begin()
        rooms.others.begin()
        rooms.jobs.start("read", lambda control: damage_of(path, control), self._checked)

    def _checked(self, trouble: str) -> None:
        if trouble:
            self._failed(damaged(self._rooms.context.library_path))

    def _failed(self, text: str) -> None:
        path = self._rooms.context.library_path
        if text == damaged(path):
            text = self.tr(
                "{} is not a Soundsift library, or it is damaged: choose Tools, Repair the "
                "library to save what can be saved"
            ).format(path)
        self._rooms.status.say(text, True, True)
        if self._rooms.context.session is None:
            self._trouble = text
            title = self.tr("The library could not be opened")
            self._rooms.empty.say(title, text, self.ways_out)
        elif self.ways_out:
            name, repair = self.ways_out[-1]
            self._rooms.notice.offer("damage", text, name, repair)


def _open(path: Path) -> Session:
    """Open a library, with what a killed run of tagging left behind put in order."""
    from engine.tags.run import settle

    session = open_library(path)
    settle(session.library)
    assert session.model_folder  # asked for here, so that the window's thread need not ask
    return session
