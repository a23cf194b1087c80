"""Hear sounds once, in processes that are killed wherever they touch the disk (tests/killing.py).

``python -m tests.trainer.killing FOLDER MODEL TABLE`` prints a JSON document: of each kill, and
last of none, [sounds in whole blocks, sounds that the next run hears, what is wrong then].
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from engine import durable
from engine.models.match_model import load_model
from engine.progress import Control
from tests.killing import apart, killed_everywhere
from trainer.data import feature_blocks
from trainer.data.left_out import LeftOut
from trainer.data.sets import read_set
from trainer.recipes.fit_config import FitConfig
from trainer.recipes.once import FEATURES, SIGNATURE, build_cache

BLOCK = 3


class Scene:
    """A few sounds, one of them broken, that a frozen run hears, and another one undisturbed."""

    def __init__(self, folder: Path, model: Path, table: Path) -> None:
        self.folder, self.calm = folder / "killed", folder / "calm"
        self.model, self.sounds = load_model(model), read_set(f"csv:{table}")
        self.heard: list[Path] = []
        self.embed = feature_blocks.embed_files
        feature_blocks.embed_files, feature_blocks._BLOCK = self.listen, BLOCK  # type: ignore
        assert apart(lambda: self.build(self.calm))[0] == 0

    def listen(self, audio_encoder: Any, paths: Any, **how: Any) -> Iterator[Any]:
        """Hear, and count the sounds."""
        self.heard += paths
        return self.embed(audio_encoder, paths, **how)

    def prepare(self) -> None:
        """Lay an empty folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def build(self, folder: Path) -> None:
        """Hear all sounds for a run in a folder."""
        torch.set_num_threads(1)  # a fork has lost its pool, which one thread alone makes anew
        folder.mkdir(exist_ok=True)
        durable.sweep(folder)  # as whoever claims it does
        skipped, config = LeftOut(folder / "skipped.txt"), FitConfig(("csv:x",), frozen=True)
        build_cache(folder, config, self.model, self.sounds, Control(), skipped)

    def wrong(self) -> str:
        """Go on, and return what was kept, what was heard, and what is not as it should be."""
        kept = BLOCK * len([*self.folder.glob("listening/*.block")])
        if (self.folder / SIGNATURE).exists():
            kept = len(self.sounds)
        self.build(self.folder)
        wrong = [
            name
            for name in (FEATURES, SIGNATURE, "skipped.txt")
            if (self.folder / name).read_bytes() != (self.calm / name).read_bytes()
        ]
        left = {path.name for path in self.folder.rglob("*")} - {
            p.name for p in self.calm.iterdir()
        }
        return json.dumps([min(kept, len(self.sounds)), len(self.heard), sorted([*wrong, *left])])


if __name__ == "__main__":
    scene = Scene(*map(Path, sys.argv[1:]))
    found = killed_everywhere(
        scene.folder, scene.prepare, lambda: scene.build(scene.folder), scene.wrong
    )
    print(json.dumps([json.loads(said) for said in found]))
