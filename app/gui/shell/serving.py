"""Other programs that search: a server that runs while its switch is on and the window open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.gui.kit.context import Context
from app.serve_process import Served, ServeProcess, can_serve
from engine.errors import SoundsiftError
from engine.progress import Control


class Serving(QObject):
    """Starts and stops the server; ``served`` is where it answers, ``problem`` why it does not."""

    changed = Signal()
    _ended = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._process = ServeProcess(context.place)
        self.is_possible: bool | None = None  # until it was looked whether it is installed
        self.served: Served | None = None
        self.problem = ""
        self._ended.connect(self._stopped)

    @property
    def is_wanted(self) -> bool:
        """Return whether the switch is on."""
        return self._context.settings.now.serve

    def begin(self) -> None:
        """Look whether it can be started, and start it if it was on when the window was closed."""
        self._context.jobs.start("read", lambda control: can_serve(), self._looked)

    def _looked(self, is_possible: bool) -> None:
        self.is_possible = is_possible
        if is_possible and self.is_wanted:
            self._start()
        self.changed.emit()

    def switch(self, on: bool) -> None:
        """Start or stop it, and remember that."""
        settings = self._context.settings
        settings.keep(replace(settings.now, serve=on))
        self.served, self.problem = None, ""
        self.changed.emit()
        if on:
            self._start()
        else:
            self._context.jobs.start("read", lambda control: self._process.stop())

    def copy_token(self, copied: object) -> None:
        """Read the token, and hand it to ``copied``."""
        if self.served is None:
            return
        file = self.served.token_file
        self._context.jobs.start("read", lambda control: _read(file), copied)  # type: ignore[arg-type]

    def close(self) -> None:
        """Stop the server, as the window closes."""
        self._process.stop()

    def _start(self) -> None:
        process = self._process

        def work(control: Control) -> Served:
            process.stop()
            return process.start(self._ended.emit)

        self._context.jobs.start("read", work, self._started, self._failed, newest="serve")

    def _started(self, served: Served) -> None:
        if not self.is_wanted:  # it was switched off meanwhile
            self._context.jobs.start("read", lambda control: self._process.stop())
            return
        self.served = served
        self.changed.emit()

    def _failed(self, said: str) -> None:
        self.served, self.problem = None, said
        self._context.say(said, True)
        self.changed.emit()

    def _stopped(self) -> None:
        self._failed(self.tr("The server ended: switch it off and on to start it again"))


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, ValueError):
        raise SoundsiftError(
            f"the token in {file} cannot be read: switch the server on again"
        ) from None
