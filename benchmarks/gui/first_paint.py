"""How long does the window take from the start of the process to its first paint?

Each start is a process of its own; its clock is the one that the system started it by.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.gui.stage import synthetic_library
from benchmarks.report import report
from benchmarks.scratch import scratch_home

STARTS = 7
CODE = """
import os, sys, time
began = float(sys.argv[2])
from pathlib import Path
from app.gui.shell.running import make_application, make_settings
from app.gui.kit.style.apply import apply_theme
from app.gui.shell.window import MainWindow

app = make_application()
window = MainWindow(Path(sys.argv[1]), make_settings(), apply_theme(None, "dark"))
window.show()
while not window.windowHandle().isExposed():
    app.processEvents()
window.grab()
first = time.time() - began
torch = "torch" in sys.modules
while window.library_controller.overview is None or not window.results.results.rowCount():
    app.processEvents(); time.sleep(0.001)
window.grab()
listed = time.time() - began
while not window.context.opened.is_warm:
    app.processEvents(); time.sleep(0.001)
warm = time.time() - began
print(first, torch, listed, warm)
window.close()
"""


def main() -> None:
    """Start the window several times."""
    rows = []
    with scratch_home() as home:
        for count in (1000, 100_000):
            library = synthetic_library(home, count)
            taken = [_start(library) for _ in range(STARTS)][1:]  # the first fills the caches
            first, torch, listed, warm = zip(*taken, strict=True)
            assert not any(torch)
            rows.append(
                {
                    "sounds": count,
                    "first paint s, median": statistics.median(first),
                    "worst": max(first),
                    "all listed s": statistics.median(listed),
                    "model warm s": statistics.median(warm),
                    "torch loaded at first paint": any(torch),
                }
            )
    report("gui_first_paint", __doc__.splitlines()[0], rows)


def _start(library: Path) -> tuple[float, bool, float, float]:
    import time

    command = [sys.executable, "-c", CODE, str(library), repr(time.time())]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=True)
    first, torch, listed, warm = done.stdout.split()
    return float(first), torch == "True", float(listed), float(warm)


if __name__ == "__main__":
    main()
