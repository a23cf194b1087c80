"""Opening a team's library: its address, tried before it is opened."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCompleter,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.jobs import Job, belongs_to
from app.gui.kit.labels import BreakingLabel
from app.gui.kit.plain import PlainLabel
from app.gui.kit.text import counted
from engine.progress import Control
from engine.store.roles import ADMIN, CURATOR, EDITOR, READER
from engine.store.team import Tried, log_in, try_address

_WIDTH = 620
_LINES = 4  # that an answer may take
_PASSWORDS = "~/.pgpass" if sys.platform != "win32" else r"%APPDATA%\postgresql\pgpass.conf"


class OpenTeam(QDialog):
    """Asks for an address; ``chosen`` gives one at which a library has answered.

    The server is asked in a job, of which nothing more is heard once it was stopped.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget, context: Context, known: Sequence[str]) -> None:
        super().__init__(parent)
        self._context = context
        self._job: Job | None = None
        self.setWindowTitle(self.tr("Open team library"))
        self.address = QLineEdit(known[0] if known else "")
        self.address.setPlaceholderText("postgresql://USER@SERVER/DATABASE")
        self.address.setCompleter(QCompleter(list(known), self))
        self.address.textEdited.connect(lambda _: self._forget())
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setPlaceholderText(self.tr("only if the server asks for one"))
        self.password.textEdited.connect(lambda _: self._forget())
        hint = BreakingLabel(
            self.tr(
                "A password goes into this computer's keyring; {} and PGPASSWORD work, too. "
                "Whoever looks after the library can tell you the address."
            ).format(_PASSWORDS)
        )
        hint.setProperty("role", "dim")
        self.says = BreakingLabel()
        self.says.setMinimumHeight(_LINES * self.fontMetrics().lineSpacing())
        self.says.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setAccessibleName(self.tr("Progress"))
        room = self.busy.sizePolicy()
        room.setRetainSizeWhenHidden(True)  # nothing moves when it comes and goes
        self.busy.setSizePolicy(room)
        self._make_buttons()
        self._lay_out(hint)
        self._show_state()
        self.finished.connect(lambda _: self.stop())
        self.finished.connect(self.deleteLater)
        fit(self, _WIDTH, self.sizeHint().height())

    def test(self) -> None:
        """Ask the server, and say what answers."""
        self._ask(self._tell)

    def accept(self) -> None:
        """Ask the server, and open the library if it answers."""
        self._ask(self._open)

    def stop(self) -> None:
        """Wait for the server no longer."""
        if self._job is not None:
            self._job.cancel()
        self._forget()

    def _make_buttons(self) -> None:
        self.tries = push_button(self.tr("Test connection"), self.test, "connect")
        self.stops = push_button(self.tr("Stop"), self.stop, "stop")
        self.leaves = push_button(self.tr("Cancel"), self.reject)
        self.opens = push_button(self.tr("Open"), self.accept, "accept", default=True)

    def _lay_out(self, hint: QWidget) -> None:
        form = QFormLayout()
        label = PlainLabel(self.tr("Address"))
        label.setBuddy(self.address)
        form.addRow(label, self.address)
        label = PlainLabel(self.tr("Password"))
        label.setBuddy(self.password)
        form.addRow(label, self.password)
        form.addRow("", hint)
        buttons = QHBoxLayout()
        buttons.addWidget(self.tries)
        buttons.addWidget(self.stops)
        buttons.addStretch(1)
        buttons.addWidget(self.leaves)
        buttons.addWidget(self.opens)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addSpacing(8)
        column.addWidget(self.says)
        column.addWidget(self.busy)
        column.addStretch(1)
        column.addLayout(buttons)

    def _ask(self, done: Callable[[Tried], None]) -> None:
        address, password = self.address.text().strip(), self.password.text()

        def work(control: Control) -> Tried:
            if password:
                log_in(address, password)
            return try_address(address)

        self._say(self.tr("Asking the server …"))
        self._job = self._context.jobs.start(
            "read",
            work,
            belongs_to(self, done),
            failed=belongs_to(self, self._refuse),
            newest="team library",
        )
        self._show_state()

    def _tell(self, tried: Tried) -> None:
        self._job = None
        one, many = self.tr("Connected: one sound, {}."), self.tr("Connected: {} sounds, {}.")
        role = {
            READER: self.tr("you are a reader"),
            EDITOR: self.tr("you are an editor"),
            CURATOR: self.tr("you are a curator"),
            ADMIN: self.tr("you are an admin"),
        }[tried.membership.role]
        self._say(counted(tried.sounds, one, many, role))
        self._show_state()

    def _open(self, tried: Tried) -> None:
        self._job = None
        address = self.address.text().strip()
        super().accept()
        self.chosen.emit(address)

    def _refuse(self, sentence: str) -> None:
        self._job = None
        self._say(sentence[:1].upper() + sentence[1:], warning=True)
        self._show_state()

    def _forget(self) -> None:
        """Take back what was said of an address that may be another one now."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._say("")
        self._show_state()

    def _say(self, text: str, warning: bool = False) -> None:
        self.says.setText(text)
        self.says.set_role("warning" if warning else "")

    def _show_state(self) -> None:
        asking = self._job is not None
        self.busy.setVisible(asking)
        self.stops.setVisible(asking)
        self.tries.setVisible(not asking)
        self.opens.setEnabled(not asking)
