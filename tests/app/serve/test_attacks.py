"""What strangers try: other programs and pages without the token, and programs that misbehave."""

import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app.serve.conftest import Served


def raw(server: Served, *parts: bytes, wait_s: float = 0.0, read: bool = True) -> bytes:
    """Send bytes as they are; return all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(wait_s)
        found = b""
        while read and (block := connection.recv(1 << 16)):
            found += block
        return found


def head(server: Served, *more: str, path: str = "/v1/status", host: str | None = None) -> bytes:
    host = f"127.0.0.1:{server.port}" if host is None else host
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_nothing_is_told_without_the_token(server: Served):
    wrong = [
        {},
        {"Authorization": ""},
        {"Authorization": server.token},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer " + server.token[:-1]},
        {"Authorization": "Bearer " + server.token + "x"},
        {"Authorization": "Bearer " + server.token.swapcase()},
        {"Authorization": "Basic " + server.token},
        {"Cookie": "token=" + server.token},
    ]
    paths = ("/v1/status", "/v1/search", "/openapi.json", "/mcp", "/mcp/", "/", "/nothing")
    for heads in wrong:
        for path in paths:
            for body in (None, b"{}"):
                status, found = server.send(
                    path, body, {"Content-Type": "application/json", **heads}
                )
                assert status == 401 and list(found) == ["error"]
    assert server.send(f"/v1/status?token={server.token}", None, {})[0] == 401
    assert status_of(raw(server, head(server))) == 401
    two = [f"Authorization: Bearer {server.token}", "Authorization: Bearer x"]
    assert status_of(raw(server, head(server, *two))) == 401


def test_a_name_that_was_pointed_here_is_refused_even_with_the_token(server: Served):
    key = f"Authorization: Bearer {server.token}"
    for host in (
        "evil.example",
        f"evil.example:{server.port}",
        f"127.0.0.1.evil.example:{server.port}",
        "127.0.0.1",
        f"127.0.0.1:{server.port + 1}",
        f"0.0.0.0:{server.port}",
        "",
    ):
        assert status_of(raw(server, head(server, key, host=host))) == 421, host
    twice = head(server, key, f"Host: evil.example:{server.port}")
    assert status_of(raw(server, twice)) in (400, 421)
    assert status_of(raw(server, head(server, key, host=f"localhost:{server.port}"))) == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", ""])
def test_web_pages_are_refused_even_with_the_token(server: Served, origin):
    for path in ("/v1/status", "/mcp"):
        status, found = server.send(path, None, server.heads(Origin=origin))
        assert status == 403 and "web pages" in found["error"]
    answer = raw(
        server,
        f"OPTIONS /v1/search HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: authorization\r\nConnection: close\r\n\r\n".encode(),
    )
    assert status_of(answer) == 403 and b"access-control-allow" not in answer.lower()


def test_no_answer_lets_pages_read_it(server: Served):
    answer = raw(server, head(server, f"Authorization: Bearer {server.token}"))
    assert status_of(answer) == 200 and b"access-control" not in answer.lower()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_any_page_can_send_is_no_question(server: Served, kind):
    body = json.dumps({"text": "door"}).encode()
    assert server.send("/v1/search", body, server.heads(Content_Type=kind))[0] == 415


def test_no_other_file_than_a_sound_of_the_library_is_looked_at(server: Served, tmp_path: Path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes((server.sounds / "tones" / "Sound_03.wav").read_bytes())
    inside = server.sounds / "tones" / "Sound_03.wav"
    names = [
        str(secret),
        str(tmp_path),
        "/etc/passwd",
        str(server.home / "serve-token"),
        str(inside.parent / ".." / "tones" / inside.name),
        str(inside).replace("/tones/", "//tones/"),
        f"file://{inside}",
        "../../etc/passwd",
        "~/.ssh/id_rsa",
        str(inside) + "\x00",
        "\ud800",
        " ",
    ]
    for name in names:
        for what, fields in (
            ("describe", {"sound": name}),
            ("similar", {"sounds": [{"sound": name}]}),
            ("similar", {"sounds": [{"sound": name, "start_s": 0.1, "end_s": 0.2}]}),
            ("suggest-tags", {"sounds": [name]}),
            ("hand-over", {"sound": name}),
            ("decide-tags", {"accept": [{"sound": name, "label": "wet"}]}),
        ):
            assert server.refusal(what, **fields)[0] in (400, 404), (what, name)
    assert server.ask("describe", sound=str(inside))["path"] == str(inside)


def test_copies_go_into_no_other_folder(server: Served, tmp_path: Path):
    sound = server.ask("search", text="sound_03", names=True)["results"][0]["id"]
    for folder in (
        str(tmp_path),
        "/tmp",
        str(server.copies / ".."),
        str(server.copies / "new"),
        str(server.copies) + "/",
        ".",
        "",
    ):
        status, said = server.refusal("hand-over", sound=sound, folder=folder)
        assert status == 403 and "may not be copied" in said
    assert not list(tmp_path.iterdir()) and not (server.copies / "new").exists()


def test_places_beyond_any_sound_are_refused(server: Served):
    sound = server.ask("search", text="sound_03", names=True)["results"][0]["id"]
    for part in ({"start_s": 1e308}, {"end_s": 1e308}, {"start_s": 1e7}):
        asked = {"sound": sound, **part}
        assert server.refusal("hand-over", **asked)[0] == 400
        assert server.refusal("similar", sounds=[asked])[0] == 400


def test_a_huge_body_is_refused_before_it_is_read(server: Served):
    heads = f"Authorization: Bearer {server.token}\r\nContent-Type: application/json\r\n"
    start = f"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{heads}"
    told = raw(server, f"{start}Content-Length: 99999999999\r\n\r\n".encode())
    assert status_of(told) == 413
    strange = raw(server, f"{start}Content-Length: -1\r\n\r\n".encode())
    assert not strange or status_of(strange) == 400
    block = b"%x\r\n%s\r\n" % (1 << 16, b" " * (1 << 16))
    try:
        endless = raw(server, f"{start}Transfer-Encoding: chunked\r\n\r\n".encode(), *[block] * 64)
        assert status_of(endless) == 413
    except OSError:  # it was closed while we were still sending
        pass
    assert server.ask("status")["sounds"] >= 12


def test_a_head_without_end_is_refused(server: Served):
    try:
        answer = raw(server, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000)
        assert not answer or status_of(answer) in (400, 431)
    except OSError:
        pass
    assert server.ask("status")["sounds"] >= 12


def test_fifty_at_once_are_all_answered(server: Served):
    def ask(number: int) -> int:
        return len(server.ask("search", text=f"tone number {number}", limit=7)["results"])

    with ThreadPoolExecutor(50) as programs:
        assert set(programs.map(ask, range(50))) == {7}


def test_names_of_files_cannot_steer_whoever_shows_an_answer(server: Served):
    body = json.dumps({"text": "odd name", "names": True}).encode()
    start = (
        f"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: Bearer {server.token}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = raw(server, start.encode(), body)
    text = answer.partition(b"\r\n\r\n")[2].decode()
    assert text.isprintable()
    (path,) = [one["path"] for one in json.loads(text)["results"]]
    assert Path(path).is_file() and "\x1b" in path and "\u202e" in path
    assert server.ask("describe", sound=path)["path"] == path


def test_the_token_and_what_was_asked_are_in_no_log(server: Served):
    server.ask("search", text="a very private question")
    server.send("/v1/nothing?token=" + server.token)
    server.refusal("search", text="dur:private")
    written = b"".join(path.read_bytes() for path in server.home.rglob("*.log*") if path.is_file())
    assert server.token.encode() not in written and b"private" not in written


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks Linux")
def test_it_listens_on_the_loopback_address_alone(server: Served):
    lines = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text().splitlines()[1:]
    ]
    listening = [
        line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{server.port:04X}")
    ]
    assert listening == [f"0100007F:{server.port:04X}"]


@pytest.fixture
def impatient(here, monkeypatch) -> Iterator[Served]:
    """A server whose patience and room are small."""
    from app.serve.guard import Limits
    from app.serve.listening import PatientProtocol

    monkeypatch.setattr(PatientProtocol, "patience_s", 0.3)
    with here(Limits(body_s=0.3, inside=4, file_bytes=1 << 20)) as server:
        yield server


def test_a_client_that_sends_no_head_is_dropped(impatient: Served):
    for start in (b"", b"GET /v1/sta"):
        with socket.create_connection(("127.0.0.1", impatient.port), timeout=20) as slow:
            slow.sendall(start)
            assert slow.recv(100) == b""  # and no time-out of ours
    # nor after a request that was answered
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=20) as slow:
        whole = head(impatient, f"Authorization: Bearer {impatient.token}")
        slow.sendall(whole.replace(b"Connection: close\r\n", b"") + b"GET /v1")
        answer = b""
        while block := slow.recv(1 << 16):
            answer += block
        assert answer.count(b"HTTP/1.1 ") == 1 and status_of(answer) == 200


@contextmanager
def stalled(served: Served, count: int, body: str = "") -> Iterator[list[socket.socket]]:
    """Give connections whose requests promise 100 bytes and send no more than ``body``."""
    start = (
        f"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        f"Authorization: Bearer {served.token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: 100\r\n\r\n{body}"
    ).encode()
    slow = [socket.create_connection(("127.0.0.1", served.port), timeout=20) for _ in range(count)]
    try:
        for connection in slow:
            connection.sendall(start)
        yield slow
    finally:
        for connection in slow:
            connection.close()


def test_a_body_that_does_not_arrive_holds_neither_the_model_nor_its_place(impatient: Served):
    with stalled(impatient, 3, "{") as slow:
        assert impatient.ask("search", text="tone")["results"]
        for connection in slow:
            assert status_of(connection.recv(1 << 16)) == 408


def test_more_requests_than_there_is_room_for_are_told_to_come_again(impatient: Served):
    with stalled(impatient, 5) as slow:
        statuses = sorted(status_of(connection.recv(1 << 16)) for connection in slow)
        assert statuses == [408, 408, 408, 408, 503]
    assert impatient.ask("status")["sounds"] >= 12


def test_a_client_that_reads_no_answer_is_dropped_while_others_are_answered(impatient: Served):
    one = head(impatient, f"Authorization: Bearer {impatient.token}", path="/openapi.json")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with deaf:
        deaf.connect(("127.0.0.1", impatient.port))
        deaf.sendall(one.replace(b"Connection: close\r\n", b"") * 50)
        assert impatient.ask("search", text="tone")["results"]
        over = time.monotonic() + 60
        with pytest.raises(ConnectionError):
            while time.monotonic() < over:
                deaf.sendall(b"G")
                time.sleep(0.1)


def test_requests_that_are_sent_ahead_of_answers_are_not_hoarded(impatient: Served):
    one = head(impatient, f"Authorization: Bearer {impatient.token}")
    hasty = socket.create_connection(("127.0.0.1", impatient.port), timeout=60)
    with hasty, pytest.raises(ConnectionError):
        for _ in range(1000):  # 30 MB
            hasty.sendall(one.replace(b"Connection: close\r\n", b"") * 200)
    assert impatient.ask("status")["sounds"] >= 12


def test_an_upload_has_a_bound_of_its_own(impatient: Served):
    heads = impatient.heads(Content_Type="application/octet-stream")
    status, found = impatient.send("/v1/similar-file", os.urandom((1 << 20) + 1), heads)
    assert status == 413 and "1 MiB" in found["error"]
