"""Wwise, by a stand-in that speaks WAMP over a web socket, as its Authoring API does."""

import base64
import hashlib
import json
import socket
import struct
import threading
from pathlib import Path

import pytest

from engine.handover.targets.target import Address, Project, TargetError

pytest.importorskip("waapi", reason="waapi-client is not installed: pip install soundsift[wwise]")

from engine.handover.targets.wwise import Wwise

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


class Studio:
    """A router that is its own callee; ``selected`` is what is selected in Wwise."""

    def __init__(self) -> None:
        self.selected = ["\\Actor-Mixer Hierarchy\\Doors\\Creaks"]
        self.calls: list[tuple[str, dict, dict]] = []
        self.refuses = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as read:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += read.readline()
            lines = [line.partition(b": ") for line in head.split(b"\r\n")]
            fields = {name.lower(): value for name, _, value in lines}
            assert b"wamp.2.json" in fields[b"sec-websocket-protocol"]
            key = hashlib.sha1(fields[b"sec-websocket-key"] + _GUID).digest()
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: wamp.2.json\r\nSec-WebSocket-Accept: "
                + base64.b64encode(key)
                + b"\r\n\r\n"
            )
            while (frame := _frame(read)) is not None:
                opcode, data = frame
                if opcode == 8:
                    _send(connection, 8, data)
                    return
                if opcode == 9:
                    _send(connection, 10, data)
                elif opcode in (1, 2):
                    _send(connection, 1, json.dumps(self._answer(json.loads(data))).encode())

    def _answer(self, message: list) -> list:
        if message[0] == 1:  # HELLO
            return [2, 7, {"roles": {"broker": {}, "dealer": {}}}]
        if message[0] == 6:  # GOODBYE
            return [6, {}, "wamp.close.goodbye_and_out"]
        assert message[0] == 48  # CALL
        _, request, options, uri, *rest = message
        arguments = rest[1] if len(rest) > 1 else {}
        self.calls.append((uri, arguments, options))
        if self.refuses:
            return [
                8,
                48,
                request,
                {},
                "ak.wwise.invalid_arguments",
                [],
                {"message": "no such file"},
            ]
        answers = {
            "ak.wwise.core.getInfo": {"version": {"displayName": "v2023.1.4"}},
            "ak.wwise.core.object.get": {"return": [{"name": "Game"}]},
            "ak.wwise.ui.getSelectedObjects": {"objects": [{"path": p} for p in self.selected]},
            "ak.wwise.core.audio.import": {"objects": [{"id": "{1}", "name": "x"}]},
        }
        return [50, request, {}, [], answers[uri]]


def _frame(read) -> tuple[int, bytes] | None:
    head = read.read(2)
    if len(head) < 2:
        return None
    size = head[1] & 0x7F
    if size == 126:
        size = struct.unpack(">H", read.read(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", read.read(8))[0]
    mask = read.read(4)
    return head[0] & 0x0F, bytes(b ^ mask[n % 4] for n, b in enumerate(read.read(size)))


def _send(connection: socket.socket, opcode: int, data: bytes) -> None:
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
    connection.sendall(bytes([0x80 | opcode]) + size + data)


@pytest.fixture
def studio():
    opened = Studio()
    yield opened
    opened.close()


@pytest.fixture
def wwise(studio) -> Wwise:
    return Wwise(Address(port=studio.port))


def imported(studio) -> dict:
    (arguments,) = [a for uri, a, _ in studio.calls if uri == "ak.wwise.core.audio.import"]
    return arguments


def test_it_tells_its_version_and_project(studio, wwise):
    assert wwise.test() == "Wwise v2023.1.4"
    assert wwise.project() == Project("Game", None)
    assert studio.calls[-1][2] == {"return": ["name"]}


def test_a_sound_goes_into_the_default_work_unit(studio, wwise):
    wwise.spot(Path("/s/Tür.wav"), "cursor")
    assert imported(studio) == {
        "importOperation": "createNew",
        "default": {"importLanguage": "SFX"},
        "imports": [
            {
                "audioFile": "/s/Tür.wav",
                "objectPath": "\\Actor-Mixer Hierarchy\\Default Work Unit\\<Sound SFX>Tür",
            }
        ],
    }


def test_a_sound_goes_below_what_is_selected_or_in_its_place(studio, wwise):
    wwise.spot(Path("/s/a.wav"), "track")
    wanted = "\\Actor-Mixer Hierarchy\\Doors\\Creaks\\<Sound SFX>a"
    assert imported(studio)["imports"][0]["objectPath"] == wanted
    studio.calls.clear()
    wwise.spot(Path("/s/a.wav"), "replace")
    assert imported(studio)["importOperation"] == "replaceExisting"
    assert imported(studio)["imports"][0]["objectPath"] == studio.selected[0]
    studio.selected = []
    with pytest.raises(TargetError, match="nothing is selected in Wwise"):
        wwise.spot(Path("/s/a.wav"), "replace")


def test_what_it_refuses_and_nobody_there_are_sentences(studio, wwise):
    studio.refuses = True
    with pytest.raises(TargetError, match="Wwise refused: "):
        wwise.spot(Path("/s/a.wav"), "cursor")
    with pytest.raises(TargetError, match=r"Wwise does not answer at ws://127\.0\.0\.1:1/waapi"):
        Wwise(Address(port=1)).test()
