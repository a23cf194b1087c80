"""REAPER, which runs our script: requests go through its web remote, or through a folder.

Source: the comments of REAPER's own ``main.js`` on the requests of its web remote.  The script is
``assets/reaper/soundsift.lua``; a request and its answer are one line, ``key=value&key=value``.
"""

from __future__ import annotations

import http.client
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlencode

from engine import durable
from engine.errors import reason
from engine.handover.targets.target import Address, Place, Project, TargetError

PATIENCE_S = 4.0  # REAPER's script looks thirty times a second, and inserting takes a moment
_POLL_S = 0.05
_SECTION = "soundsift"
_SCRIPT = "run the action soundsift.lua in REAPER (Actions, Load ReaScript), and leave it running"


class Courier(Protocol):
    """Carries a request to the script."""

    def ask(self, request: str, is_answer: Callable[[str], bool]) -> str:
        """Return the answer to a request.

        :raises TargetError: none comes.
        """


class Reaper:
    """REAPER by way of our script."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def test(self) -> str:
        """Return its version."""
        return f"REAPER {self._ask(do='ping').get('version', '')}".strip()

    def project(self) -> Project | None:
        """Return the project, with a folder once it was saved."""
        answer = self._ask(do="project")
        folder = answer.get("folder", "")
        return Project(answer.get("name", ""), Path(folder) if folder else None)

    def spot(self, file: Path, place: Place) -> None:
        """Insert a file at the cursor, on the selected track there, or in the selected items."""
        self._ask(do=place, path=str(file))

    def _ask(self, **fields: str) -> dict[str, str]:
        request_id = secrets.token_hex(8)

        def is_answer(text: str) -> bool:
            return dict(parse_qsl(text, keep_blank_values=True)).get("id") == request_id

        request = urlencode({"id": request_id, **fields}, quote_via=quote)
        answer = dict(parse_qsl(self._courier.ask(request, is_answer), keep_blank_values=True))
        if answer.get("ok") != "1":
            raise TargetError(f"REAPER: {answer.get('said') or 'the script failed'}")
        return answer


class WebRemote:
    """REAPER's web remote (Preferences, Control/OSC/web)."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def ask(self, request: str, is_answer: Callable[[str], bool]) -> str:
        """Set the request, and look for the answer until it is there."""
        commands = [f"SET/EXTSTATE/{_SECTION}/request/{quote(request, safe='')}"]
        if self._address.action:
            commands.append(quote(self._address.action, safe="_"))
        self._get(commands)
        try:
            return self._answer(is_answer)
        except TargetError:
            with suppress(TargetError):  # or the script, started later, would obey it then
                self._get([f"SET/EXTSTATE/{_SECTION}/request/"])
            raise

    def _answer(self, is_answer: Callable[[str], bool]) -> str:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            for line in self._get([f"GET/EXTSTATE/{_SECTION}/answer"]).splitlines():
                parts = line.split("\t")
                if parts[:3] == ["EXTSTATE", _SECTION, "answer"] and is_answer(parts[-1]):
                    return parts[-1]
            time.sleep(_POLL_S)
        raise TargetError(f"REAPER answers, but our script in it does not: {_SCRIPT}")

    def _get(self, commands: list[str]) -> str:
        host, port = self._address.host, self._address.port
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/_/" + ";".join(commands))
            response = connection.getresponse()
            text = response.read(1 << 20).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TargetError(
                f"REAPER does not answer at {host}:{port} ({_why(error)}): turn on its web "
                "interface in its preferences, under Control/OSC/web"
            ) from None
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise TargetError(
                f"what answers at {host}:{port} is not REAPER's web interface, or it asks for a "
                f"password ({response.status}): see its preferences, under Control/OSC/web"
            )
        return text


class FolderBridge:
    """A folder that the script watches, where the web remote is off."""

    _one_at_a_time = threading.Lock()

    def __init__(self, address: Address) -> None:
        self._folder = address.folder

    def ask(self, request: str, is_answer: Callable[[str], bool]) -> str:
        """Put the request into the folder, and wait for the answer beside it."""
        folder = self._folder
        if folder is None:
            raise TargetError("REAPER needs a folder to look for requests in: choose one")
        asked, answer = folder / "request.txt", folder / "answer.txt"
        with self._one_at_a_time:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                answer.unlink(missing_ok=True)
                durable.put_file(asked, request.encode())
            except OSError as error:
                raise TargetError(
                    f"nothing can be written into {folder} ({reason(error)}): choose another folder"
                ) from None
            try:
                return self._answer(answer, is_answer)
            finally:
                with suppress(OSError):
                    asked.unlink(missing_ok=True)  # or REAPER would obey it hours later

    def _answer(self, answer: Path, is_answer: Callable[[str], bool]) -> str:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with suppress(OSError, UnicodeDecodeError):
                text = answer.read_text(encoding="utf-8").strip()
                if is_answer(text):
                    answer.unlink(missing_ok=True)
                    return text
            time.sleep(_POLL_S)
        raise TargetError(f"REAPER took no request from {self._folder}: {_SCRIPT}")


def _why(error: Exception) -> str:
    return "it took too long" if isinstance(error, TimeoutError) else reason(error)
