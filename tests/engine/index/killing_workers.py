"""Workers that are killed, or that a sound ends, in forks of a process that has not run torch.

``python -m tests.engine.index.killing_workers PLACE MODEL KILLS [DEADLY]`` works off what waits in
a library, killed so many times at points all over the run, and then undisturbed; or so often that
the file DEADLY ends the process.  It prints how each process ended, and how many held claims then.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from functools import partial
from pathlib import Path

from sqlalchemy import text

import engine.models.match_model  # noqa: F401  (before the forks: it takes a second)
from engine.index import waiting
from engine.index import worker as module
from engine.index.worker import Manner, work
from engine.progress import Control
from engine.store import Library
from tests.killing import Points, apart

FIRST, STEP = 22, 5  # points: before the first there is nothing to lose


def listen(place: str, model: Path, points: int | None) -> int:
    """Work until nothing waits, or until a point is reached; return how many were passed."""
    faulthandler.dump_traceback_later(60, exit=True)
    counted = Points(Path("/nowhere"), points)
    with Library(place) as library:
        work(library, model, Control(), Manner(1, "cpu", once=True))
    return counted.passed


def bereave(place: str) -> int:
    """Let the leases of the dead run out now; return how many claims they had."""
    with Library(place) as library, library.writing() as connection:
        claimed = "SELECT count(*) FROM claims WHERE worker_id IS NOT NULL"
        connection.execute(text("UPDATE workers SET until_ms = 0"))
        return connection.scalar(text(claimed)) or 0


def main(place: str, model: Path, kills: int, deadly: str = "") -> dict[str, list[int]]:
    waiting._COMMIT_FILES = module._FEWEST = module._MOST = 3  # many small steps
    if deadly:
        real = module.Threads.listening

        def listening(self, work, control):
            if any(path.name == deadly for path in work.paths):
                os._exit(9)
            return real(self, work, control)

        module.Threads.listening = listening
    ends, held = [], []
    for number in range(kills + 1):
        points = None if deadly or number == kills else FIRST + STEP * (number % 7)
        ends.append(os.waitstatus_to_exitcode(apart(partial(listen, place, model, points))[0]))
        held.append(apart(partial(bereave, place))[1])
    return {"ends": ends, "held": held}


if __name__ == "__main__":
    place, model, kills, *deadly = sys.argv[1:]
    print(json.dumps(main(place, Path(model), int(kills), *deadly)))
