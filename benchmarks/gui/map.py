"""Does the map stay smooth with a million sounds: pushed, zoomed, pointed at, drawn around?

Frames are painted off the screen, one after the other as fast as they come; pictures of the
points are made beside them, as in use.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QPolygonF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.gui.library.map.lasso import rows_within
from app.gui.library.map.map_window import LibraryMapWindow
from benchmarks.gui.stage import opened, pump, synthetic_library, wait_for
from benchmarks.report import report
from benchmarks.scratch import scratch_home
from engine.models.catalog import find_model
from engine.models.spec import read_spec
from engine.progress import Control
from engine.search.library_map.kept import LibraryMap, MapRegion, put_map
from engine.search.library_map.neighbours import sound_vectors
from engine.store import Library
from engine.store.vectors import load_vectors

SOUNDS = 1_000_000
FRAMES = 300
SIZE = (1440, 900)
PUSH_PX = 12


def put_made_up_map(path: str) -> None:
    """Keep a map of clusters that look like one: how it was arranged does not matter here."""
    with Library(path) as library:
        spec = read_spec(find_model("default"))
        sounds = sound_vectors(load_vectors(library, spec.rank), Control())
        random = np.random.default_rng(0)
        middles = random.normal(0, 100, (400, 2))
        own = random.integers(0, len(middles), len(sounds.ids))
        width = random.gamma(2.0, 4.0, len(middles))[own, None]
        places = middles[own] + width * random.standard_normal((len(own), 2))
        regions = tuple(
            MapRegion(f"Region {n}", float(x), float(y), min(3, n // 40), 1000)
            for n, (x, y) in enumerate(middles)
        )
        put_map(
            library,
            LibraryMap(sounds.ids, places.astype(np.float32), sounds.marks, regions, spec.id),
        )


def main() -> None:
    """Do what a user does."""
    sounds = int(float(sys.argv[1])) if len(sys.argv) > 1 else SOUNDS
    rows = []
    with scratch_home() as home:
        path = synthetic_library(home, sounds)
        put_made_up_map(path)
        with opened(path) as window:
            wait_for(lambda: window.results.results.rowCount() == sounds)
            began = time.perf_counter()
            shown = window.commands.dialogs.open("map")
            assert isinstance(shown, LibraryMapWindow)
            shown.resize(*SIZE)
            canvas = shown.canvas
            wait_for(lambda: len(canvas.cloud.ids) == sounds)
            wait_for(lambda: canvas.frames.is_there)
            pump(1.0)
            ready_s = time.perf_counter() - began - 1.0
            for name, depth in (("all in view", 1.0), ("a tenth of the width", 10.0)):
                canvas.set_view(canvas.view.fitted().zoomed(depth, SIZE[0] / 2, SIZE[1] / 2))
                pump(1.0)
                rows.append(_row(f"pushed, {name}", _frames(shown, _pushed(shown)), sounds))
            canvas.set_view(canvas.view.fitted())
            pump(1.0)
            rows.append(_row("zoomed in and out", _frames(shown, _zoomed(shown)), sounds))
            canvas.set_view(canvas.view.fitted())
            pump(1.0)
            rows.append(_row("the pointer moved", _frames(shown, _pointed(shown)), sounds))
            polygon = QPolygonF([QPointF(300, 200), QPointF(1100, 150), QPointF(700, 800)])
            began = time.perf_counter()
            chosen = len(rows_within(canvas.cloud, canvas.view, polygon))
            lasso_ms = 1000 * (time.perf_counter() - began)
            rows[0] |= {"shown after s": ready_s, "lasso ms": lasso_ms, "chosen": chosen}
    columns = [*rows[0]]
    report("gui_map", __doc__.splitlines()[0], [{c: row.get(c) for c in columns} for row in rows])


def _frames(shown: LibraryMapWindow, step: Callable[[int], object]) -> list[float]:
    took = []
    for number in range(FRAMES):
        began = time.perf_counter()
        step(number)
        shown.canvas.repaint()
        QApplication.processEvents()  # pictures that were made come in here
        took.append(time.perf_counter() - began)
    return took


def _pushed(shown: LibraryMapWindow) -> Callable[[int], object]:
    def step(number: int) -> None:
        way = 1 if number // 75 % 2 else -1
        shown.canvas.set_view(shown.canvas.view.moved(way * PUSH_PX, way * PUSH_PX / 2))

    return step


def _zoomed(shown: LibraryMapWindow) -> Callable[[int], object]:
    def step(number: int) -> None:
        factor = 1.03 if number < FRAMES // 2 else 1 / 1.03
        shown.canvas.set_view(shown.canvas.view.zoomed(factor, SIZE[0] / 2, SIZE[1] / 2))

    return step


def _pointed(shown: LibraryMapWindow) -> Callable[[int], object]:
    shown.bar.hover.setChecked(False)

    def step(number: int) -> None:
        at = QPoint(200 + 3 * number, 300 + number)
        QTest.mouseMove(shown.canvas, at)

    return step


def _row(what: str, took: list[float], sounds: int) -> dict[str, object]:
    return {
        "sounds": sounds,
        "what": what,
        "frames a second": 1 / float(np.mean(took)),
        "p99 frame ms": 1000 * float(np.percentile(took, 99)),
        "worst frame ms": 1000 * max(took),
        "over 16.7 ms": sum(t > 1 / 60 for t in took),
    }


if __name__ == "__main__":
    main()
