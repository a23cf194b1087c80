"""How many indexed sounds a second are held against all of UCS?

Run with ``python -m benchmarks.tagging.speed [--sounds N]``.  A synthetic library of sounds of one
window each (benchmarks/synthetic.py) is tagged as one folder, names and all; the alternative asks
for the likenesses of one sound after the other, as the inspector does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.report import report
from benchmarks.synthetic import fill
from engine.models.catalog import find_model
from engine.progress import Control
from engine.search import Searcher
from engine.search.labels.taxonomy import ucs
from engine.store import Library
from engine.tags.suggest import Rules, Tagger

ONE_BY_ONE = 2000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sounds", type=int, default=50_000)
    count = parser.parse_args().sounds
    model = find_model("default")
    rows = []
    with tempfile.TemporaryDirectory() as folder, Library(Path(folder) / "l.db") as library:
        fill(library, model, count)
        searcher = Searcher(library, model)
        ids = np.arange(1, count + 1)
        began = time.perf_counter()
        tagger = Tagger(library, searcher, ucs())
        embedded = time.perf_counter() - began
        for title, rules in (
            ("sound, folder and names", Rules()),
            ("sound and folder", Rules(words=False)),
            ("sound, per clip", Rules(folder=False, words=False)),
        ):
            began = time.perf_counter()
            tagger.suggest(ids, rules, Control())
            rows.append({"how": title, "sounds a second": count / (time.perf_counter() - began)})
        names = searcher.sound_names()
        began = time.perf_counter()
        for sound_id in ids[:ONE_BY_ONE].tolist():
            names.likenesses(searcher.index, sound_id)
        slow = ONE_BY_ONE / (time.perf_counter() - began)
    rows.append({"how": "one by one", "sounds a second": slow})
    for row in rows:
        row["times the last"] = row["sounds a second"] / slow
    print(f"embedding the texts of all labels: {embedded:.1f} s")
    report("tag_speed", f"tagging {count} sounds with 752 UCS categories", rows)


if __name__ == "__main__":
    main()
