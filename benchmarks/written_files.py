"""Does anything but our fields change in files that tags are written into, and is all restored?

Run with ``python -m benchmarks.written_files [--files N] [--seed N] [--keep FOLDER]``.  Files of
every format are encoded, taken apart and put together by hand in unusual ways (odd chunks, foreign
tags, other encodings, damage), and tags are written into them as ``soundsift tag`` does.  Readers
that are not the engine's say what became of each: libsndfile, FFmpeg, mutagen, Python's XML, and
walkers of this benchmark's own.  Then the run is taken back.

``changed`` are files in which something is not as it was beside the fields that we write, or which
were refused and yet touched; ``restored`` those that are again what they were, byte for byte, with
time, mode and attributes.  Details of every file go to ``files.txt`` in the folder of ``--keep``.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av.logging

from benchmarks.report import report
from benchmarks.writing.encoded import FAMILIES
from benchmarks.writing.forge import Placed, place_files
from benchmarks.writing.readers import digest, problems, state
from engine.progress import Control
from engine.store import FileFacts, Header, Library
from engine.tags.run import TagRun, Written, undo_last
from engine.tags.run_folders import runs_of

NEW_WITH_THE_FILE = {"number", "time of change"}  # of the inode
WRITTEN_ANEW = NEW_WITH_THE_FILE | {"bytes", "modification time"}


@dataclass
class Outcome:
    """What became of a file: ``problems`` must be empty, ``restored`` True where it was written."""

    file: Placed
    kind: str  # written, held already, refused
    why: str = ""
    problems: list[str] = field(default_factory=list)
    restored: bool = False


@dataclass
class Examined:
    """What became of all files, and how many beside them came, or went."""

    outcomes: list[Outcome]
    left_over: int


def examine(folder: Path, count: int, seed: int) -> Examined:
    """Write into files of every kind, look at them, and take it back."""
    os.environ["SOUNDSIFT_HOME"] = str(folder / "home")
    placed = place_files(folder, count, seed)
    before = {file.path: state(file.path) for file in placed}
    others = _tree(folder)
    with Library(folder / "library.db") as library:
        library.put_headers([(_facts(file), Header()) for file in placed])
        written = _write(library, placed)
        outcomes = _outcomes(placed, written)
        for outcome in outcomes:
            _compare(outcome, before[outcome.file.path])
        left_over = _left_over(folder, others)
        _write_again(library, [one for one in outcomes if one.kind == "written"])
        refused: dict[str, str] = {}
        while any(runs_of(library).glob("*")):
            undone = undo_last(library, Control())
            if not undone.refused and not undone.files:
                continue
            refused |= dict(undone.refused)
            if undone.refused:
                break
    for outcome in outcomes:
        path = outcome.file.path
        differing = _differing(before[path], state(path))
        untouched = NEW_WITH_THE_FILE if outcome.kind == "written" else set()
        outcome.restored = differing <= untouched
        if not outcome.restored:
            told = refused.get(str(path), "")
            outcome.problems.append(f"not restored: {sorted(differing)} {told}".strip())
    return Examined(outcomes, left_over + _left_over(folder, others))


def _facts(file: Placed) -> FileFacts:
    told = file.path.stat()
    number = digest(str(file.path).encode())
    facts = (str(file.path), told.st_size, told.st_mtime_ns, number, 0.1, 48000, 1, 16, "x")
    return FileFacts(*facts)


def _write(library: Library, files: list[Placed]) -> Written:
    with TagRun.begin(library) as run:
        return run.write({str(file.path): file.tags for file in files}, Control())


def _outcomes(placed: list[Placed], written: Written) -> list[Outcome]:
    done, refused = set(written.done), dict(written.refused)
    found = []
    for file in placed:
        why = refused.get(str(file.path))
        kind = "refused" if why is not None else "held already"
        outcome = Outcome(file, "written" if str(file.path) in done else kind, why or "")
        if why is not None and not _is_sentence(why):
            outcome.problems.append(f"no sentence: {why!r}")
        found.append(outcome)
    return found


def _is_sentence(why: str) -> bool:
    rough = ("Traceback", "Error(", "Errno", "object at 0x")
    return bool(why.strip()) and not any(word in why for word in rough)


def _compare(outcome: Outcome, before: dict[str, object]) -> None:
    file = outcome.file
    differing = _differing(before, state(file.path))
    if outcome.kind != "written":
        outcome.problems += [f"{outcome.kind}, and yet {what} differs" for what in differing]
        return
    outcome.problems += [f"its {what} differs" for what in sorted(differing - WRITTEN_ANEW)]
    outcome.problems += problems(file.original, file.path, file.tags, file.pieces)


def _write_again(library: Library, outcomes: list[Outcome]) -> None:
    """Write the same once more: nothing may come of it."""
    written = _write(library, [outcome.file for outcome in outcomes])
    again = set(written.done)
    for outcome in outcomes:
        if str(outcome.file.path) in again:
            outcome.problems.append("written once more, it became other bytes")


def _differing(one: dict[str, object], other: dict[str, object]) -> set[str]:
    return {what for what in one if one[what] != other[what]}


def _tree(folder: Path) -> set[Path]:
    return {path for name in ("sounds", "aside") for path in (folder / name).rglob("*")}


def _left_over(folder: Path, others: set[Path]) -> int:
    return len(_tree(folder) ^ others)


def rows_of(examined: Examined) -> list[dict[str, Any]]:
    """Return a row for each family, and one for all."""
    rows = []
    for family in (*FAMILIES, "total"):
        own = [one for one in examined.outcomes if family in (one.file.family, "total")]
        kinds = Counter(one.kind for one in own)
        rows.append(
            {
                "family": family,
                "tried": len(own),
                "written": kinds["written"],
                "held already": kinds["held already"],
                "refused": kinds["refused"],
                "changed": sum(bool(one.problems) for one in own),
                "restored": sum(one.restored for one in own if one.kind == "written"),
                "left over": examined.left_over if family == "total" else "",
            }
        )
    return rows


def reasons(examined: Examined) -> list[dict[str, Any]]:
    """Return why files were refused, with what is particular to one file left out."""
    found: Counter[str] = Counter()
    for outcome in examined.outcomes:
        if outcome.kind == "refused":
            why = outcome.why.replace(outcome.file.path.name, "the file")
            why = re.sub(r"(its atom|its chunk|the) \S{1,4} (?=does|goes|chunk)", r"\1 … ", why)
            why = re.sub(r"(line|column) \d+", r"\1 …", why)
            found[re.sub(r"(?<=metadata: ).*|(?<=as it is: ).*", "…", why)] += 1
    return [{"files": count, "reason": reason} for reason, count in found.most_common()]


def _keep(examined: Examined, folder: Path) -> None:
    lines = [
        f"{one.kind}\t{one.restored}\t{one.file.path.name!r}\t{one.file.what}\t{one.why}\t"
        f"{'; '.join(one.problems)}"
        for one in examined.outcomes
    ]
    (folder / "files.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Write, look, take back, and print; return 1 where something is not as it should be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a new folder, which stays")
    wanted = parser.parse_args()
    av.logging.set_level(av.logging.PANIC)
    with tempfile.TemporaryDirectory() as name:
        folder = wanted.keep or Path(name) / "files"
        examined = examine(folder, wanted.files, wanted.seed)
        if wanted.keep:
            _keep(examined, folder)
    rows = rows_of(examined)
    report("written_files", f"tags written into {len(examined.outcomes)} generated files", rows)
    report("written_files_refused", "why files were refused", reasons(examined))
    for one in examined.outcomes:
        if one.problems:
            print(f"{one.file.path.name!r} ({one.file.what}): {'; '.join(one.problems)}")
    total = rows[-1]
    wrong = total["changed"] or total["left over"] or total["restored"] < total["written"]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
