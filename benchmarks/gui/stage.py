"""A window to measure: on a virtual screen, with devices that take sound in real time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtWidgets import QApplication

from app.gui.kit.style.apply import apply_theme
from app.gui.shell.running import make_application, make_settings, take_down
from app.gui.shell.window import MainWindow
from engine.models.catalog import find_model
from engine.store import Library


class SilentOutput:
    """A device that takes blocks in real time and throws them away."""

    def __init__(self, rate_hz: int, channels: int, pull: Callable[[np.ndarray], object]) -> None:
        self.rate_hz, self.channels, self.latency_s = rate_hz, channels, 0.02
        self.underflows, self.active = 0, True
        self._pull = pull
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        block = np.zeros((self.rate_hz // 100, self.channels), np.float32)
        while self.active:
            self._pull(block)
            time.sleep(0.01)

    def close(self) -> None:
        """Stop."""
        self.active = False
        self._thread.join()


class SilentOutputs:
    """Devices of any rate."""

    def open(self, device: Any, rate_hz: int, channels: int, pull: Any) -> SilentOutput:
        """Open one."""
        return SilentOutput(rate_hz, 2, pull(rate_hz, 2))

    def names(self) -> list[str]:
        """Return their names."""
        return ["silence"]

    def look_again(self) -> None:
        """Do nothing."""

    def be_patient(self) -> None:
        """Do nothing."""


@contextmanager
def opened(library: Path) -> Iterator[MainWindow]:
    """Give a window on a library, shown, its model warm where it holds sounds."""
    make_application()
    window = MainWindow(library, make_settings(), apply_theme(None, "dark"), SilentOutputs())
    problems: list[BaseException] = []
    window.jobs.crashed.connect(problems.append)
    window.resize(1600, 1000)
    window.show()
    wait_for(lambda: window.library_controller.overview is not None)
    if (
        window.library_controller.overview is not None
        and window.library_controller.overview.statistics.windows
    ):
        wait_for(lambda: window.context.opened.is_warm and not window.jobs.shown())
    yield window
    window.close()
    take_down(window)
    assert not problems, problems


def synthetic_library(folder: Path, count: int) -> Path:
    """Return a library of so many sounds."""
    from benchmarks.synthetic import fill  # loads torch, which a start of the window does not

    path = folder / f"{count}.db"
    with Library(path) as library:
        fill(library, find_model("default"), count)
    return path


def pump(seconds: float) -> None:
    """Let the window run."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Let the window run until something is true."""
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "it did not come true"
        QApplication.processEvents()
        time.sleep(0.0005)
