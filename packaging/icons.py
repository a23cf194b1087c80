"""Draw the program's icon as PNG files: ``icons.py FOLDER SIZE...`` writes FOLDER/SIZE.png."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QGuiApplication

from app.gui.kit.style.icons import pixmap


def main(folder: Path, sizes: list[int]) -> None:
    """Draw it in every size, in pixels."""
    app = QGuiApplication([])
    folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        if not pixmap("soundsift", "#000000", size).save(str(folder / f"{size}.png")):
            raise SystemExit(f"{folder / f'{size}.png'} could not be written")
    del app


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])
