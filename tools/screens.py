"""Photograph every state of the window, in both themes and three sizes, to look at them.

    python tools/screens.py OUT [--library FILE] [--query TEXT] [--only STATE...]

Without a library the demo sounds are indexed first.  Nothing is shown on the screen.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(
    0, str(Path(__file__).parent.parent)
)  # benchmarks and tools are no installed packages

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QWidget

from app.gui.kit.style.apply import apply_theme
from benchmarks.gui.stage import opened, pump
from tools.screen_states import Stage, demo_library, states

SIZES = ((1024, 640, 1), (1440, 900, 1), (2560, 1440, 2))  # pixels, pixels, scale
THEMES = ("light", "dark")


def take(library: Path, query: str, only: Sequence[str], out: Path, size: Sequence[int]) -> None:
    """Photograph the states at one size, in both themes."""
    with opened(library) as window:
        for theme in THEMES:
            window.set_colours(apply_theme(None, theme))
            scale = size[2]
            window.resize(size[0] // scale, size[1] // scale)
            stage = Stage(window, query)
            for name, bring in states().items():
                if only and name not in only:
                    continue
                widget = bring(stage)
                place = out / f"{name}-{size[0]}-{theme}.png"
                whole(window, widget).save(str(place))
                print(place, flush=True)
                stage.tidy()
                pump(0.1)


def whole(window: QWidget, widget: QWidget) -> QPixmap:
    """Return a picture of the window; a dialog lies over its middle."""
    if widget.window() is widget and not widget.parentWidget() and widget is not window:
        return widget.grab()  # another window
    picture = window.grab()
    if widget is window:
        return picture
    above = widget.grab()
    painter = QPainter(picture)
    painter.setOpacity(0.5)
    painter.fillRect(QRect(0, 0, window.width(), window.height()), "black")
    painter.setOpacity(1.0)
    left = (window.width() - widget.width()) // 2
    painter.drawPixmap(left, (window.height() - widget.height()) // 2, above)
    painter.end()
    return picture


def main() -> int:
    """Take all pictures, a process for every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--query", default="heavy door creaking")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--size", type=int, nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.size is not None:
        take(asked.library, asked.query, asked.only, asked.out, asked.size)
        return 0
    with tempfile.TemporaryDirectory() as home:
        os.environ["SOUNDSIFT_HOME"] = home
        library = asked.library or demo_library(Path(home))
        for size in SIZES:
            sized = ["--size", *map(str, size), "--library", str(library), "--query", asked.query]
            only = ["--only", *asked.only] if asked.only else []
            command = [sys.executable, __file__, str(asked.out), *sized, *only]
            environment = os.environ | {"QT_SCALE_FACTOR": str(size[2])}
            if code := subprocess.run(command, env=environment, check=False).returncode:  # noqa: S603
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
