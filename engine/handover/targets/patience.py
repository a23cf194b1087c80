"""Programs that may never answer are waited for so long and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from engine.handover.targets.target import TargetError

Result = TypeVar("Result")
PATIENCE_S = 20.0  # a long file is copied into a session or a project


def within(seconds: float, name: str, ask: Callable[[], Result]) -> Result:
    """Return what a function gives that asks a program; what it raises is raised here.

    :param name: of the program.
    :raises TargetError: it takes too long; the function is left to itself.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(ask())
        except BaseException as error:  # raised again by who waits
            errors.append(error)

    thread = threading.Thread(target=run, name=f"asking {name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TargetError(f"{name} took too long to answer: is a dialog open in it?")
    return results[0]
