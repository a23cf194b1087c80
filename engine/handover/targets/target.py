"""What a program is to us that takes sounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from engine.errors import SoundsiftError

Place = Literal["cursor", "track", "replace"]


class TargetError(SoundsiftError):
    """The program does not answer, or refuses."""


@dataclass(frozen=True)
class Address:
    """Where a program listens; ``folder`` is where it looks for requests, if it does that.

    ``action`` is the command id of a script that it should run, where one is needed.
    """

    host: str = "127.0.0.1"
    port: int = 0
    folder: Path | None = None
    action: str = ""


@dataclass(frozen=True)
class Project:
    """What is open in a program: its name, and the folder of its sounds; None if unknown."""

    name: str
    folder: Path | None


class Target(Protocol):
    """A program that takes sounds; every method asks it and waits a few seconds at most.

    :raises TargetError: from every method: it does not answer, or refuses, and what to do.
    """

    def test(self) -> str:
        """Return what answered, such as ``REAPER 7.22``."""

    def project(self) -> Project | None:
        """Return what is open in it, None where it does not say."""

    def spot(self, file: Path, place: Place) -> None:
        """Put a file at a place of what is open in it."""
