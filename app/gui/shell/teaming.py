"""A team's library in its window: its name and whether its server answers, in the status bar."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import QObject

from app.gui.kit.members import clock
from app.gui.shell.libraries import library_name
from app.gui.shell.rights import Rights
from app.gui.shell.rooms import Rooms
from engine.paths import is_server
from engine.plain_text import one_line
from engine.store.records import Behind
from engine.store.roles import CURATOR, Membership

_TOPIC = "offline"


class Teaming(QObject):
    """Lets the window follow what one may, and whether the server answers."""

    def __init__(self, rooms: Rooms, rights: Rights, parent: QObject) -> None:
        super().__init__(parent)
        self._rooms, self._rights = rooms, rights
        rooms.others.offline_changed.connect(self._follow_server)
        rooms.others.membership_changed.connect(self._know)

    def begin(self) -> None:
        """Show whose library was opened."""
        self._follow_rights()
        place = self._rooms.context.place
        if is_server(place):
            self._rooms.welcome.demo.hide()  # a team wants nobody's
            self._rooms.status.show_team(one_line(library_name(place)))

    def _follow_rights(self) -> None:
        context = self._rooms.context
        self._rights.follow()
        if is_server(context.place):
            self._rooms.welcome.add.setEnabled(context.may(CURATOR))

    def _know(self, membership: Membership) -> None:
        self._rooms.context.membership = membership
        self._follow_rights()

    def _follow_server(self, behind: Behind | None) -> None:
        rooms = self._rooms
        rooms.context.offline = behind
        self._follow_rights()
        if behind is None:
            rooms.status.show_trouble("")
            rooms.notice.take_back(_TOPIC)
            rooms.status.say(self.tr("The server answers again"))
            return
        since = clock(datetime.fromtimestamp(behind.at_s, UTC))
        if behind.is_away:
            rooms.status.show_trouble(self.tr("The server of the team's library does not answer"))
            said = self.tr(
                "Offline since {}: what you see was there then; nothing can be changed until the "
                "server answers"
            ).format(since)
        else:
            rooms.status.show_trouble(behind.why[:1].upper() + behind.why[1:])
            said = self.tr("Nothing can be changed, and you see what was there at {}: {}").format(
                since, behind.why
            )
        rooms.notice.offer(_TOPIC, said, self.tr("Try now"), rooms.others.look)
