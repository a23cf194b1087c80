"""The library of a window: opened in a job, and whether it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.gui.search.empty_state import Choice
from app.gui.shell.rooms import Rooms
from engine.errors import AwayError
from engine.paths import Place, is_server
from engine.progress import Control
from engine.session import Session, open_library
from engine.store.copies import damage_of, damaged
from engine.store.roles import READER, Membership


@dataclass(frozen=True)
class Opened:
    """A library that was opened, and what one may do in it."""

    session: Session
    membership: Membership


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
        place = self._rooms.context.place
        self._trouble = ""
        self._rooms.jobs.start(
            "write",
            lambda control: _open(place, control),
            self._opened,
            failed=self._failed,
            title=self.tr("Fetching the library") if is_server(place) else None,
            stopped=self._stopped,
        )

    def again(self) -> None:
        """Open it once more, after it could not be opened."""
        self._rooms.empty.say(self.tr("Opening the library …"), "")
        self.begin()

    def has_library(self) -> bool:
        """Return whether the library is open; if it is not, say why."""
        if self._rooms.context.session is None:
            said = self._trouble or self.tr("The library is still being opened")
            self._rooms.status.say(said, True, bool(self._trouble))
        return self._rooms.context.session is not None

    def _opened(self, opened: Opened) -> None:
        rooms, place = self._rooms, self._rooms.context.place
        rooms.context.session, rooms.context.membership = opened.session, opened.membership
        rooms.library_controller.count()
        rooms.roots.look()
        rooms.searching.ask()
        rooms.parts.tidy()
        self.opened.emit()
        rooms.serving.begin()
        rooms.others.begin()
        if not is_server(place):
            file = self._file
            rooms.jobs.start("read", lambda control: damage_of(file, control), self._checked)

    def _stopped(self) -> None:
        self._failed(self.tr("Fetching the library was stopped: opened again, it goes on"))

    @property
    def _file(self) -> Path:
        return Path(self._rooms.context.place)

    def _checked(self, trouble: str) -> None:
        if trouble:
            self._failed(damaged(self._file))

    def _failed(self, text: str) -> None:
        place = self._rooms.context.place
        if not is_server(place) and text == damaged(self._file):
            text = self.tr(
                "{} is not a Soundsift library, or it is damaged: choose Tools, Repair the "
                "library to save what can be saved"
            ).format(place)
        self._rooms.status.say(text, True, True)
        if self._rooms.context.session is None:
            self._trouble = text
            title = self.tr("The library could not be opened")
            self._rooms.empty.say(title, text, self.ways_out)
        elif self.ways_out:
            name, repair = self.ways_out[-1]
            self._rooms.notice.offer("damage", text, name, repair)


def _open(place: Place, control: Control) -> Opened:
    """Open a library, with what a killed run of tagging left behind put in order.

    On a server none is made: an address with a slip in it would leave an empty one.
    """
    from engine.tags.run import settle

    session = open_library(place, make=not is_server(place), following=control)
    try:
        settle(session.library)
        assert session.model_folder  # asked for here, so that the window's thread need not ask
        return Opened(session, membership_of(session))
    except BaseException:
        session.close()
        raise


def membership_of(session: Session) -> Membership:
    """Return what one may: nothing but read, where the server cannot be asked now."""
    try:
        return session.library.database.membership()
    except AwayError:
        return Membership("", READER)
