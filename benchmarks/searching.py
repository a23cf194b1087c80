"""How long does a search take, from a cold process and in a warm one?

Run with ``python -m benchmarks.searching``.  The library holds 5,000 sounds with random
vectors; the text side is the model's own.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.report import report
from engine.index.mapping import adopt_model, windows_of
from engine.models.catalog import find_model, preferred_model
from engine.models.match_model import load_listener
from engine.progress import Control
from engine.search import Searcher
from engine.store import FileFacts, Library

SOUNDS, QUERIES = 5000, 60
WORDS = ("heavy", "wooden", "door", "rain", "metal", "distant", "bell", "engine", "birds", "slow")


def fill(library: Library, model_folder: Path) -> None:
    """Store sounds as an index run would have, with random features."""
    import torch

    from engine.audio.decode import AudioFacts
    from engine.index.listen import HeardFile

    adopt_model(library, model_folder, Control())
    listener = load_listener(model_folder)
    potentials = library.setting("bank_potentials") or b""
    features = torch.randn(SOUNDS, 384, generator=torch.Generator().manual_seed(0)).abs()
    facts = AudioFacts(5.0, 48000, 2, 24, "wav")
    rows = []
    for number in range(SOUNDS):
        heard = HeardFile(features[number : number + 1].numpy(), ((0.0, 5.0),), facts, str(number))
        file = FileFacts(f"/sounds/{number}.wav", 1, 1, str(number), 5.0, 48000, 2, 24, "wav")
        rows.append((file, windows_of(listener, heard, potentials)))
    library.put_sounds(rows)


def main() -> None:
    """Measure and print."""
    name = preferred_model()
    folder = find_model(name)
    random = np.random.default_rng(0)
    queries = [" ".join(random.choice(WORDS, 3)) for _ in range(QUERIES)]
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "library.db"
        with Library(path) as library:
            fill(library, folder)
            searcher = Searcher(library, folder)
            searcher.warm_up()
            warm = [searcher.search_text(query).took_ms for query in queries]
        cold = []
        command = [sys.executable, "-m", "app.cli", "search", "--library", str(path)]
        for query in queries[:5]:
            began = time.perf_counter()
            subprocess.run([*command, query], check=True, capture_output=True, env=os.environ)
            cold.append(1000 * (time.perf_counter() - began))
    rows = [
        {"search": "warm", "median ms": statistics.median(warm), "p95 ms": _p95(warm)},
        {"search": "cold process", "median ms": statistics.median(cold), "p95 ms": max(cold)},
    ]
    report("searching", f"text search in {SOUNDS} sounds with {name}, encoding included", rows)


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


if __name__ == "__main__":
    main()
