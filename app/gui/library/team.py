"""Who uses a team's library, what they may, and who listens for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.labels import BreakingLabel
from app.gui.kit.members import clock, role_name
from app.gui.kit.plain import PlainLabel
from app.gui.kit.tables import TextTable
from app.gui.kit.text import counted, number
from engine.paths import is_server
from engine.progress import Control
from engine.store import Library
from engine.store.claims import workers
from engine.store.records import Worker
from engine.store.team import Presence, presence

_LOOK_MS = 4000
_HERE = "●"


@dataclass(frozen=True)
class _Seen:
    presence: Presence
    workers: list[Worker]


class Team(QDialog):
    """People with their roles, who of them is here, and workers; it looks again while it is open.

    On a library that is a file it says that there is no team.
    """

    def __init__(self, parent: QWidget, context: Context) -> None:
        super().__init__(parent)
        self._context = context
        self.setWindowTitle(self.tr("Team"))
        self.says = BreakingLabel()
        self.people = TextTable((self.tr("Name"), self.tr("Role"), self.tr("Here now")), wide=0)
        self.listening = PlainLabel(self.tr("Computers that listen to new sounds"))
        self.listening.setProperty("role", "heading")
        self.workers = TextTable(
            (self.tr("Computer"), self.tr("Since"), self.tr("Sounds"), self.tr("Speed")),
            wide=0,
            right=(2, 3),
        )
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(push_button(self.tr("Close"), self.close))
        column = QVBoxLayout(self)
        column.addWidget(self.says)
        column.addWidget(self.people, 2)
        column.addWidget(self.listening)
        column.addWidget(self.workers, 1)
        column.addLayout(buttons)
        self._look = QTimer(self, interval=_LOOK_MS)
        self._look.timeout.connect(self._ask)
        place = context.place
        if is_server(place):
            self._address = place
            fit(self, 560, 420)
            self.says.setText(self.tr("Asking the server …"))
            self._look.start()
            self._ask()
        else:
            self._say_alone()

    def _say_alone(self) -> None:
        for widget in (self.people, self.listening, self.workers):
            widget.hide()
        self.says.setText(
            self.tr(
                "This library is a file, and yours alone. A team shares a library on a server: "
                "open one with File, Open team library."
            )
        )
        fit(self, 460, 120)

    def _ask(self) -> None:
        library, address = self._context.opened.library, self._address

        def work(control: Control) -> _Seen:
            return _look(library, address)

        if not self._context.jobs.is_running("team"):
            self._context.jobs.start("read", work, self._show, self._refuse, newest="team")

    def _show(self, seen: _Seen) -> None:
        here = sum(1 for person in seen.presence.people if person.connections)
        one, many = self.tr("One person is here."), self.tr("{} people are here.")
        me = self.tr("You are {}, {}.").format(
            seen.presence.me.name, role_name(seen.presence.me.role)
        )
        self.says.set_role("")
        self.says.setText(f"{counted(here, one, many)} {me}")
        self.people.fill(
            [
                (person.name, role_name(person.role), _HERE if person.connections else "")
                for person in seen.presence.people
            ]
        )
        self.listening.setVisible(bool(seen.workers))
        self.workers.setVisible(bool(seen.workers))
        self.workers.fill([self._row(worker) for worker in seen.workers])

    def _refuse(self, sentence: str) -> None:
        self.says.set_role("warning")
        self.says.setText(sentence[:1].upper() + sentence[1:])

    def _row(self, worker: Worker) -> tuple[str, str, str, str]:
        since = clock(datetime.fromtimestamp(worker.began_ms / 1000, UTC))
        speed = self.tr("{} × real time").format(number(round(worker.rate))) if worker.rate else ""
        return worker.name, since, number(worker.sounds), speed


def _look(library: Library, address: str) -> _Seen:
    return _Seen(presence(address), workers(library))
