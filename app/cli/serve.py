"""``soundsift serve``: let other programs on this computer search."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.arguments import FILE, Command, everywhere, flag, option
from app.cli.invocation import Invocation
from app.cli.terminal import as_json
from app.serve_process import PORT
from engine.errors import SoundsiftError
from engine.paths import spelled_out
from engine.plain_text import one_line
from engine.progress import Cancelled, stop_signals

if TYPE_CHECKING:
    from app.serve.desk import Desk

_STDIN = 0


@click.command(cls=Command)
@flag("--mcp", "talk to the agent that started it, over standard input and output")
@option(
    "--port",
    f"port on 127.0.0.1, 0 for any that is free ({PORT})",
    "N",
    type=click.IntRange(0, 65535),
    default=PORT,
)
@option(
    "--hand-over",
    "folder into which sounds may be copied (may be given several times)",
    "FOLDER",
    type=FILE,
    multiple=True,
)
@flag("--allow-changes", "let programs accept and reject tags in the library")
@flag("--new-token", "make a new token, which shuts out programs that know the old one")
@flag("--until-closed", "", hidden=True)
@everywhere
def serve(
    invocation: Invocation,
    mcp: bool,
    port: int,
    hand_over: tuple[Path, ...],
    allow_changes: bool,
    new_token: bool,
    until_closed: bool,
) -> None:
    """Let other programs on this computer search."""
    folders = tuple(Path(spelled_out(folder)) for folder in hand_over)
    with _desk(invocation, folders, allow_changes) as desk:
        if mcp:
            from app.serve.pipe import serve_pipe

            serve_pipe(desk)
        else:
            _listen(invocation, desk, port, new_token, until_closed)


@contextmanager
def _desk(invocation: Invocation, folders: tuple[Path, ...], changes: bool) -> Iterator[Desk]:
    """Open the library for other programs.

    :raises SoundsiftError: there is none, or what serving needs is not installed.
    """
    try:
        import mcp  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise SoundsiftError(
            f"serving needs packages that are not installed ({error.name}): install "
            "soundsift[serve]"
        ) from None
    from app.serve.desk import Desk, Permissions
    from app.serve.handing_over import refuse_no_folder

    for folder in folders:
        refuse_no_folder(folder)
    with invocation.session_to_search() as session:
        yield Desk(session, Permissions(changes, folders))


def _listen(
    invocation: Invocation, desk: Desk, port: int, new_token: bool, until_closed: bool
) -> None:
    from app.serve.listening import HOST, listen, serve
    from app.serve.token import ensure_token, token_file

    with listen(port) as listening, stop_signals() as is_stopped:
        token = ensure_token(new_token)
        address = f"http://{HOST}:{listening.getsockname()[1]}"
        document = {
            "address": address,
            "token_file": str(token_file()),
            "library": desk.session.library.name,
            "may_change_tags": desk.permissions.changes,
            "hand_over_folders": [str(folder) for folder in desk.permissions.folders],
        }
        said = f"answering at {address}, agents at {address}/mcp; the token is in {token_file()}"
        line = as_json(document, None) if invocation.as_json else one_line(said)
        print(line, flush=True)
        is_closed = _input_ends() if until_closed else lambda: False
        serve(desk, token, listening, lambda: is_stopped() or is_closed())
        if is_stopped():
            raise Cancelled


def _input_ends() -> Callable[[], bool]:
    """Return what tells whether standard input has ended, as it does with whoever started us."""
    ended = threading.Event()

    def wait() -> None:
        while os.read(_STDIN, 1024):
            pass
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended.is_set
