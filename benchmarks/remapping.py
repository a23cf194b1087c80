"""How long does a library take to change to a personal model, and back?

Run with ``python -m benchmarks.remapping [SOUNDS]``.  A library of that many sounds (default
100,000) of one window each is made of random features; then a model with the same audio tower
and other projections takes over, and the first one again.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.report import report
from engine.index.mapping import adopt_model
from engine.models.catalog import find_model
from engine.models.folder import write_model
from engine.models.match_model import load_model
from engine.progress import Control
from engine.store import Library, StoredWindow
from engine.store.records import FileFacts
from engine.torch_setup import set_threads

_CHUNK = 5000


def main() -> None:
    """Measure and print."""
    set_threads()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    first = find_model("default")
    with tempfile.TemporaryDirectory() as folder:
        second = Path(folder) / "personal"
        model = load_model(first)
        model.spec = replace(model.spec, name="personal")
        model.metric.factor.data.mul_(1.01)
        write_model(second, model, first / "tokenizer.json")
        with Library(Path(folder) / "library.db") as library:
            adopt_model(library, first, Control())
            _fill(library, count)
            rows = []
            for name, target in (("to the personal model", second), ("and back", first)):
                began = time.perf_counter()
                adopt_model(library, target, Control())
                rows.append({"what": f"{name}, {count} sounds", "s": time.perf_counter() - began})
    report("remapping", "change of model without decoding", rows)


def _fill(library: Library, count: int) -> None:
    random = np.random.default_rng(0)
    for start in range(0, count, _CHUNK):
        features = random.standard_normal((_CHUNK, 384), np.float32).astype(np.float16)
        vector = np.zeros(256, np.float16).tobytes()
        rows = []
        for number in range(min(_CHUNK, count - start)):
            path = f"/sounds/{start + number}.wav"
            facts = FileFacts(path, 1, 1, path, 5.0, 48000, 1, 24, "wav")
            stored = StoredWindow(0.0, 5.0, features[number].tobytes(), vector, 0.0)
            rows.append((facts, [stored]))
        library.put_sounds(rows)


if __name__ == "__main__":
    main()
