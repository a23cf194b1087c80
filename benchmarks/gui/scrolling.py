"""How many frames a second does scrolling through 100,000 rows give, painted off the screen?"""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtWidgets import QApplication

from benchmarks.gui.stage import opened, pump, synthetic_library, wait_for
from benchmarks.report import report
from benchmarks.scratch import scratch_home

SOUNDS = 100_000
FRAMES = 600


def main() -> None:
    """Scroll by two rows a frame, then by jumps."""
    rows = []
    with scratch_home() as home, opened(synthetic_library(home, SOUNDS)) as window:
        view = window.results
        wait_for(lambda: view.results.rowCount() == SOUNDS)
        pump(1.0)
        bar = view.verticalScrollBar()
        for name, step in (("two rows a frame", 60), ("a page a frame", view.viewport().height())):
            bar.setValue(0)
            pump(0.5)
            took = []
            for _ in range(FRAMES):
                began = time.perf_counter()
                bar.setValue(bar.value() + step)
                view.viewport().repaint()
                QApplication.processEvents()  # rows that were fetched come in here
                took.append(time.perf_counter() - began)
            visible = view.viewport().height() // 30
            rows.append(
                {
                    "scrolling": name,
                    "rows in view": visible,
                    "frames a second": 1 / float(np.mean(took)),
                    "worst frame ms": 1000 * max(took),
                    "p99 frame ms": 1000 * float(np.percentile(took, 99)),
                }
            )
    report("gui_scrolling", __doc__, rows)


if __name__ == "__main__":
    main()
