"""Is a library the same though its workers were killed thirty times?

``python -m benchmarks.team_workers`` starts a PostgreSQL server, lets workers listen to small
sounds that wait, kills them with SIGKILL at points all over their work, and compares
with one undisturbed run into a file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.report import report
from engine.index.build import index_folders
from engine.index.embedder import LeftToWorkers
from engine.models.catalog import find_model, preferred_model
from engine.progress import Control
from engine.store import Library
from tests.engine.index.compare import difference
from tests.postgres import running

KILLS, SOUNDS = 30, 120


def write_sounds(folder: Path, count: int) -> None:
    """Write small sounds, all different."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        soundfile.write(folder / f"{number:04d}.wav", random.normal(0, 0.1, 16000 + number), 32000)


def main() -> int:
    """Kill, compare, and print what is different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--sounds", type=int, default=SOUNDS)
    parser.add_argument("--model", default="")
    asked = parser.parse_args()
    model = find_model(asked.model or preferred_model())
    with tempfile.TemporaryDirectory() as folder, running() as server, server.library() as place:
        sounds = Path(folder) / "sounds"
        write_sounds(sounds, asked.sounds)
        with Library(place) as library:
            index_folders(library, model, [sounds], Control(), embedder=LeftToWorkers())
        module = "tests.engine.index.killing_workers"
        done = subprocess.run(
            [sys.executable, "-m", module, place, str(model), str(asked.kills)],
            stdout=subprocess.PIPE,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        with Library(Path(folder) / "calm.db") as calm, Library(place) as library:
            index_folders(calm, model, [sounds], Control(), device="cpu")
            said, counts = difference(calm, library), library.statistics()
    killed = sum(end == -9 for end in found["ends"])
    row = {
        "workers killed": killed,
        "of them with claims": sum(held > 0 for held in found["held"]),
        "sounds": counts.sounds,
        "heard": counts.embedded,
        "skipped": counts.skipped,
        "difference": said or "none",
    }
    usual = (asked.kills, asked.sounds, asked.model) == (KILLS, SOUNDS, "")
    question = "a library whose workers were killed, beside one undisturbed run"
    report("team_workers", question, [row], keep=usual)
    return int(bool(said) or killed != asked.kills or counts.embedded != asked.sounds)


if __name__ == "__main__":
    sys.exit(main())
