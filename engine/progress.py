"""Progress of long work, and the wish to stop it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

STOPPED = 130  # the exit code of a command that Ctrl-C ended, as shells have it


class Cancelled(Exception):  # noqa: N818 - a wish, not an error, and never shown
    """Raised inside long work when its user asked to stop; what was done is kept."""


@dataclass(frozen=True)
class Progress:
    """How far a stage is; ``total`` is None while unknown.

    ``left_s`` are the seconds until all stages are done, where that can be told.
    """

    stage: str
    done: int
    total: int | None = None
    note: str = ""
    left_s: float | None = None


def _ignore(progress: Progress) -> None:
    """Take a report and do nothing."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Control:
    """What long work is given: where to report, and how to learn that it should stop."""

    update: Callable[[Progress], None] = _ignore
    cancel: Callable[[], bool] = _never

    def report(self, progress: Progress) -> None:
        """Pass progress on.

        :raises Cancelled: the user asked to stop.
        """
        if self.cancel():
            raise Cancelled
        self.update(progress)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a wish to stop, told by the function that is given."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    names = ("SIGINT", "SIGTERM")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
