"""Start a module of ours as a child process, from source or from a bundle.

A bundled program has no ``python -m``: it is started again with :data:`FLAG` and the name of a
module, and hands over to :func:`be_child` before it reads anything else.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FLAG = "--run-module"
MODULES = ("app.background", "app.cli", "app.index_process", "engine.models.trial", "trainer")
NO_CONSOLE: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows opens one otherwise


def command(module: str, *arguments: str) -> list[str]:
    """Return what starts a child process that runs one of :data:`MODULES`."""
    if module not in MODULES:
        raise ValueError(f"{module} is not started as a child process")
    if not is_bundled():
        return [sys.executable, "-m", module, *arguments]
    return [_program(), FLAG, module, *arguments]


def is_bundled() -> bool:
    """Return whether this program runs from a bundle."""
    return bool(getattr(sys, "frozen", False))


def be_child(arguments: Sequence[str]) -> bool:
    """Run the module that a bundled program was started for; False if it was for none.

    :param arguments: those behind the program's name.
    """
    if len(arguments) < 2 or arguments[0] != FLAG or arguments[1] not in MODULES:
        return False
    sys.argv[1:] = arguments[2:]
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    return True


def wait_or_kill(child: subprocess.Popen[bytes], patience_s: float) -> None:
    """Wait until a child that was asked to end has ended, and kill one that does not."""
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _program() -> str:
    # the window's own program has no standard streams on Windows; that beside it has
    beside = Path(sys.executable).with_name("soundsift.exe")
    return str(beside) if sys.platform == "win32" else sys.executable
