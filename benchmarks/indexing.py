"""How fast is indexing, and how fast a second run over unchanged files?

Run with ``python -m benchmarks.indexing``.  It writes 400 five-second Ogg files (the demo
sounds, cut and coded) and 5,000 short WAV files into a temporary folder.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from app.demo.collection import descriptions, make_demo_sounds
from benchmarks.report import report
from engine.index.build import index_folders
from engine.models.catalog import find_model, models
from engine.progress import Control
from engine.store import Library

OGG_FILES, OGG_S, WAV_FILES = 400, 5.0, 5000


def write_oggs(demo: Path, folder: Path) -> None:
    """Write five-second Ogg files, all different, of the demo sounds."""
    folder.mkdir()
    sounds = [soundfile.read(demo / name) for name, _ in descriptions()]
    for number in range(OGG_FILES):
        samples, rate = sounds[number % len(sounds)]
        length = round(OGG_S * rate)
        cut = np.roll(np.resize(samples, length), 997 * number)
        soundfile.write(folder / f"{number:04d}.ogg", cut, rate)


def write_wavs(folder: Path) -> None:
    """Write many short files."""
    random = np.random.default_rng(0)
    for number in range(WAV_FILES):
        path = folder / f"{number // 100:02d}" / f"{number:04d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, random.normal(0, 0.1, 3200), 32000)


def main() -> None:
    """Measure and print."""
    rows = []
    names = [entry.name for entry in models() if entry.folder is not None]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        make_demo_sounds(root / "demo", Control())
        write_oggs(root / "demo", root / "oggs")
        write_wavs(root / "wavs")
        for name in names:
            with Library(root / f"{name}.db") as library:
                began = time.perf_counter()
                index_folders(library, find_model(name), [root / "oggs"], Control())
                took_s = time.perf_counter() - began
            rows.append(_row(f"{OGG_FILES} Ogg files of {OGG_S:g} s, {name}", took_s, OGG_FILES))
            rows[-1]["audio s per s"] = OGG_FILES * OGG_S / took_s
        with Library(root / "many.db") as library:
            folder = find_model(names[0])
            index_folders(library, folder, [root / "wavs"], Control())
            began = time.perf_counter()
            index_folders(library, folder, [root / "wavs"], Control())
            again_s = time.perf_counter() - began
        rows.append(_row(f"{WAV_FILES} unchanged files, again", again_s, WAV_FILES))
    report(
        "indexing", "index from files on disk to committed rows, the model's loading included", rows
    )


def _row(what: str, took_s: float, files: int) -> dict[str, object]:
    return {"what": what, "s": took_s, "files per s": files / took_s, "audio s per s": ""}


if __name__ == "__main__":
    main()
