"""What the parts of the window share: the library, the jobs, the settings, a voice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.gui.kit.jobs import Jobs
from app.gui.kit.settings import SettingsFile
from app.gui.kit.style.palette import Colours
from engine.paths import Place
from engine.session import Session
from engine.store.records import Behind
from engine.store.roles import OWNER, READER, Membership


class Say(Protocol):
    """Shows a sentence in the status bar."""

    def __call__(self, text: str, warning: bool = False, stays: bool = False) -> None:
        """Show it for a while, or until the next one if it ``stays``."""


@dataclass
class Context:
    """``session`` is None until the library is open."""

    place: Place  # of the library
    jobs: Jobs
    settings: SettingsFile
    colours: Colours
    say: Say
    session: Session | None = None
    membership: Membership = OWNER
    offline: Behind | None = None  # why its server cannot be followed, since when

    @property
    def opened(self) -> Session:
        """Return the session, where it must be open."""
        assert self.session is not None
        return self.session

    def may(self, role: str) -> bool:
        """Return whether one may now what a role may: nobody changes anything offline."""
        return role == READER or (self.offline is None and self.membership.may(role))
