"""Index in processes that are killed at points all over the run (:mod:`tests.killing`).

``python -m tests.engine.index.killing FOLDER MODEL SOUNDS`` prints a JSON document: what is wrong
after each kill, nothing where the next run makes the library that an undisturbed one makes.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import engine.models.match_model  # noqa: F401  (before the forks: it takes a second)
from engine.index import build, waiting
from engine.index.build import index_folders
from engine.progress import Control
from engine.store import Library
from tests.engine.index.compare import difference
from tests.killing import apart, killed_everywhere

KILLS = 40


class Scene:
    """A library half of whose sounds are indexed, and others changed, moved and removed."""

    def __init__(self, folder: Path, model: Path, sounds: Path) -> None:
        self.model, self.sounds = model, sounds
        self.template, self.place = folder / "template", folder / "killed"
        self.library, self.calm = self.place / "library.db", folder / "calm" / "library.db"
        self.template.mkdir()
        kept = sorted(sounds.rglob("*.wav"))
        aside = folder / "aside"
        aside.mkdir()
        for path in kept[::2]:
            shutil.move(path, aside / path.name)
        assert apart(lambda: self.index(self.template / "library.db"))[0] == 0
        for path in kept[::2]:
            shutil.move(aside / path.name, path)
        shutil.copy(kept[0], kept[1])  # other samples
        kept[3].rename(kept[3].with_name("moved.wav"))
        kept[5].unlink()
        shutil.copytree(self.template, self.calm.parent)
        assert apart(lambda: self.index(self.calm))[0] == 0

    def warm(self) -> None:
        """Do all of it once here, for what is loaded and compiled then, all forks have."""
        torch.set_num_threads(1)  # so that there is no pool, which a fork would lose
        self.prepare()
        self.index(self.library)
        assert self.wrong() == ""

    def index(self, path: Path) -> None:
        """Index in small steps, of which many end in a commit."""
        waiting._COMMIT_FILES, build._HEADERS_AT_ONCE = 2, 3
        with Library(path) as library:
            index_folders(library, self.model, [self.sounds], Control())
            library.database.engine.dispose()

    def prepare(self) -> None:
        """Lay the library as it was before the run."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.template, self.place)

    def wrong(self) -> str:
        """Return what is wrong now, or after the next run."""
        with contextlib.closing(sqlite3.connect(self.library)) as connection:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return "damaged"
        self.index(self.library)
        with Library(self.calm) as calm, Library(self.library) as killed:
            said = difference(calm, killed)
            mine, theirs = calm.statistics(), killed.statistics()
            if not np.isclose(mine.hours, theirs.hours):
                said += f"; {mine.hours} hours and {theirs.hours}"
            if replace(mine, hours=0.0) != replace(theirs, hours=0.0):
                said += f"; {mine} and {theirs}; skipped {killed.skipped()}"
        return said


if __name__ == "__main__":
    scene = Scene(*map(Path, sys.argv[1:]))
    if sys.platform.startswith("linux"):  # elsewhere libraries may not survive a fork
        scene.warm()
    print(
        json.dumps(
            killed_everywhere(
                scene.place, scene.prepare, lambda: scene.index(scene.library), scene.wrong, KILLS
            )
        )
    )
