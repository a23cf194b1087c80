"""A team's server as docs/team.md sets one up, and a counted way to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

from engine.progress import Control
from engine.store import Library
from tests.postgres import Postgres, running

SETTINGS = ("shared_buffers=1GB", "max_wal_size=4GB")
_AT_ONCE = 1 << 20  # bytes


@contextmanager
def studio(*more: str) -> Iterator[Postgres]:
    """Give a new server that keeps its promises on a loss of power.

    :param more: settings of postgresql.conf.
    """
    with running([*SETTINGS, *more]) as server:
        yield server


def followed(address: str) -> Library:
    """Open a team's library as the window does: a copy here, which listens to its server."""
    library = Library(address, make=False, following=Control())
    library.database.others_wrote()  # whoever asks that is told from then on
    return library


@dataclass(frozen=True)
class Wire:
    """A door to a server on localhost, behind which bytes are counted."""

    port: int
    _counts: Any

    def to(self, place: str) -> str:
        """Return the address by this way of a library at an address of the server's socket."""
        given = urlsplit(place)
        return f"postgresql://{given.username}@127.0.0.1:{self.port}{given.path}?sslmode=disable"

    def sent(self) -> tuple[int, int]:
        """Return how many bytes went to the server, and came from it."""
        return self._counts[0], self._counts[1]


@contextmanager
def wire(server: Postgres) -> Iterator[Wire]:
    """Give a way to a server by TCP, kept open by a process of its own."""
    context = get_context("spawn")
    counts = context.Array("q", 2)
    with socket.create_server(("127.0.0.1", 0)) as door:
        path = str(server.folder / ".s.PGSQL.5432")
        process = context.Process(target=_pass_on, args=(door, path, counts), daemon=True)
        process.start()
        try:
            yield Wire(door.getsockname()[1], counts)
        finally:
            process.kill()
            process.join()


def _pass_on(door: socket.socket, path: str, counts: Any) -> None:
    while True:
        client, _ = door.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        there = socket.socket(socket.AF_UNIX)
        there.connect(path)
        for number, ends in enumerate(((client, there), (there, client))):
            threading.Thread(target=_copy, args=(*ends, counts, number), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket, counts: Any, number: int) -> None:
    buffer = memoryview(bytearray(_AT_ONCE))
    with suppress(OSError):
        while count := source.recv_into(buffer):
            with counts.get_lock():
                counts[number] += count
            target.sendall(buffer[:count])
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median and what 19 of 20 stay below, in milliseconds."""
    import numpy as np

    middle, most = np.quantile(seconds, (0.5, 0.95)) * 1000
    return {"p50 ms": round(float(middle), 1), "p95 ms": round(float(most), 1)}
