"""Who is let in, and how much of what they send is read, before anything is done for them.

Any program on this computer, and any web page in its browsers, can reach a port of the loopback
address.  So every request needs the token; one that names another host (a page whose name was
pointed here) or that comes from a page (``Origin``) is refused even with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.serve.answers import as_json
from app.serve.token import is_token

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LINGER_S = 2.0
_BEARER = b"bearer "


@dataclass(frozen=True)
class Limits:
    """Bounds of sizes in bytes, times in seconds, and requests that are inside at once.

    ``file_bytes`` is that of a sound that is sent along.
    """

    body_bytes: int = 1 << 20
    file_bytes: int = 32 << 20
    body_s: float = 20.0
    inside: int = 64
    files: int = 2


class Refusal(Exception):  # noqa: N818 - a refusal, not an error of ours
    """A request that is not answered: the status, and the sentence that says why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Guard:
    """Lets an application see only requests that may be answered, with their whole body."""

    def __init__(
        self,
        app: App,
        token: bytes,
        hosts: frozenset[bytes],
        file_path: str,
        limits: Limits,
    ) -> None:
        self._app, self._token, self._hosts = app, token, hosts
        self._file_path, self._limits = file_path, limits
        self._inside = self._files = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        is_file = scope["path"] == self._file_path
        try:
            self._check(scope, is_file)
        except Refusal as refusal:
            await refuse(send, refusal)
            return
        self._inside += 1
        self._files += is_file
        try:
            body = await self._body(scope, receive, is_file)
            await self._app(scope, _given(body, receive), send)
        except Refusal as refusal:
            await refuse(send, refusal)
        finally:
            self._inside -= 1
            self._files -= is_file

    def _check(self, scope: Scope, is_file: bool) -> None:
        """Refuse a request by its head.

        :raises Refusal: it may not be answered.
        """
        heads = _heads(scope)
        hosts = heads.get(b"host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise Refusal(
                421, "the Host header must be 127.0.0.1 or localhost with this server's port"
            )
        if b"origin" in heads:
            raise Refusal(403, "web pages may not use this server")
        given = heads.get(b"authorization", [b""])
        is_bearer = len(given) == 1 and given[0][: len(_BEARER)].lower() == _BEARER
        if not is_token(given[0][len(_BEARER) :].strip() if is_bearer else b"", self._token):
            raise Refusal(401, "the token is missing or wrong: send it as Authorization: Bearer")
        if scope["method"] == "POST":
            _check_kind(heads, is_file)
        most, files = self._limits.inside, self._limits.files
        if self._inside >= most or (is_file and self._files >= files):
            raise Refusal(503, "too many requests at once: try again in a moment")

    async def _body(self, scope: Scope, receive: Receive, is_file: bool) -> bytes:
        """Return a body, once all of it is there.

        :raises Refusal: it is too large, or takes too long.
        """
        most = self._limits.file_bytes if is_file else self._limits.body_bytes
        said = _heads(scope).get(b"content-length", [b"0"])[0]
        large = Refusal(413, f"the request is larger than {most >> 20} MiB")
        if not said.isdigit() or len(said) > 12 or int(said) > most:
            await self._let_pass(receive, most)
            raise large
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._limits.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(400, "the request ended before it was whole")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise large
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise Refusal(408, "the request took too long to arrive") from None

    async def _let_pass(self, receive: Receive, most: int) -> None:
        """Read as much again and forget it: who still sends may not hear why they are refused."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(_LINGER_S, self._limits.body_s)):
                size, more = 0, True
                while more and size <= 2 * most:
                    message = await receive()
                    size += len(message.get("body", b""))
                    more = message.get("more_body", False)


async def refuse(send: Send, refusal: Refusal) -> None:
    """Answer with a status and a sentence, and close the connection."""
    body = as_json({"error": refusal.sentence}).encode()
    heads = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if refusal.status == 401:
        heads.append((b"www-authenticate", b"Bearer"))
    if refusal.status == 503:
        heads.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": heads})
    await send({"type": "http.response.body", "body": body})


def _check_kind(heads: Mapping[bytes, list[bytes]], is_file: bool) -> None:
    """Refuse a body of another type: forms and plain texts can be sent by any web page.

    :raises Refusal: it is neither JSON nor, where one is expected, a sound.
    """
    kind = heads.get(b"content-type", [b""])[0].partition(b";")[0].strip().lower()
    if is_file:
        if kind != b"application/octet-stream" and not kind.startswith(b"audio/"):
            raise Refusal(415, "send the sound as application/octet-stream")
    elif kind != b"application/json":
        raise Refusal(415, "send the question as application/json")


def _heads(scope: Scope) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.lower(), []).append(value)
    return found


def _given(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then waits for the end."""
    left = [body]

    async def receiving() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return receiving
