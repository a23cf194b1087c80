"""A team's library in its window: its name and whether its server answers, in the status bar."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QObject

from app.gui.kit.members import clock
from app.gui.shell.libraries import library_name
from app.gui.shell.opening import membership_of
from app.gui.shell.rights import Rights
from app.gui.shell.rooms import Rooms
from engine.paths import is_server
from engine.plain_text import one_line
from engine.store.roles import CURATOR, Membership

_TOPIC = "offline"


class Teaming(QObject):
    """Lets the window follow what one may, and whether the server answers."""

    def __init__(self, rooms: Rooms, rights: Rights, parent: QObject) -> None:
        super().__init__(parent)
        self._rooms, self._rights = rooms, rights
        rooms.others.offline_changed.connect(self._follow_server)

    def begin(self) -> None:
        """Show whose library was opened."""
        self._rights.follow()
        place = self._rooms.context.place
        if is_server(place):
            welcome = self._rooms.welcome
            welcome.add.setEnabled(self._rooms.context.may(CURATOR))
            welcome.demo.hide()  # a team wants nobody's
            self._rooms.status.show_team(one_line(library_name(place)))

    def _know(self, membership: Membership) -> None:
        self._rooms.context.membership = membership
        self._rights.follow()

    def _follow_server(self, since: datetime | None) -> None:
        rooms = self._rooms
        rooms.context.offline = since
        self._rights.follow()
        rooms.status.show_offline(since is not None)
        if since is None:
            rooms.notice.take_back(_TOPIC)
            rooms.status.say(self.tr("The server answers again"))
            session = rooms.context.opened
            rooms.jobs.start("read", lambda control: membership_of(session), self._know)
            return
        said = self.tr(
            "Offline since {}: what you see was there then; nothing can be changed until the "
            "server answers"
        ).format(clock(since))
        rooms.notice.offer(_TOPIC, said, self.tr("Try now"), rooms.others.look)
