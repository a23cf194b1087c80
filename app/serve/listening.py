"""A server on the loopback address of this computer, from the first request to the last."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.serve.api import FILE_PATH, make_api
from app.serve.desk import Desk
from app.serve.guard import Guard, Limits
from app.serve.tools import make_tools
from app.serve.workers import Workers
from engine.errors import InputError, SoundsiftError
from engine.log import logger

HOST = "127.0.0.1"
_CONNECTIONS = 128
_IDLE_S = 5
_LAST_S = 5  # that requests have to end when the server is stopped
_WAIT_S = 0.2
_HEAD_BYTES = 32 << 10
_log = logger(__name__)


def listen(port: int) -> socket.socket:
    """Return a socket that other programs of this computer, and nobody else, can reach.

    :param port: 0 for any that is free.
    :raises InputError: another program uses it, or it cannot be had.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform == "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:  # one that was stopped a moment ago does not keep its port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(_CONNECTIONS)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} is in use, perhaps by another `soundsift serve`: stop that one, or "
                "choose another --port"
            ) from None
        raise InputError(f"port {port} cannot be used: {os.strerror(error.errno or 0)}") from None
    return listening


def serve(
    desk: Desk,
    token: bytes,
    listening: socket.socket,
    is_over: Callable[[], bool],
    limits: Limits | None = None,
) -> None:
    """Answer requests until ``is_over``; those that are being answered then may end.

    :raises SoundsiftError: the server stopped by itself.
    """
    server = _Server(_config(desk, token, listening.getsockname()[1], limits or Limits()))
    # not in this thread: uvicorn would take its signals
    thread = threading.Thread(target=server.answer, args=(listening,), name="serve")
    thread.start()
    try:
        while thread.is_alive() and not is_over():
            thread.join(_WAIT_S)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
    if server.failure is not None:
        raise SoundsiftError(f"the server stopped: {server.failure}") from server.failure


def quiet() -> None:
    """Let the libraries write nothing to standard error: it would hold what strangers send."""
    for name in ("uvicorn", "mcp", "asyncio"):
        told = logging.getLogger(name)
        told.addHandler(logging.NullHandler())
        told.propagate = False


def _config(desk: Desk, token: bytes, port: int, limits: Limits) -> uvicorn.Config:
    quiet()
    workers = Workers(desk)
    agents = StreamableHTTPSessionManager(
        make_tools(workers, desk), json_response=True, stateless=True
    )

    @asynccontextmanager
    async def lifespan(api: Starlette) -> AsyncIterator[None]:
        async with agents.run():
            warming = asyncio.create_task(workers.run(_warm_up))
            yield
            warming.cancel()
            with suppress(asyncio.CancelledError, SoundsiftError):
                await warming

    hosts = frozenset(f"{name}:{port}".encode() for name in (HOST, "localhost"))
    api: Any = make_api(workers, agents.handle_request, lifespan)
    return uvicorn.Config(
        Guard(api, token, hosts, FILE_PATH, limits),
        http=PatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,  # what is asked is nobody's business
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_LAST_S,
        h11_max_incomplete_event_size=_HEAD_BYTES,
    )


class _Server(uvicorn.Server):
    """A server in a thread of its own; ``failure`` is what ended it, if anything did."""

    failure: Exception | None = None

    def answer(self, listening: socket.socket) -> None:
        try:
            self.run(sockets=[listening])
        except Exception as error:
            self.failure = error


class PatientProtocol(H11Protocol):
    """HTTP whose patience ends.

    A client that sends no whole head in ten seconds is dropped, and so is one that does not read
    its answer for ten seconds.
    """

    patience_s = 10.0  # for a head to be whole, and between two requests
    _seen: object = None
    _since: float = 0.0
    _read: float = 0.0
    _ahead: int = 0
    _looks: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look at the clock."""
        super().connection_made(transport)
        self._seen, self._since = self.cycle, self.loop.time()
        self._read = self._since
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._looks is not None:
            self._looks.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what is sent; what is sent ahead of an answer would be kept without a bound."""
        is_ahead = self.cycle is not None and not (
            self.cycle.more_body or self.cycle.response_complete
        )
        self._ahead = self._ahead + len(data) if is_ahead else 0
        if self._ahead > _HEAD_BYTES:
            self.transport.abort()
            return
        super().data_received(data)

    def _look(self) -> None:
        now, cycle = self.loop.time(), self.cycle
        is_answering = cycle is not None and not cycle.response_complete
        if cycle is not self._seen or is_answering:
            self._seen, self._since = cycle, now
        is_read = not (self.flow.write_paused or self.transport.is_closing())
        self._read = now if is_read else self._read
        if now - self._read > self.patience_s:
            self.transport.abort()  # it would wait for ever to say what nobody reads
            return
        if now - self._since > self.patience_s:
            self.transport.close()
        self._looks = self.loop.call_later(self.patience_s / 10, self._look)


def _warm_up(desk: Desk) -> None:
    """Load the model, so that the first search answers as fast as the next."""
    try:
        desk.session.warm_up()
    except SoundsiftError as error:  # who searches is told
        _log.debug("the model is not loaded: %s", error)
