"""How long until a client has a team's library, and sees what others change?

Run with ``python -m benchmarks.team_sync [--vectors 1000000]`` where PostgreSQL and psycopg are
installed.  A client on the same machine takes all vectors of a synthetic library, in a process of
its own and by TCP, through a door that counts bytes; then those of 100 new sounds.  Then one client
tags a sound and adds one, and another looks for it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from benchmarks.report import report
from benchmarks.scratch import scratch_home
from benchmarks.studio import followed, percentiles, studio, wire
from benchmarks.synthetic import add, fill
from engine.models.catalog import find_model
from engine.models.spec import read_spec
from engine.progress import Control
from engine.search.grammar import parse
from engine.search.names import search_names
from engine.store import Library
from engine.store.following import Following
from engine.store.tags import PERSON, TagRow, decide_on_tags
from engine.store.vectors import load_vectors
from tests.postgres import Postgres

VECTORS, NEW, TIMES = 1_000_000, 100, 20
_PATIENCE_S = 60.0
_LOOK_S = 0.02


# What a client does: the only place that knows how.


def synchronised(library: Library) -> int:
    """Bring this computer's copy of a library up to date; return how many vectors it has."""
    return len(load_vectors(library, read_spec(find_model("default")).rank).vectors)


def has_tag(library: Library, label: str) -> bool:
    """Return whether a client finds a sound by its tag."""
    return bool(search_names(library, parse(f"tag:{label}"), 1).matches)


def has_vectors(library: Library, count: int) -> bool:
    """Return whether a client ranks so many vectors."""
    return synchronised(library) >= count


# Measured


def first_and_changes(server: Postgres, place: str, count: int) -> list[dict[str, Any]]:
    """Return what the first synchronisation takes, what nothing new takes, and new sounds."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as home,
        wire(server) as way,
        client(home, way.to(place)) as ask,
    ):

        def measure(what: str, expected: int) -> None:
            before = way.sent()[1]
            had, took_s = ask()
            assert had == expected, f"{had} vectors came, not {expected}"
            received = way.sent()[1] - before
            rows.append({"what": what, "s": took_s, "p95 s": None, "MB received": received / 1e6})
            print(rows[-1], file=sys.stderr, flush=True)

        measure(f"first synchronisation of {count:,} vectors", count)
        measure("again, nothing is new", count)
        with Library(place) as library:
            add(library, find_model("default"), count, NEW)
        measure(f"{NEW} new sounds", count + NEW)
    return rows


@contextmanager
def client(home: str, address: str) -> Iterator[Callable[[], tuple[int, float]]]:
    """Give what lets a client in a process of its own synchronise, and tells how long it took."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, home, address), daemon=True)
    process.start()

    def ask() -> tuple[int, float]:
        here.send(None)
        count, took_s = here.recv()
        return count, took_s

    try:
        yield ask
    finally:
        process.kill()
        process.join()


def _serve(pipe: Any, home: str, address: str) -> None:
    os.environ["SOUNDSIFT_HOME"] = home  # where nothing of the library is yet
    library: Library | None = None
    while True:
        pipe.recv()
        began = time.perf_counter()
        if library is None:
            library = Library(address, make=False, following=Control())
        elif isinstance(library.database, Following):
            library.database.look()  # without waiting until it is told
        pipe.send((synchronised(library), time.perf_counter() - began))


def seen_by_others(place: str, count: int) -> list[dict[str, Any]]:
    """Return how long after it was committed a second client finds a tag, and a sound."""
    took: dict[str, list[float]] = {"a new tag": [], "a new sound": []}
    with scratch_home(), Library(place) as mine, followed(place) as theirs:
        synchronised(theirs)
        for number in range(TIMES):
            label = f"seen{number}"
            decide_on_tags(mine, [TagRow(1 + number, label, "accepted", PERSON)])
            took["a new tag"].append(_until(lambda label=label: has_tag(theirs, label)))
            count += 1
            add(mine, find_model("default"), count - 1, 1)
            took["a new sound"].append(_until(lambda count=count: has_vectors(theirs, count)))
    return [
        {
            "what": f"until another client finds {what} (p50 of {TIMES})",
            "s": percentiles(seconds)["p50 ms"] / 1000,
            "p95 s": percentiles(seconds)["p95 ms"] / 1000,
            "MB received": None,
        }
        for what, seconds in took.items()
    ]


def _until(is_so: Callable[[], bool]) -> float:
    """Return after how many seconds something is so."""
    began = time.perf_counter()
    while not is_so():
        assert time.perf_counter() - began < _PATIENCE_S, "it is never seen"
        time.sleep(_LOOK_S)
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=VECTORS)
    asked = parser.parse_args()
    with studio() as server, server.library() as place:
        with Library(place) as library:
            fill(library, find_model("default"), asked.vectors)
        server.tidy(place)
        rows = first_and_changes(server, place, asked.vectors)
        rows += seen_by_others(place, asked.vectors + NEW)
    question = "a client's copy of a team's library, on the server's own machine"
    report("team_sync", question, rows, keep=asked.vectors == VECTORS)


if __name__ == "__main__":
    main()
