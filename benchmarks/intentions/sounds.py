"""A library as designers have it: half of the names tell what is heard, half tell nothing."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from trainer.data.manifest import csv_rows

SPLITS = ("train", "train2", "valid")
_SEED = 1  # decides which names tell


@dataclass(frozen=True)
class Sound:
    """One sound: its file, where it stands in the library, and both of its labels."""

    source: Path
    path: str
    label: str
    merged: str
    telling: bool


def read_sounds(data: Path, splits: Sequence[str] = SPLITS) -> list[Sound]:
    """Return the sounds of some splits, in the manifest's order.

    A telling name is the one that the sound came with, in the folder of its source; any other
    is that of a recorder, ``ZOOM01234.ogg``.  The choice hangs on the sound alone, so that it
    stays when others come or go.
    """
    sounds, taken = [], set()
    for row in csv_rows(data / "sounds" / "manifest.csv"):
        if row["split"] not in splits:
            continue
        file = Path(row["path"])
        number, _, name = file.stem.partition("-")
        telling = zlib.crc32(f"{_SEED} {row['path']}".encode()) % 2 == 0
        path = f"{file.parts[1]}/{name}" if telling else f"unsorted/ZOOM{number}"
        if path in taken:
            path += f"-{number}"
        wanted = path
        for more in count(2):
            if path not in taken:
                break
            path = f"{wanted}-{more}"
        taken.add(path)
        sounds.append(
            Sound(
                data / "sounds" / file,
                path + file.suffix,
                row["label"],
                row["label_merged"],
                telling,
            )
        )
    return sounds


def lay_out(sounds: Sequence[Sound], folder: Path) -> None:
    """Copy the sounds to where the library has them; what is there already stays."""
    for sound in sounds:
        target = folder / sound.path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(sound.source, target)
