"""FMOD Studio, by a stand-in that speaks as its scripting terminal does."""

import json
import re
import socket
import threading
from pathlib import Path

import pytest

from engine.handover.targets import fmod as module
from engine.handover.targets.fmod import Fmod
from engine.handover.targets.target import Address, Project, TargetError


class Terminal:
    """Takes a line of JavaScript, echoes it, and gives what it is worth."""

    def __init__(self, imports: bool = True, understands: bool = True) -> None:
        self.imports, self.understands = imports, understands
        self.imported: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"log(): Connected to FMOD Studio on 127.0.0.1\n\0")
                line = b""
                while not line.endswith(b"\n"):
                    line += connection.recv(1)
                connection.sendall(b"> " + line + self._answer(line.decode()).encode() + b"\n\0")

    def _answer(self, line: str) -> str:
        if not self.understands:
            return "error(): SyntaxError"
        match = re.fullmatch(r'"<(\w+)" \+ "\|" \+ \((.*)\) \+ "\|" \+ "(\w+)>"\n', line)
        assert match is not None
        value = "/projects/Game/Game.fspro"
        asked = re.fullmatch(
            r'studio\.project\.importAudioFile\((".*")\) \? "imported" : "refused"', match[2]
        )
        if asked is not None:
            self.imported.append(json.loads(asked[1]))
            value = "imported" if self.imports else "refused"
        return f"out(): <{match[1]}|{value}|{match[3]}>"

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def terminal():
    opened = []

    def run(**more) -> Terminal:
        opened.append(Terminal(**more))
        return opened[-1]

    yield run
    for each in opened:
        each.close()


def test_a_file_goes_into_the_audio_bin(terminal):
    studio = terminal()
    target = Fmod(Address(port=studio.port))
    assert target.test() == "FMOD Studio, Game.fspro"
    assert target.project() == Project("Game", None)
    target.spot(Path('/s/Tür "1"; \\ creak.wav'), "cursor")
    assert studio.imported == ['/s/Tür "1"; \\ creak.wav']


def test_what_it_refuses_or_does_not_understand_is_a_sentence(terminal, monkeypatch):
    with pytest.raises(TargetError, match=r"did not import x\.wav: see its console"):
        Fmod(Address(port=terminal(imports=False).port)).spot(Path("/x.wav"), "cursor")
    monkeypatch.setattr(module, "PATIENCE_S", 2.0)
    with pytest.raises(TargetError, match=r"did not understand us \(error\(\): SyntaxError"):
        Fmod(Address(port=terminal(understands=False).port)).test()
    with pytest.raises(TargetError, match=r"FMOD Studio does not answer at 127\.0\.0\.1:1 "):
        Fmod(Address(port=1)).test()
