"""Does a search over a team's server take longer than over a file?

Run with ``python -m benchmarks.team_search [--sounds 100000 1000000]`` where PostgreSQL and
psycopg are installed.  The same library (benchmarks/synthetic.py) lies in a file and on a server;
one warm client searches both, query by query in turn, so that whatever else the machine does
falls on both alike.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.report import report
from benchmarks.scale import BEST, texts
from benchmarks.scratch import scratch_home
from benchmarks.studio import followed, percentiles, studio
from benchmarks.synthetic import fill
from engine.models.catalog import find_model
from engine.search.answer import Answer
from engine.session import Session
from engine.store import Library

SIZES = (100_000, 1_000_000)
_UNCOUNTED = 5  # queries at first

Ask = Callable[[Session, str, str], Answer]
KINDS: dict[str, Ask] = {  # what is asked, of three words and the path of a sound
    "by description": lambda session, text, _: session.search(text, BEST),
    "the same, filtered": lambda session, text, _: session.search(f"{text} sr:96k dur:<7s", BEST),
    "by words alone": lambda session, text, _: session.search(text, BEST, names=True),
    "filtered alone": lambda session, text, _: session.search(_filters(text), BEST),
    "similar sounds": lambda session, _, path: session.similar(path, BEST),
}


def _filters(text: str) -> str:
    """Return conditions that differ from text to text."""
    return f"sr:96k dur:<{7 + len(text) % 20}s"


def compared(path: Path, place: str, asked: Sequence[str]) -> list[dict[str, object]]:
    """Search a file and a server in turn.

    :param asked: texts, of which the first few do not count.
    :raises AssertionError: they do not find the same.
    """
    with Session(Library(path)) as file, Session(followed(place)) as server:
        for session in (file, server):
            session.warm_up()
        size = file.library.statistics().sounds
        ids = np.linspace(1, size, len(asked), dtype=int).tolist()
        sounds = file.library.sounds(ids)
        known = [sounds[number].path for number in ids]
        rows = []
        for kind, ask in KINDS.items():
            took: dict[Session, list[float]] = {file: [], server: []}
            for number, (text, like) in enumerate(zip(asked, known, strict=True)):
                order = (file, server) if number % 2 else (server, file)
                found = []
                for session in order:
                    began = perf_counter()
                    answer = ask(session, text, like)
                    took[session].append(perf_counter() - began)
                    found.append([match.sound.path for match in answer.matches])
                assert found[0] == found[1], f"{text}: {found}"
            rows.append(_row(size, kind, took[file][_UNCOUNTED:], took[server][_UNCOUNTED:]))
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _row(size: int, kind: str, on_file: list[float], on_server: list[float]) -> dict[str, object]:
    one, other = percentiles(on_file), percentiles(on_server)
    return {
        "sounds": size,
        "search": kind,
        **{f"SQLite {name}": value for name, value in one.items()},
        **{f"PostgreSQL {name}": value for name, value in other.items()},
        "p50 ratio": other["p50 ms"] / one["p50 ms"],
        "p95 ratio": other["p95 ms"] / one["p95 ms"],
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sounds", type=int, nargs="+", default=SIZES)
    asked = parser.parse_args()
    rows = []
    for size in asked.sounds:
        with (
            studio() as server,
            server.library() as place,
            scratch_home() as folder,  # the client's copy, too
        ):
            path = folder / "library.db"
            with Library(path) as file, Library(place) as other:
                fill(file, find_model("default"), size, other)
            server.tidy(place)
            rows += compared(path, place, texts())
    question = f"the best {BEST} of a library in a file and on a server, in turn"
    report("team_search", question, rows, keep=tuple(asked.sounds) == SIZES)


if __name__ == "__main__":
    main()
