"""Data sets on disk: the manifest of sounds and where the data folder is."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputError, reason
from engine.paths import why_no_file

TRAIN = "train,train2"  # what is trained on


@dataclass(frozen=True)
class LabelledClip:
    """One row of the sounds manifest.

    ``label`` is what is learnt, in all its detail ("rain on a tent"); ``merged`` is what it
    means together with its synonyms ("rain"): clips that share it are no negatives of one
    another, and figures are measured on it.  Clips of one recording share their ``group``.
    """

    path: Path
    split: str
    label: str
    merged: str
    group: str


def datasets_folder() -> Path:
    """Return the data folder: ``SOUNDSIFT_DATA``, or ``../shared/data`` beside the checkout."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("SOUNDSIFT_DATA", default))


def labelled_clips(folder: Path, split: str) -> list[LabelledClip]:
    """Return the clips of a split of ``folder/sounds/manifest.csv``, or of several: ``a,b``.

    :raises InputError: there is no such manifest or split, or it lacks a column.
    """
    splits = [part.strip() for part in split.split(",")]
    manifest = folder / "sounds" / "manifest.csv"
    if not manifest.is_file():
        raise InputError(
            f"there is no sounds manifest at {manifest}: set SOUNDSIFT_DATA to the data folder"
        )
    columns = ("path", "split", "label", "label_merged", "group")
    rows = [row for row in csv_rows(manifest, columns) if row["split"] in splits]
    if missing := [name for name in splits if name not in {row["split"] for row in rows}]:
        raise InputError(f"{manifest} has no split named {' or '.join(missing)}")
    return [
        LabelledClip(
            manifest.parent / row["path"],
            row["split"],
            row["label"],
            row["label_merged"],
            row["group"],
        )
        for row in rows
    ]


def csv_rows(path: Path, columns: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header; a row that is too short ends in empty cells.

    :param columns: that it has to have.
    :raises InputError: it cannot be read, or lacks a column.
    """
    try:
        if (other := why_no_file(path)) is not None:  # opening a pipe would wait for ever
            raise InputError(f"{path} {other}, not a file: name a CSV file")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            rows, header = list(reader), reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV: {reason(error)}") from None
    if missing := [name for name in columns if name not in header]:
        raise InputError(f"{path} has no column named {' or '.join(missing)}")
    return rows


def write_manifest(path: Path, clips: Sequence[LabelledClip], column: str) -> None:
    """Write clips and their merged labels as a manifest (path, ``column``), paths relative to it.

    :raises InputError: it cannot be written.
    """
    home = path.absolute().parent
    rows = [(os.path.relpath(clip.path, home), clip.merged) for clip in clips]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("path", column), *rows])
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
