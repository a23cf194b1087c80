"""Sounds sent into what is open in another program."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject

from app.gui.handing.addresses import address_of, target_of
from app.gui.handing.uses import Uses
from app.gui.kit.context import Context
from app.gui.kit.text import counted
from engine.errors import SoundsiftError
from engine.handover.order import Order
from engine.handover.spotting import Spot, open_project, spot
from engine.handover.targets.registry import TARGETS, open_target
from engine.handover.targets.target import Address, Place
from engine.progress import Control


class Kept(Protocol):
    """Where copies are kept, and how they are named."""

    def folder(self) -> Path:
        """Return the folder."""

    def named(self, orders: Sequence[Order]) -> Sequence[Order]:
        """Return orders with what the library knows of their sounds."""


class Spotting(QObject):
    """Sends sounds to the program that the user chose.

    ``kept`` gives where copies are kept, ``named`` what the library knows of orders: only a job
    may ask them.  ``uses`` is told what was sent.
    """

    def __init__(self, context: Context, kept: Kept, uses: Uses, parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._kept, self._uses = context, kept, uses

    @property
    def title(self) -> str:
        """Return the name of the program."""
        return TARGETS[target_of(self._context.settings.now)].title.split(" (")[0]

    def knows(self, place: Place) -> bool:
        """Return whether the program can put a sound at such a place."""
        return place in TARGETS[target_of(self._context.settings.now)].places

    def send(self, orders: Sequence[Order], ids: Sequence[int], place: Place) -> None:
        """Send sounds to a place of what is open there.

        :param ids: of the sounds, in the order of ``orders``.
        """
        title, settings, kept = self.title, self._context.settings.now, self._kept
        if not self.knows(place):
            said = self.tr("{} cannot do that: send to the cursor instead (P)").format(title)
            self._context.say(said, True)
            return
        if not orders:
            self._context.say(self.tr("choose a sound to send first"), True)
            return
        name = target_of(settings)
        address = address_of(settings, name)
        sent: list[Path] = []

        def work(control: Control) -> list[Path]:
            target = open_target(name, address)
            altered = any(not order.is_the_file for order in orders)
            wanted = Spot(place, kept.folder() if altered else Path(), settings.spot_in_project)
            return spot(kept.named(orders), target, wanted, control, sent.append)

        def note() -> None:
            find = partial(_project, name, address)
            self._uses.note(ids[: len(sent)], title, find)

        def done(files: list[Path]) -> None:
            note()
            one = self.tr("{} sent to {}").format(files[0].name, title)
            many = self.tr("{} sounds sent to {}").format("{}", title)
            self._context.say(counted(len(files), one, many))

        def failed(said: str) -> None:
            note()
            self._context.say(said, True, True)

        sending = self.tr("Sending to {}").format(title)
        self._context.jobs.start(
            "read", work, done, failed, title=sending, stopped=note, lasts=True
        )


def _project(name: str, address: Address) -> str:
    """Return what is open in a program, empty where that cannot be learnt."""
    try:
        return open_project(open_target(name, address))
    except SoundsiftError:
        return ""
