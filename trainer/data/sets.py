"""Data sets as their users have them on disk.

A set is named ``KIND:FOLDER``; every kind gives captioned sounds:

================  ==========================================================================
``audiocaps``     ``train.csv``, ``val.csv``, ``test.csv`` (``file_name``, or ``youtube_id``
                  and ``start_time``; ``caption``, or ``caption_1`` … ``caption_5``) and
                  folders of sounds, called by table, id, or id and times
``clotho``        the same; or ``clotho_captions_development.csv`` … beside ``development`` …
``esc50``         ``meta/esc50.csv`` and ``audio``; the split is a fold, 1 to 5
``urbansound8k``  ``metadata/UrbanSound8K.csv`` and ``audio/fold1`` …; the split is a fold
``csv``           a file with columns ``path`` and ``caption`` (or ``label``)
``folder``        a folder whose files are named by what is heard in them
``soundsift``     this project's data folder: ``sounds/manifest.csv``
================  ==========================================================================

Sounds may have any suffix that can be decoded, whatever the table says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.audio.decode import EXTENSIONS
from engine.errors import InputError
from engine.metadata.captions import caption_of_name
from trainer.data.folders import Folders
from trainer.data.manifest import csv_rows, labelled_clips

Tell = Callable[[Path, str], None]
_SPLITS = {
    "train": ("train", "development", "dev"),
    "val": ("val", "validation", "valid"),
    "test": ("test", "evaluation", "eval"),
}
_VIDEO = re.compile(r"Y([\w-]{11})\.\w+")  # AudioCaps' files, as papers call them
_TABLES = (".", "csv_files", "csv", "text", "dataset", "clotho_csv_files", "dataset2.0")
_SOUNDS = (".", "waveforms", "audio", "audios", "sounds", "wavs", "clotho_audio")


@dataclass(frozen=True)
class Captioned:
    """A sound and what is said of it; of classification sets the only caption is the class.

    Sounds of equal ``meaning`` are no negatives of one another; without one the caption is it.
    """

    path: Path
    captions: tuple[str, ...]
    meaning: str = ""


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
            f"{name} is not a data set: write KIND:FOLDER, where KIND is one of "
            + ", ".join(_READERS)
        )
    folder, folders = place_of(place), Folders()
    if not folder.exists():
        raise InputError(f"there is no {folder}: where is the {kind} data?")
    sounds = _READERS[kind](folder, split, folders)
    kept = [sound for sound in sounds if _is_usable(sound, folders, tell)]
    if not kept:
        first = f": the first of {len(sounds):,} would be {sounds[0].path}" if sounds else ""
        raise InputError(f"{name} has no sounds with captions in the split {split}{first}")
    return kept


def place_of(name: str | Path) -> Path:
    """Return the whole path of a file or folder that somebody named.

    :raises InputError: nothing can be called so.
    """
    try:
        path = Path(name).expanduser().resolve()
        path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{str(name)[:80]} is not a file or folder: {error}") from None
    return path


def _is_usable(sound: Captioned, folders: Folders, tell: Tell) -> bool:
    if not folders.has(sound.path):
        tell(sound.path, "there is no such file")
    elif not sound.captions:
        tell(sound.path, "its caption is empty")
    else:
        return True
    return False


def _captioned(folder: Path, split: str, folders: Folders, prefix: str) -> list[Captioned]:
    """Read AudioCaps or Clotho; rows of one file give its captions together."""
    parts = _SPLITS.get(split, (split,))
    names = [f"{start}{part}.csv" for start in _starts(prefix) for part in parts]
    table = _first(folder / sub / name for sub in _TABLES for name in names)
    if table is None:
        raise InputError(f"{folder} has no {split}.csv: is it a {prefix} folder?")
    # AudioCaps' repository has its tables in a folder of their own.
    roots = [folder, folder.parent] if folder.name.startswith("dataset") else [folder]
    named = [f"{start}{part}" for part in parts for start in ("", f"{prefix}_audio_")]
    homes = _inside(_inside(_inside(roots, _SOUNDS), (*named, ".")), (".", *parts))
    captions: dict[Path, list[str]] = {}
    for row in csv_rows(table):
        path = _sound_of(row, homes, table, folders)
        texts = [v.strip() for k, v in row.items() if k and k.startswith("caption") and v]
        captions.setdefault(path, []).extend(filter(None, texts))
    return [Captioned(path, tuple(dict.fromkeys(texts))) for path, texts in captions.items()]


def _inside(folders: Iterable[Path], names: Iterable[str]) -> list[Path]:
    """Return the folders of these names in ``folders``, as far as they exist."""
    below = dict.fromkeys(folder / name for folder in folders for name in names)
    return [folder for folder in below if folder.is_dir()]


def _starts(prefix: str) -> tuple[str, ...]:
    return ("", f"{prefix}_", f"{prefix}_captions_")


def _sound_of(row: dict[str, str], homes: list[Path], table: Path, folders: Folders) -> Path:
    home = homes[0] if homes else table.parent
    if name := row.get("file_name"):
        found = folders.named(name, homes)
        if found is None and (match := _VIDEO.fullmatch(name)):
            found = folders.of_video(match[1], row.get("start_time") or "", homes)
        return found or home / name
    if video := row.get("youtube_id"):
        found = folders.of_video(video, row.get("start_time") or "", homes)
        number = row.get("audiocap_id")
        if found is None and number:
            found = folders.named(f"{number}.wav", homes)
        return found or home / f"{video}.wav"
    raise InputError(f"{table} has a row with neither a file_name nor a youtube_id")


def _audiocaps(folder: Path, split: str, folders: Folders) -> list[Captioned]:
    return _captioned(folder, split, folders, "audiocaps")


def _clotho(folder: Path, split: str, folders: Folders) -> list[Captioned]:
    return _captioned(folder, split, folders, "clotho")


def _esc50(folder: Path, split: str, folders: Folders) -> list[Captioned]:
    root, table = _unpacked(folder, ("ESC-50-master", "ESC-50"), "meta", "esc50.csv")
    homes, found = [root / "audio", root], []
    for row in _of_folds(table, split, ("filename", "fold", "category")):
        path = folders.named(row["filename"], homes) or homes[0] / row["filename"]
        found.append(Captioned(path, _of_class(row["category"])))
    return found


def _urbansound8k(folder: Path, split: str, folders: Folders) -> list[Captioned]:
    root, table = _unpacked(folder, ("UrbanSound8K",), "metadata", "UrbanSound8K.csv")
    found = []
    for row in _of_folds(table, split, ("slice_file_name", "fold", "class")):
        fold, name = f"fold{row['fold']}", row["slice_file_name"]
        homes = [root / "audio" / fold, root / fold, root / "audio", root]
        path = folders.named(name, homes) or homes[0] / name
        found.append(Captioned(path, _of_class(row["class"])))
    return found


def _of_class(name: str) -> tuple[str, ...]:
    """Return the caption of a class; an empty name is none."""
    caption = name.replace("_", " ").strip()
    return (caption,) if caption else ()


def _unpacked(folder: Path, names: tuple[str, ...], sub: str, table: str) -> tuple[Path, Path]:
    """Return where an archive was unpacked, in ``folder`` or one level below, and its table."""
    roots = [folder, *(folder / name for name in names)]
    for root in roots:
        if found := _first((root / sub / table, root / table)):
            return root, found
    return folder, folder / sub / table


def _of_folds(table: Path, split: str, columns: Sequence[str]) -> list[dict[str, str]]:
    folds = {part.strip() for part in split.split(",")}
    rows = csv_rows(table, columns)
    if split in _SPLITS:
        return rows
    if unknown := folds - {row["fold"] for row in rows}:
        raise InputError(f"{table} has no fold {', '.join(sorted(unknown))}")
    return [row for row in rows if row["fold"] in folds]


def _csv(path: Path, split: str, folders: Folders) -> list[Captioned]:
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


def _folder(folder: Path, split: str, folders: Folders) -> list[Captioned]:
    sounds = (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in EXTENSIONS)
    named = ((path, caption_of_name(path)) for path in sounds)
    return [Captioned(path, (name,) if name else ()) for path, name in named]


def _soundsift(folder: Path, split: str, folders: Folders) -> list[Captioned]:
    clips = labelled_clips(folder, split)
    return [Captioned(c.path, (c.label,) if c.label else (), c.merged) for c in clips]


_READERS: dict[str, Callable[[Path, str, Folders], list[Captioned]]] = {
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
