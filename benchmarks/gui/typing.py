"""How long from a key to the first result on the screen, in 100,000 sounds, the model warm?

Words are typed a key each 120 ms; what counts is the time from a key to the paint of the
results for the text as it then stands, the pause for more keys included.
"""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtTest import QTest

from app.gui.search.search_bar import DEBOUNCE_MS
from benchmarks.gui.stage import opened, pump, synthetic_library, wait_for
from benchmarks.report import report
from benchmarks.scratch import scratch_home

SOUNDS = 100_000
WORDS = ["door slam", "rain roof", "metal hit", "dog bark", "engine idle", "glass break"]
KEY_S = 0.12


def main() -> None:
    """Type, and look at the clock."""
    with scratch_home() as home, opened(synthetic_library(home, SOUNDS)) as window:
        took = []
        for text in WORDS * 4:
            window.bar.clear()
            pump(0.3)
            window.bar.text.setFocus()
            for end in range(1, len(text) + 1):
                began = time.perf_counter()
                QTest.keyClick(window.bar.text, text[end - 1])
                typed = text[:end].strip()
                wait_for(lambda wanted=typed: window.results.results.found.asked.text == wanted)
                window.results.viewport().repaint()
                took.append(1000 * (time.perf_counter() - began))
                pump(max(0.0, KEY_S - (time.perf_counter() - began)))
    low, high = np.percentile(took[10:], [50, 95])
    rows = [
        {
            "sounds": SOUNDS,
            "keys": len(took) - 10,
            "of it pause ms": DEBOUNCE_MS,
            "median ms": float(low),
            "p95 ms": float(high),
            "worst ms": max(took[10:]),
        }
    ]
    report("gui_typing", __doc__.splitlines()[0], rows)


if __name__ == "__main__":
    main()
