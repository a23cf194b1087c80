"""A server as programs meet it: a process of its own, asked with urllib."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine import open_library
from engine.models.trial import remember_tried
from tests.conftest import write_sounds

END_S = 60


@dataclass
class Served:
    """A running server, and what it was started with."""

    process: subprocess.Popen[str] | None
    address: str
    token: str
    home: Path
    library: Path
    sounds: Path
    copies: Path

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def heads(self, **more: str) -> dict[str, str]:
        given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return given | {name.replace("_", "-"): value for name, value in more.items()}

    def send(
        self, path: str, body: bytes | None = None, heads: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        request = urllib.request.Request(
            self.address + path, body, self.heads() if heads is None else heads
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def ask(self, what: str, **fields: Any) -> Any:
        """Return the answer to a question."""
        status, found = self.send(f"/v1/{what}", json.dumps(fields).encode())
        assert status == 200, found
        return found

    def refusal(self, what: str, **fields: Any) -> tuple[int, str]:
        """Return why a question is not answered."""
        status, found = self.send(f"/v1/{what}", json.dumps(fields).encode())
        assert status != 200 and list(found) == ["error"], found
        return status, found["error"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "SOUNDSIFT_HOME": str(home), "OMP_NUM_THREADS": "1"}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "app.cli", "serve", *map(str, arguments)]


@pytest.fixture(scope="session")
def indexed(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> tuple[Path, Path, Path]:
    """Return a home, a library of twelve sounds in it, and their folder."""
    place = tmp_path_factory.mktemp("served")
    home, sounds = place / "home", write_sounds(place / "sounds")
    odd = sounds / "odd \x1b[31m\u202e name.wav"  # in the list of every search
    (sounds / "tones" / "Sound_01.wav").rename(odd)
    home.mkdir()
    patch = pytest.MonkeyPatch()
    patch.setenv("SOUNDSIFT_HOME", str(home))
    try:
        remember_tried(model_folder)
        with open_library(home / "library.db", str(model_folder)) as session:
            session.index(sounds)
    finally:
        patch.undo()
    return home, home / "library.db", sounds


@pytest.fixture(scope="session")
def start(indexed: tuple[Path, Path, Path]) -> Iterator[Callable[..., Served]]:
    """Return what starts a server; all of them are stopped in the end."""
    pytest.importorskip("mcp", reason="the extra `serve` is not installed")
    home, library, sounds = indexed
    copies = home / "copies"
    running: list[subprocess.Popen[str]] = []

    def started(*arguments: object) -> Served:
        given = ["--library", library, "--port", 0, "--json", *arguments]
        process = subprocess.Popen(
            command(*given),
            env=environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        said = json.loads(line)
        token = Path(said["token_file"]).read_text().strip()
        return Served(process, said["address"], token, home, library, sounds, copies)

    yield started
    for process in running:
        if process.poll() is None:
            process.terminate()
        process.wait(END_S)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="session")
def server(start: Callable[..., Served], indexed: tuple[Path, Path, Path]) -> Served:
    """A server that may do everything."""
    return start("--allow-changes", "--hand-over", indexed[0] / "copies")


@pytest.fixture
def here(indexed: tuple[Path, Path, Path]) -> Callable[..., AbstractContextManager[Served]]:
    """Return what serves in a thread of this process, with limits of a test."""
    pytest.importorskip("mcp", reason="the extra `serve` is not installed")
    from app.serve.desk import Desk
    from app.serve.guard import Limits
    from app.serve.listening import listen, serve

    home, library, sounds = indexed

    @contextmanager
    def served(limits: Limits | None = None) -> Iterator[Served]:
        over, token = threading.Event(), "t" * 43
        with open_library(library) as session, listen(0) as listening:
            port = listening.getsockname()[1]
            # so that the system does not take every answer in the place of who should read it
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            given = (Desk(session), token.encode(), listening, over.is_set, limits)
            thread = threading.Thread(target=serve, args=given)
            thread.start()
            try:
                address = f"http://127.0.0.1:{port}"
                yield Served(None, address, token, home, library, sounds, home / "copies")
            finally:
                over.set()
                thread.join()

    return served
