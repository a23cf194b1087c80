"""``soundsift window``, and ``soundsift`` alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from app.cli.arguments import Command, everywhere, several
from app.cli.invocation import Invocation
from engine.errors import SoundsiftError
from engine.paths import Place, is_server, refuse_no_file


@click.command(cls=Command)
@several("sounds", "FILE", help="sounds to search by")
@everywhere
def window(invocation: Invocation, sounds: tuple[Path, ...]) -> int:
    """Open the window."""
    for sound in sounds:
        refuse_no_file(sound)
    return open_window(invocation.library, [sound.absolute() for sound in sounds])


def open_window(library: Place | None, sounds: Sequence[Path] = ()) -> int:
    """Open the window; where Qt cannot, say what is missing.

    :raises LibraryError: the library's address holds a password, or cannot be read.
    """
    if library is not None and is_server(library):
        from engine.store.server import parts

        parts(library)  # the window shows addresses, and remembers them
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
    return run(library, sounds)
