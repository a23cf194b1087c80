"""How long is the window's event loop blocked at most while folders are indexed?

A timer of 1 ms in the window's thread notes how late it comes.  Real sounds are indexed while
somebody types and scrolls; the time in which the model is being loaded stands apart.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest

from benchmarks.gui.stage import opened, pump, wait_for
from benchmarks.report import report
from benchmarks.scratch import scratch_home
from trainer.data.manifest import datasets_folder

FIRST, REST = 40, 1200


def main() -> None:
    """Index, and look how late the timer is."""
    sounds = sorted((datasets_folder() / "sounds" / "train").rglob("*.ogg"))
    rows = []
    with scratch_home() as home, opened(home / "library.db") as window:
        small, large = home / "small", home / "large"
        _copy(sounds[:FIRST], small)
        _copy(sounds[FIRST : FIRST + REST], large)
        late = _Late()
        window.indexing.index([small])
        wait_for(lambda: window.context.opened.is_warm and not window.jobs.shown())
        rows.append(late.row("loading the model, then indexing 40 files"))
        late = _Late()
        window.indexing.index([large])
        number = 0
        while window.jobs.shown():
            number += 1
            window.bar.set_text(("door", "rain", "metal hit", "")[number % 4])
            pump(0.7)
            QTest.keyClick(window.bar.text, "x")
            view = window.results.verticalScrollBar()
            for _ in range(20):
                view.setValue(view.value() + 60)
                pump(0.02)
        heard = (
            window.library_controller.overview.statistics.embedded
            if window.library_controller.overview
            else 0
        )
        rows.append(late.row(f"indexing {REST} files while typing and scrolling ({heard} known)"))
    report("gui_event_loop", __doc__.splitlines()[0], rows)


def _copy(paths: list[Path], folder: Path) -> None:
    folder.mkdir()
    for path in paths:
        shutil.copy(path, folder / f"{path.parent.name}-{path.name}")


class _Late:
    """Notes gaps between two turns of the event loop."""

    def __init__(self) -> None:
        self._gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer(interval=1)
        self._timer.timeout.connect(self._note)
        self._timer.start()

    def _note(self) -> None:
        now = time.perf_counter()
        self._gaps.append(now - self._last)
        self._last = now

    def row(self, name: str) -> dict[str, object]:
        """Return the longest gaps."""
        self._timer.stop()
        gaps = 1000 * np.array(self._gaps)
        return {
            "while": name,
            "s": float(gaps.sum() / 1000),
            "longest ms": float(gaps.max()),
            "p99.9 ms": float(np.percentile(gaps, 99.9)),
            "above 16 ms": int((gaps > 16).sum()),
            "above 50 ms": int((gaps > 50).sum()),
        }


if __name__ == "__main__":
    main()
