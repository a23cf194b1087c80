"""Files that leave the window: rendered in advance, kept for good once dragged or copied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject

from app.gui.kit.context import Context
from app.gui.kit.text import tr
from engine.errors import AudioError, InputError
from engine.handover.door import Prepared, hand_over, keep, prepare
from engine.handover.known import named_orders
from engine.handover.order import Order
from engine.handover.room import HIDDEN, Room, make_room, remove_leftovers
from engine.paths import data_folder, ranges_folder
from engine.progress import Control, Progress

_LONG_S = 60.0


class Parts(QObject):
    """Sounds and parts of them as files of their own.

    What may be dragged next is made out of sight, beside where it would be kept, so that it can
    be dragged at once; only a drag or a copy moves it there, and there it stays.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._one_at_a_time = threading.Lock()  # so that no more is ever prepared than the newest
        self._room: Room | None = None
        self._ready: tuple[tuple[Order, ...], list[Prepared]] | None = None
        self._problem = ""

    def prepare(self, orders: Sequence[Order], seconds: float = 0.0) -> None:
        """Make files in the background, so that they can be dragged at once.

        :param seconds: how much sound that is; long ones are shown with their progress.
        """
        self._ready, self._problem = None, ""
        wanted, chosen = tuple(orders), self.chosen

        def work(control: Control) -> list[Prepared]:
            with self._one_at_a_time:
                room = self._open(chosen)
                room.clear()
                orders = self.named(wanted)
                return [prepare(o, room.target, room.place, control) for o in orders]

        def ready(made: list[Prepared]) -> None:
            self._ready = (wanted, made)

        def failed(said: str) -> None:
            self._problem = said
            self._context.say(said, True)

        self._context.jobs.start(
            "read",
            work if wanted else lambda control: [],
            ready,
            failed,
            title=tr("Rendering") if seconds > _LONG_S or len(wanted) > 1 else None,
            newest="render",
        )

    @property
    def chosen(self) -> Path | None:
        """Return the folder that the user chose, None without a choice."""
        kept = self._context.settings.now.ranges_folder
        return Path(kept) if kept else None

    def is_ready(self, orders: Sequence[Order]) -> bool:
        """Return whether the files of these orders can be dragged or copied now."""
        return self._ready is not None and self._ready[0] == tuple(orders)

    def keep(self, orders: Sequence[Order]) -> list[Path] | None:
        """Return the lasting files of orders, None while they are being made.

        :raises AudioError: they could not be made, or cannot be kept.
        """
        if self._problem:
            raise AudioError(self._problem)
        if self._ready is None or not self.is_ready(orders):
            return None
        wanted, made = self._ready
        try:
            kept = [keep(prepared) for prepared in made]
        except FileNotFoundError:  # somebody took it away, or changed it or its source
            self.prepare(wanted)
            return None
        self._ready = (wanted, kept)
        return [prepared.file for prepared in kept]

    def make(self, orders: Sequence[Order], done: Callable[[list[Path]], None]) -> None:
        """Give lasting files of orders once they are made; an untouched file is given itself."""
        chosen = self.chosen

        def work(control: Control) -> list[Path]:
            made = []
            for number, order in enumerate(self.named(orders)):
                control.report(Progress("rendering", number, len(orders)))
                silent = Control(cancel=control.cancel)
                made.append(order.path if order.is_the_file else self._made(order, chosen, silent))
            return made

        altered = any(not order.is_the_file for order in orders)
        title = tr("Rendering") if altered else None
        self._context.jobs.start("read", work, done, title=title, newest="copies")

    def named(self, orders: Sequence[Order]) -> Sequence[Order]:
        """Return orders with what the library knows of their sounds; only jobs may ask."""
        session = self._context.session
        return named_orders(session.library, orders) if session is not None else orders

    def folder(self) -> Path:
        """Return the folder in which files are kept; only jobs may ask.

        :raises InputError: nothing can be written there.
        """
        with self._one_at_a_time:
            return self._open(self.chosen).target

    def _made(self, order: Order, chosen: Path | None, control: Control) -> Path:
        with self._one_at_a_time:
            target = self._open(chosen).target
        return hand_over(order, target, control)

    def place(self, done: Callable[[Path], None], failed: Callable[[str], None]) -> None:
        """Give the folder in which ranges are kept, or the sentence that says why they cannot."""
        chosen = self.chosen

        def work(control: Control) -> Path:
            with self._one_at_a_time:
                return self._open(chosen).target

        self._context.jobs.start("read", work, done, failed, newest="ranges")

    def tidy(self) -> None:
        """Remove what an earlier window prepared and could not clean up."""
        folders = [self.chosen] if self.chosen else [ranges_folder(), _last_resort()]

        def work(control: Control) -> None:
            for folder in folders:
                remove_leftovers(folder / HIDDEN)

        self._context.jobs.start("read", work)

    def close(self) -> None:
        """Remove what was prepared and never wanted."""
        with self._one_at_a_time:
            if self._room is not None:
                self._room.close()
            self._room = self._ready = None

    def _open(self, chosen: Path | None) -> Room:
        """Return a room to prepare in."""
        target = self._room.target if self._room is not None else None
        wanted = [chosen] if chosen is not None else [ranges_folder(), _last_resort()]
        if self._room is not None and target in wanted and self._room.place.is_dir():
            return self._room
        if self._room is not None:
            self._room.close()
            self._room = None
        self._room = open_room(chosen)
        return self._room


def open_room(chosen: Path | None) -> Room:
    """Make a room in the folder that was chosen; without one in the usual or the last resort.

    :raises InputError: nothing can be written there.
    """
    if chosen is not None:
        try:
            return make_room(chosen, may_create=False)
        except OSError as error:
            raise InputError(_refusal(chosen, error)) from None
    try:
        return make_room(ranges_folder(), may_create=True)
    except OSError:
        try:
            return make_room(_last_resort(), may_create=True)
        except OSError as error:
            raise InputError(_refusal(_last_resort(), error)) from None


def _last_resort() -> Path:
    return data_folder() / "ranges"


def _refusal(folder: Path, error: OSError) -> str:
    reason = tr("it does not exist") if isinstance(error, FileNotFoundError) else error.strerror
    said = tr("ranges cannot be saved in {} ({}): choose another folder in Preferences")
    return said.format(folder, reason or error)
