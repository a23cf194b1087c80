"""A run's log: one JSON object a line, in the order of its steps, no step told twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from engine.errors import InputError

Event = dict[str, Any]
Tell = Callable[[Event], None]


class Board(Protocol):
    """Somewhere else that numbers are shown: TensorBoard's writer, or a test's."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """Take one number."""

    def flush(self) -> object:
        """Write what was taken."""


class Log:
    """Appends events to a file, and tells them.

    A checkpoint notes how long the log was (:meth:`length`); a run that goes on from it cuts
    what a killed run had written since, and writes those lines again as it repeats them.
    """

    def __init__(
        self, path: Path, tell: Tell = lambda event: None, board: Board | None = None
    ) -> None:
        self.path, self.tell, self.board = path, tell, board

    def append(self, event: Event) -> None:
        """Write one event, with its ``step``, and tell it."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        self.tell(event)
        if self.board is not None:
            for name, value in _numbers(event):
                self.board.add_scalar(name, value, event["step"])

    def length(self) -> int:
        """Return how many bytes of the log are on the disk."""
        if self.board is not None:
            self.board.flush()
        try:
            with self.path.open("ab") as file:
                os.fsync(file.fileno())
                return file.tell()
        except FileNotFoundError:
            return 0

    def cut(self, length: int) -> None:
        """Take out what was written after the log was ``length`` bytes long, and half a line."""
        if not self.path.exists():
            return
        with self.path.open("r+b") as file:
            known = file.read(length)
            file.truncate(known.rfind(b"\n") + 1)


def check_tensorboard() -> None:
    """Ask for TensorBoard before hours of work.

    :raises InputError: it is not installed.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        raise InputError(
            "TensorBoard is not installed: install the extra `soundsift[tensorboard]`, or "
            "leave out --tensorboard"
        ) from error


def tensorboard(folder: Path, step: int) -> Board:
    """Return TensorBoard's writer into ``folder``, which forgets what came after ``step``.

    :raises InputError: TensorBoard is not installed.
    """
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    board: Board = SummaryWriter(str(folder), purge_step=step + 1)
    return board


def _numbers(event: Event, prefix: str = "") -> list[tuple[str, float]]:
    """Return an event's numbers as ``event/name`` and value."""
    prefix = prefix or f"{event['event']}/"
    found: list[tuple[str, float]] = []
    for name, value in event.items():
        if isinstance(value, dict):
            found += _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "step":
            found.append((f"{prefix}{name}", float(value)))
    return found
