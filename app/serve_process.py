"""The server as a child of the window, which it ends with."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from engine.children import NO_CONSOLE, command, wait_or_kill
from engine.errors import SoundsiftError
from engine.log import log_end, logger
from engine.paths import Place

PORT = 27637
_PATIENCE_S = 15.0
_KEPT_BYTES = 1 << 14
_ERROR = "error: "
_log = logger("app.serve_process")


@dataclass(frozen=True)
class Served:
    """Where a server answers, and where its token is."""

    address: str
    token_file: Path


def can_serve() -> bool:
    """Return whether what serving needs is installed."""
    return all(find_spec(name) is not None for name in ("mcp", "starlette", "uvicorn"))


class ServeProcess:
    """A server on a library, in a process of its own.

    It may search and copy nothing out; what it needs beside is said on the command line.
    """

    def __init__(self, library: Place, port: int = PORT) -> None:
        self._library, self._port = library, port
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Return whether it answers."""
        return self._child is not None and self._child.poll() is None

    def start(self, ended: Callable[[], None]) -> Served:
        """Start it, and return once it listens.

        :param ended: is called from a thread when it ends by itself.
        :raises SoundsiftError: it cannot listen; the sentence is the child's.
        """
        options = ("--json", "--until-closed", "--port", str(self._port))
        child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command("app.cli", "serve", *options, "--library", str(self._library)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=NO_CONSOLE,
        )
        self._child = child
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise SoundsiftError(self._last_words(child))
        said = json.loads(line)
        threading.Thread(target=self._wait, args=(child, ended), daemon=True).start()
        return Served(said["address"], Path(said["token_file"]))

    def stop(self) -> None:
        """Let it answer what it was asked, and end."""
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        with suppress(OSError):
            child.stdin.close()
        wait_or_kill(child, _PATIENCE_S)

    def _wait(self, child: subprocess.Popen[bytes], ended: Callable[[], None]) -> None:
        assert child.stderr is not None and child.stdout is not None
        wrote = b""
        while read := child.stderr.read1(_KEPT_BYTES):  # type: ignore[attr-defined]
            wrote = (wrote + read)[-_KEPT_BYTES:]
        code = child.wait()
        child.stderr.close()
        child.stdout.close()
        if child is self._child:
            log_end(_log, "the server", code, wrote)
            self._child = None
            ended()

    def _last_words(self, child: subprocess.Popen[bytes]) -> str:
        self._child = None
        _, errors = child.communicate()
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        said = lines[-1].removeprefix(_ERROR) if lines else ""
        return said or f"the server ended without a word (code {child.returncode})"
