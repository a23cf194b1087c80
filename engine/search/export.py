"""Export what a library knows: CSV, JSON, or the tab-delimited table that sound libraries import.

Soundminer, BaseHead and spreadsheets take a table with a line of column names; those here are the
names that they use.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

from engine.errors import InputError
from engine.metadata.ucs_names import category_of_sound, category_of_tag
from engine.progress import Control, Progress
from engine.search.grammar import Query
from engine.store import Library, SoundRow
from engine.store.keywords import match_words
from engine.store.listing import ordered_sounds
from engine.store.records import moment
from engine.store.tags import sounds_with_tags

Format = Literal["csv", "json", "table"]
FORMATS: dict[str, Format] = {".csv": "csv", ".json": "json", ".txt": "table", ".tsv": "table"}
COLUMNS = (
    *("Filename", "Pathname", "Description", "Keywords", "CatID", "Category", "SubCategory"),
    *("Duration", "SampleRate", "BitDepth", "Channels", "Format", "Library"),
    *("Rating", "Color", "Notes", "LastUsed", "LastProject"),
    *("Loudness", "LoudnessRange", "TruePeak"),  # LUFS, LU, dBTP
    "ChannelLayout",
)
_AT_ONCE = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def format_of(path: Path) -> Format:
    """Return the format that a file's ending stands for.

    :raises InputError: it stands for none.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path.name} has an unknown file type: use .csv, .json, .txt or .tsv")
    return found


def export(
    library: Library, ids: Sequence[int], path: Path, kind: Format, control: Control
) -> None:
    """Write sounds into a table.

    :raises InputError: the file cannot be written; it stays as it was.
    :raises Cancelled: the user asked to stop; the file stays as it was.
    """
    partial = path.with_name(path.name + ".part")
    try:
        # Excel takes CSV for UTF-8 only with a byte order mark.
        encoding = "utf-8-sig" if kind == "csv" else "utf-8"
        with partial.open("w", encoding=encoding, errors="replace", newline="") as out:
            _write(out, kind, _rows(library, ids, control))
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


def sounds_of(library: Library, query: Query | None) -> list[int]:
    """Return the ids of the sounds that a query finds by words and filters; of all if None."""
    if query is None:
        return [int(i) for i in ordered_sounds(library, (), "folder")]
    if not query.groups:
        return [int(i) for i in ordered_sounds(library, query.conditions, "folder")]
    everything = len(ordered_sounds(library, ()))
    return [i for i, _ in match_words(library, query.groups, query.conditions, everything)]


def _rows(library: Library, ids: Sequence[int], control: Control) -> Iterator[dict[str, Any]]:
    roots = library.folders()
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        sounds, tags = sounds_with_tags(library, some)
        for sound_id in some:
            if sound_id in sounds:
                yield _row(sounds[sound_id], tags.get(sound_id, ()), roots)
        control.report(Progress("exporting", start + len(some), len(ids)))


def _row(sound: SoundRow, tags: Sequence[str], roots: Sequence[str]) -> dict[str, Any]:
    path, marks = Path(sound.path), sound.marks
    category = category_of_sound(tags, sound.category)
    root = next((Path(r) for r in reversed(roots) if path.is_relative_to(r)), None)
    values = (
        path.name,
        sound.path,
        sound.description or "",
        [tag for tag in tags if category_of_tag(tag) is None],
        category.id if category else "",
        category.category if category else "",
        category.subcategory if category else "",
        round(sound.duration_s, 3),
        sound.rate_hz,
        sound.bits or "",
        sound.channels,
        sound.format,
        root.name if root else "",
        marks.stars or "",
        marks.colour or "",
        marks.note,
        moment(marks.used_ns) if marks.used_ns is not None else "",
        marks.project,
        *(_measured(value) for value in sound.loudness_dict().values()),
        sound.layout or "",
    )
    return dict(zip(COLUMNS, values, strict=True))


def _measured(value: float | None) -> float | str:
    return "" if value is None else round(value, 2)


def _write(out: TextIO, kind: Format, rows: Iterator[dict[str, Any]]) -> None:
    if kind == "json":
        out.write('{"sounds": [\n')
        for number, row in enumerate(rows):
            out.write((",\n" if number else "") + json.dumps(row, ensure_ascii=False))
        out.write("\n]}\n")
        return
    delimiter = "\t" if kind == "table" else ","
    table = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for row in rows:
        table.writerow([_cell(row[name], kind) for name in COLUMNS])


def _cell(value: Any, kind: Format) -> Any:
    """Return a cell's text; what a spreadsheet would take for a formula is quoted."""
    if isinstance(value, list):
        value = ", ".join(value)
    if not isinstance(value, str):
        return value
    text = " ".join(value.split()) if kind == "table" else value
    return f"'{text}" if text.startswith(_FORMULA) else text
