"""``soundsift window``, and ``soundsift`` alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from app.cli.arguments import Command, everywhere
from app.cli.invocation import Invocation
from engine.errors import SoundsiftError


@click.command(cls=Command)
@everywhere
def window(invocation: Invocation) -> int:
    """Open the window."""
    return open_window(invocation.library)


def open_window(library: Path | None) -> int:
    """Open the window; where Qt cannot, say what is missing."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        raise SoundsiftError(
            "there is no screen for the window: start it from a desktop, or use the commands "
            "(soundsift --help)"
        )
    try:
        from app.gui.shell.running import run
    except ImportError as error:
        raise SoundsiftError(
            f"the window cannot open ({error}): install Qt's system libraries, see the README; "
            "the commands work without it: soundsift --help"
        ) from None
    return run(library)
