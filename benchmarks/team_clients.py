"""Does a team's library keep everything while ten people and two workers are at it?

Run with ``python -m benchmarks.team_clients [--minutes 10] [--clients 10] [--files 2000]
[--server-kills 5]`` where PostgreSQL and psycopg are installed.  Clients (benchmarks/teammate.py),
each a process with a role and a cache of its own, search and tag, while two workers listen
to short sounds.  The server may be killed with all its processes meanwhile.  In the end decisions
are compared with what each client remembers, sounds with an undisturbed run into a file, and the
database is checked.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select

from benchmarks.cluster import write_files
from benchmarks.report import report
from benchmarks.studio import percentiles, studio
from benchmarks.teammate import SHARED, Diary, hear_exactly, listen, take_part
from engine.index.build import index_folders
from engine.index.embedder import LeftToWorkers
from engine.models.catalog import find_model
from engine.progress import Control
from engine.store import Library, tables, team
from engine.store.checkup import examine
from tests.engine.index.compare import difference
from tests.postgres import Postgres, binaries

MINUTES, CLIENTS, FILES, WORKERS = 10.0, 10, 2000, 2
_FIRST, _SECONDS, _RATE_HZ = 100, 2.0, 32_000  # files that are there before; of each file
_DARK_S = 2.0  # for which a killed server is away
_PATIENCE_S = 1800.0  # with workers, in the end


@dataclass(frozen=True)
class Outcome:
    """What clients remember, how workers ended, and how often the server was killed."""

    diaries: Sequence[Diary]
    workers: Sequence[str]
    kills: int


# The run


def run(
    server: Postgres, place: str, home: Path, minutes: float, clients: int, kills: int
) -> Outcome:
    """Let clients and workers be at a library, kill its server, and wait until all have ended."""
    editors = [f"editor{number}" for number in range(clients)]
    curators = [f"worker{number}" for number in range(WORKERS)]
    team.init(place)
    team.add(place, "admin0", "admin", login=True)
    for role, names in (("editor", editors), ("curator", curators)):
        for name in names:
            team.add(place, name, role, login=True)
    database = urlsplit(place).path[1:]
    with ExitStack() as ends:

        def hire(take: Callable[..., None], name: str, *told: str) -> Any:
            given = (*told, server.address(database, name), str(home / name))
            return ends.enter_context(member(take, *given))

        pipes = [hire(take_part, name, name) for name in editors]
        for pipe in pipes:
            begun = pipe.recv()
            assert isinstance(begun, str), f"a client did not begin: {begun.errors}"
        until = time.time() + 60 * minutes
        for pipe in pipes:
            pipe.send(until)
        workers = [hire(listen, name) for name in curators]
        disturb(server, until, kills)
        diaries = [pipe.recv() for pipe in pipes]
        return Outcome(diaries, [said(pipe) for pipe in workers], kills)


@contextmanager
def member(take: Callable[..., None], *given: str) -> Iterator[Any]:
    """Give the pipe to somebody's process."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=take, args=(*given, there), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        process.kill()
        process.join()


def said(pipe: Any) -> str:
    """Wait for a worker's end; return what is wrong with it."""
    if not pipe.poll(_PATIENCE_S):
        return "a worker did not end"
    try:
        return str(pipe.recv())
    except EOFError:
        return "a worker died"


def disturb(server: Postgres, until: float, kills: int) -> None:
    """Kill the server so many times, evenly until a moment, and start it again."""
    began = time.time()
    for number in range(kills):
        due = began + (until - began) * (number + 1) / (kills + 1)
        time.sleep(max(0.0, due - time.time()))
        server.kill()
        time.sleep(_DARK_S)
        server.start()


# What is left


def lost_decisions(library: Library, diaries: Sequence[Diary]) -> list[str]:
    """Return the decisions that are not kept as their authors remember them.

    Of what all decide on, the kept one is the last of its author.
    """
    t = tables.tags.c
    with library.reading() as connection:
        rows = connection.execute(select(t.sound_id, t.label, t.state, t.author))
        kept = {(row.sound_id, row.label): (row.author, row.state) for row in rows}
    wrong = []
    made = {diary.name: diary.decided for diary in diaries}
    for diary in diaries:
        for pair, state in diary.decided.items():
            author, there = kept.get(pair, ("nobody", "nothing"))
            if pair[1] == SHARED:
                state = made.get(author, {}).get(pair, "")
            elif author != diary.name:
                wrong.append(f"{pair} is {author}'s, not {diary.name}'s")
            if there != state:
                wrong.append(f"{pair} is {there}, not {state}, by {author}")
    known = set().union(*made.values()) if made else set()
    return wrong + [f"nobody decided on {pair}" for pair in kept.keys() - known]


def lost_sounds(library: Library, calm: Library, count: int) -> list[str]:
    """Return in what a library differs from a calm run's; each window must be there once."""
    w = tables.windows.c
    twice = select(w.sound_id).group_by(w.sound_id, w.start_s).having(func.count() > 1)
    with library.reading() as connection:
        wrong = [f"sound {i} has a window twice" for i in connection.scalars(twice)]
        claims = connection.scalar(select(func.count()).select_from(tables.claims))
    counts = library.statistics()
    if (counts.sounds, counts.embedded, counts.skipped) != (count, count, 0):
        wrong.append(f"not all of {count} files are heard: {counts}")
    if claims:
        wrong.append(f"{claims} claims are left")
    other = difference(calm, library, potentials=False)  # the bank follows tags, too
    return wrong + ([other] if other else [])


def damage(place: str) -> list[str]:
    """Return what is wrong with a database: by our own check-up, and by PostgreSQL's."""
    wrong = [f"{found.what}: {found.said}" for found in examine(place) if not found.is_ok]
    programs = binaries()
    assert programs is not None
    checker = programs / "pg_amcheck"
    if checker.is_file():
        command = [checker, "--install-missing", "--heapallindexed", place]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            wrong.append(f"pg_amcheck: {(done.stdout + done.stderr).strip()}")
    return wrong


# Told


def told(outcome: Outcome, found: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Return latencies, and how much went wrong."""
    blank = {"p50 ms": None, "p95 ms": None}
    rows = []
    for action in dict.fromkeys(name for diary in outcome.diaries for name in diary.took_s):
        took_s = [s for diary in outcome.diaries for s in diary.took_s.get(action, [])]
        rows.append({"what": _ACTIONS[action], "count": len(took_s), **percentiles(took_s)})
    rows.append({"what": "the server was killed", "count": outcome.kills, **blank})
    rows.append({"what": "tried again, the server being away", "count": _away(outcome), **blank})
    return rows + [{"what": what, "count": len(which), **blank} for what, which in found.items()]


_ACTIONS = {
    "description": "search by description",
    "words": "search by words alone",
    "similar": "search for similar sounds",
    "tag": "decide on a tag",
    "refresh": "see what is new",
}


def main() -> int:
    """Run, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--server-kills", type=int, default=0)
    asked = parser.parse_args()
    kills, model = asked.server_kills, find_model("default")
    hear_exactly()
    with (
        studio() as server,
        server.library() as place,
        tempfile.TemporaryDirectory() as folder,
    ):
        root = Path(folder)
        first = write_files(root / "first", _FIRST, _SECONDS, _RATE_HZ)
        later = write_files(root / "later", asked.files, _SECONDS / 2, _RATE_HZ)
        with Library(place) as library:
            index_folders(library, model, [first], Control())
            index_folders(library, model, [later], Control(), embedder=LeftToWorkers())
        outcome = run(server, place, root, asked.minutes, asked.clients, kills)
        with Library(root / "calm.db") as calm, Library(place) as library:
            for part in (first, later):
                index_folders(calm, model, [part], Control())
            found = {
                "errors": [
                    *(e for d in outcome.diaries for e in d.errors),
                    *filter(None, outcome.workers),
                ],
                "decisions lost or not their author's": lost_decisions(library, outcome.diaries),
                "sounds lost, doubled or other": lost_sounds(library, calm, _FIRST + asked.files),
                "damage of the database": damage(place),
            }
    for which in found.values():
        print(*which[:20], sep="\n", end="\n" if which else "", file=sys.stderr)
    name = "team_clients_killed" if kills else "team_clients"
    usual = (asked.minutes, asked.clients, asked.files) == (MINUTES, CLIENTS, FILES)
    question = (
        f"{asked.clients} clients and {WORKERS} workers at {_FIRST + asked.files} sounds for "
        f"{asked.minutes:g} minutes"
    )
    report(name, question, told(outcome, found), keep=usual)
    return int(any(found.values()) or bool(outcome.diaries and not kills and _away(outcome)))


def _away(outcome: Outcome) -> int:
    return sum(diary.away for diary in outcome.diaries)


if __name__ == "__main__":
    sys.exit(main())
