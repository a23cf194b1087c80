"""The demo collection: which sounds, under which names, described how."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from app.demo import sounds
from app.demo.synthesis import RATE_HZ, Random, Signal
from engine.errors import InputError, reason
from engine.paths import assets
from engine.progress import Control, Progress

MANIFEST = "descriptions.csv"


def make_demo_sounds(folder: Path, control: Control) -> int:
    """Write the demo sounds that are not there yet into ``folder``; return how many.

    ``descriptions.csv`` (path, caption) is copied beside them, so that the folder is also a
    manifest for ``soundsift evaluate retrieval``.

    :raises InputError: the folder cannot be written.
    """
    rows = descriptions()
    made = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, _) in enumerate(rows):
            control.report(Progress("making demo sounds", number, len(rows)))
            made += _make(folder / name, _recipe(name))
        if folder.resolve() != (assets() / "demo").resolve():
            _write_manifest(folder / MANIFEST, rows)
    except (OSError, soundfile.LibsndfileError) as error:
        raise InputError(
            f"the demo sounds cannot be written into {folder}: {reason(error)}"
        ) from None
    return made


def descriptions() -> list[tuple[str, str]]:
    """Return (file name, description) of every demo sound."""
    with (assets() / "demo" / MANIFEST).open(encoding="utf-8", newline="") as file:
        return [(row["path"], row["caption"]) for row in csv.DictReader(file)]


def _recipe(name: str) -> Callable[[Random], Signal]:
    recipe: Callable[[Random], Signal] = getattr(sounds, Path(name).stem)
    return recipe


def _make(path: Path, recipe: Callable[[Random], Signal]) -> int:
    if path.exists():
        return 0
    seed = int.from_bytes(path.stem.encode()[:8], "little")
    signal = sounds.peak_limited(recipe(np.random.default_rng(seed)))
    draft = path.with_name(path.name + ".part")
    soundfile.write(draft, signal, RATE_HZ, subtype="PCM_16", format="WAV")
    draft.replace(path)
    return 1


def _write_manifest(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("path", "caption"), *rows])
