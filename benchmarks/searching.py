"""How long does a search take from a cold process?

Run with ``python -m benchmarks.searching``.  The library holds 5,000 synthetic sounds; a search
by words alone loads no model.  Warm searches in large libraries are in benchmarks/scale.py.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import report
from benchmarks.synthetic import fill, vocabulary
from engine.models.catalog import find_model
from engine.store import Library

SOUNDS, QUERIES = 5000, 7


def seconds(*arguments: str) -> float:
    """Return how long one command takes, the interpreter's start included."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "app.cli", *arguments]
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    words = vocabulary()
    queries = [" ".join(words[3 * n : 3 * n + 3]) for n in range(QUERIES)]
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "library.db"
        with Library(path) as library:
            fill(library, find_model("default"), SOUNDS)
        seconds("search", "--library", str(path), "first")  # makes the cache of vectors
        rows = []
        for what, more in (("by sound and words", []), ("by words alone (--names)", ["--names"])):
            took = [seconds("search", "--library", str(path), *more, query) for query in queries]
            rows.append({"search": what, "median s": statistics.median(took), "worst s": max(took)})
    report("searching", f"one search in {SOUNDS} sounds from a cold process", rows)


if __name__ == "__main__":
    main()
