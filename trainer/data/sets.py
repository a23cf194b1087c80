"""Data sets as their users have them on disk.

A set is named ``KIND:FOLDER``; every kind gives captioned sounds:

================  ==========================================================================
``audiocaps``     ``train.csv``, ``val.csv``, ``test.csv`` (``file_name`` or ``youtube_id``;
                  ``caption`` or ``caption_1`` … ``caption_5``) and folders of sounds
``clotho``        the same; or ``clotho_captions_development.csv`` … beside ``development`` …
``esc50``         ``meta/esc50.csv`` and ``audio``; the split is a fold, 1 to 5
``urbansound8k``  ``metadata/UrbanSound8K.csv`` and ``audio/fold1`` …; the split is a fold
``csv``           a file with columns ``path`` and ``caption`` (or ``label``)
``folder``        a folder whose files are named by what is heard in them
``soundsift``     this project's data folder: ``sounds/manifest.csv``
================  ==========================================================================
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.audio.decode import EXTENSIONS
from engine.errors import InputError
from engine.metadata.captions import caption_of_name
from engine.plain_text import one_line
from trainer.data.manifest import csv_rows, labelled_clips

Tell = Callable[[Path, str], None]
_SPLITS = {"train": "development", "val": "validation", "test": "evaluation"}


@dataclass(frozen=True)
class Captioned:
    """A sound and what is said of it; of classification sets the only caption is the class."""

    path: Path
    captions: tuple[str, ...]


def read_set(
    name: str, split: str = "train", tell: Tell = lambda path, reason: None
) -> list[Captioned]:
    """Return the sounds of a set that are there; ``tell`` hears of those that are not.

    :param name: ``KIND:FOLDER``.
    :param split: ``train``, ``val`` or ``test``, or of a set with folds their numbers, as
        ``1,2,3``.
    :raises InputError: there is no such kind or split, or nothing of it can be used.
    """
    kind, _, place = name.partition(":")
    if kind not in _READERS or not place:
        raise InputError(
            f"{name} names no data set: write KIND:FOLDER, where KIND is one of "
            + ", ".join(_READERS)
        )
    folder = Path(place).expanduser()
    if not folder.exists():
        raise InputError(f"there is no {folder}: where is the {kind} data?")
    kept = [sound for sound in _READERS[kind](folder, split) if _is_usable(sound, tell)]
    if not kept:
        raise InputError(f"{name} has no sound with a caption in the split {split}")
    return kept


def _is_usable(sound: Captioned, tell: Tell) -> bool:
    if not sound.path.is_file():
        tell(sound.path, "there is no such file")
    elif not sound.captions:
        tell(sound.path, "its caption is empty")
    else:
        return True
    return False


def _captioned(folder: Path, split: str, prefix: str) -> list[Captioned]:
    """Read AudioCaps or Clotho; rows of one file give its captions together."""
    official = _SPLITS.get(split, split)
    names = (f"{split}.csv", f"{prefix}_{split}.csv", f"clotho_captions_{official}.csv")
    table = _first(folder / sub / name for sub in (".", "csv_files", "text") for name in names)
    if table is None:
        raise InputError(f"{folder} has no {split}.csv: is it a {prefix} folder?")
    homes = [
        folder / sub / part
        for sub in (".", "waveforms", "audio", "sounds", "clotho_audio")
        for part in (split, official, f"clotho_audio_{official}", ".")
    ]
    homes = [home for home in dict.fromkeys(homes) if home.is_dir()]
    captions: dict[Path, list[str]] = {}
    for row in csv_rows(table):
        path = _sound_of(row, homes, table)
        texts = [v.strip() for k, v in row.items() if k and k.startswith("caption") and v]
        captions.setdefault(path, []).extend(filter(None, texts))
    return [Captioned(path, tuple(dict.fromkeys(texts))) for path, texts in captions.items()]


def _sound_of(row: dict[str, str], homes: list[Path], table: Path) -> Path:
    if "file_name" in row:
        names = [row["file_name"]]
    elif "youtube_id" in row:
        stem, start = row["youtube_id"], row.get("start_time", "")
        stems = (stem, f"Y{stem}", f"{stem}_{start}", row.get("audiocap_id", stem))
        names = [f"{s}{suffix}" for s in stems for suffix in (".wav", ".flac", ".mp3", ".ogg")]
    else:
        raise InputError(f"{table} has neither a column file_name nor youtube_id")
    found = _first(home / name for name in names for home in homes)
    return found or (homes[0] if homes else table.parent) / names[0]


def _audiocaps(folder: Path, split: str) -> list[Captioned]:
    return _captioned(folder, split, "audiocaps")


def _clotho(folder: Path, split: str) -> list[Captioned]:
    return _captioned(folder, split, "clotho")


def _esc50(folder: Path, split: str) -> list[Captioned]:
    rows = _of_folds(folder / "meta" / "esc50.csv", split)
    return [
        Captioned(folder / "audio" / row["filename"], (row["category"].replace("_", " "),))
        for row in rows
    ]


def _urbansound8k(folder: Path, split: str) -> list[Captioned]:
    rows = _of_folds(folder / "metadata" / "UrbanSound8K.csv", split)
    return [
        Captioned(
            folder / "audio" / f"fold{row['fold']}" / row["slice_file_name"],
            (row["class"].replace("_", " "),),
        )
        for row in rows
    ]


def _of_folds(table: Path, split: str) -> list[dict[str, str]]:
    folds = {part.strip() for part in split.split(",")}
    rows = csv_rows(table)
    if split in _SPLITS:
        return rows
    if unknown := folds - {row["fold"] for row in rows}:
        raise InputError(f"{table} has no fold {', '.join(sorted(unknown))}")
    return [row for row in rows if row["fold"] in folds]


def _csv(path: Path, split: str) -> list[Captioned]:
    rows = csv_rows(path)
    column = next((name for name in ("caption", "label") if rows and name in rows[0]), None)
    if column is None or "path" not in rows[0]:
        raise InputError(f"{path} needs the columns path and caption")
    found: dict[Path, list[str]] = {}
    for row in rows:
        if not row.get("split") or row["split"] == split:
            texts = found.setdefault(path.parent / (row["path"] or ""), [])
            texts.extend(filter(None, [(row[column] or "").strip()]))
    return [Captioned(sound, tuple(dict.fromkeys(texts))) for sound, texts in found.items()]


def _folder(folder: Path, split: str) -> list[Captioned]:
    sounds = (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in EXTENSIONS)
    named = ((path, caption_of_name(path)) for path in sounds)
    return [Captioned(path, (name,) if name else ()) for path, name in named]


def _soundsift(folder: Path, split: str) -> list[Captioned]:
    clips = labelled_clips(folder, split)
    return [Captioned(clip.path, (clip.label,)) for clip in clips]


_READERS: dict[str, Callable[[Path, str], list[Captioned]]] = {
    "audiocaps": _audiocaps,
    "clotho": _clotho,
    "esc50": _esc50,
    "urbansound8k": _urbansound8k,
    "csv": _csv,
    "folder": _folder,
    "soundsift": _soundsift,
}


def _first(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def skipped(path: Path, reason: str) -> None:
    """Tell that a sound is left out, and why."""
    print(one_line(f"skipped {path}: {reason}"), file=sys.stderr)
