"""FMOD Studio, whose scripting terminal takes lines of JavaScript at a port of this computer.

Untested against FMOD Studio itself.  Source: its manual, "Scripting API Reference, Terminal".
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import time
from pathlib import Path

from engine.errors import reason
from engine.handover.targets.target import Address, Place, Project, TargetError

PATIENCE_S = 10.0  # a long file is copied into the project
_MOST_BYTES = 1 << 20


class Fmod:
    """The project that is open in FMOD Studio; sounds go into its audio bin."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def test(self) -> str:
        """Return the project's name."""
        return f"FMOD Studio, {Path(self._run('studio.project.filePath')).name or 'no project'}"

    def project(self) -> Project | None:
        """Return the project; its own copies of sounds lie where it decides."""
        return Project(Path(self._run("studio.project.filePath")).stem, None)

    def spot(self, file: Path, place: Place) -> None:
        """Import a file into the audio bin."""
        path = json.dumps(file.absolute().as_posix())
        said = self._run(f'studio.project.importAudioFile({path}) ? "imported" : "refused"')
        if said != "imported":
            raise TargetError(f"FMOD Studio did not import {file.name}: see its console")

    def _run(self, expression: str) -> str:
        """Return the value of an expression, which is found by marks around it."""
        mark = secrets.token_hex(8)
        line = f'"<{mark}" + "|" + ({expression}) + "|" + "{mark}>"\n'
        host, port = self._address.host, self._address.port
        try:
            with socket.create_connection((host, port), timeout=PATIENCE_S) as connection:
                connection.sendall(line.encode())
                return _value(connection, mark)
        except OSError as error:
            raise TargetError(
                f"FMOD Studio does not answer at {host}:{port} ({reason(error)}): open a project "
                "in it on this computer"
            ) from None


def _value(connection: socket.socket, mark: str) -> str:
    """Read until the value stands between its marks; an echo of our line has none there."""
    wanted = re.compile(rf"<{mark}\|(.*?)\|{mark}>", re.DOTALL)
    until = time.monotonic() + PATIENCE_S
    heard = b""
    while len(heard) < _MOST_BYTES and time.monotonic() < until:
        block = connection.recv(4096)
        if not block:
            break
        heard += block
        found = wanted.search(heard.decode("utf-8", "replace"))
        if found is not None:
            return found[1]
    said = heard.decode("utf-8", "replace").replace("\0", "").strip().splitlines()
    raise TargetError(
        f"FMOD Studio did not understand us ({said[-1][:200] if said else 'it said nothing'}): "
        "is a project open in it?"
    )
