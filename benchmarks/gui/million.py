"""Does the window stay usable with a million sounds: listing, sorting, jumping, typing?"""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.gui.search.columns import DURATION, NAME
from app.gui.shell.window import MainWindow
from benchmarks.gui.stage import opened, pump, synthetic_library, wait_for
from benchmarks.report import report
from benchmarks.scratch import scratch_home

SOUNDS = 1_000_000
JUMPS = 200
WORDS = ["door slam", "rain roof", "metal hit"]


def main() -> None:
    """Do what a user does."""
    with scratch_home() as home:
        library = synthetic_library(home, SOUNDS)
        began = time.perf_counter()
        with opened(library) as window:
            wait_for(lambda: window.results.results.rowCount() == SOUNDS)
            ready_s = time.perf_counter() - began
            gaps: list[float] = []
            last = [time.perf_counter()]
            timer = QTimer(interval=1)

            def note() -> None:
                now = time.perf_counter()
                gaps.append(now - last[0])
                last[0] = now

            timer.timeout.connect(note)
            timer.start()
            row = {
                "sounds": SOUNDS,
                "listed and warm s": ready_s,
                "sorted by name s": _sorted(window, NAME.place),
                "sorted by length s": _sorted(window, DURATION.place),
                "jump anywhere p95 ms": _jumps(window),
                "key to first result p95 ms": _typing(window),
                "longest block ms": 1000 * max(gaps),
            }
    report("gui_million", __doc__, [row])


def _sorted(window: MainWindow, column: int) -> float:
    began, before = time.perf_counter(), window.results.results.found
    window.results.horizontalHeader().setSortIndicator(column, Qt.SortOrder.AscendingOrder)
    wait_for(lambda: window.results.results.found is not before)
    return time.perf_counter() - began


def _jumps(window: MainWindow) -> float:
    bar, took = window.results.verticalScrollBar(), []
    for place in np.random.default_rng(0).integers(0, bar.maximum(), JUMPS):
        began = time.perf_counter()
        bar.setValue(int(place))
        window.results.viewport().repaint()
        QApplication.processEvents()
        took.append(time.perf_counter() - began)
    return 1000 * float(np.percentile(took, 95))


def _typing(window: MainWindow) -> float:
    took = []
    for text in WORDS * 3:
        window.bar.clear()
        pump(1.5)
        for end in range(1, len(text) + 1):
            began, typed = time.perf_counter(), text[:end].strip()
            QTest.keyClick(window.bar.text, text[end - 1])
            wait_for(lambda wanted=typed: window.results.results.found.asked.text == wanted)
            window.results.viewport().repaint()
            took.append(time.perf_counter() - began)
            pump(max(0.0, 0.15 - took[-1]))
    return 1000 * float(np.percentile(took, 95))


if __name__ == "__main__":
    main()
