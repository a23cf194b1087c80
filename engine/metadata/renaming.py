"""Rename files by a pattern, such as the file names of the Universal Category System.

UCS: ``CatID_FXName_CreatorID_SourceID[_UserData].ext``, no underscore inside a part.  A plan is
made first and shows what would happen; carrying it out is all or nothing, and can be taken back.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import string
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import AudioError, InputError
from engine.metadata.journal import write_record
from engine.metadata.ucs_names import category_of_name

UCS_PATTERN = "{catid}_{fxname}_{creator}_{source}[_{user}]"
FIELDS = ("catid", "fxname", "creator", "source", "user", "name")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')  # on Windows; everywhere, files travel
_PORTS = {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
_RESERVED = frozenset({"con", "prn", "aux", "nul"} | _PORTS)
_LONGEST_BYTES = 240  # of a name, of the 255 that file systems take
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")

Move = tuple[str, str]


@dataclass(frozen=True)
class Rename:
    """One file and its new path; without one ``problem`` says why it stays."""

    old: str
    new: str | None
    problem: str | None = None


def plan_renames(
    files: Sequence[tuple[str, Mapping[str, str]]], pattern: str = UCS_PATTERN
) -> list[Rename]:
    """Return what renaming would do to files with these fields; nothing is touched.

    A part in brackets is left out where a field in it is empty; any other empty field is a
    problem of that file.  Names that would meet, also those that differ in case alone, are
    numbered: ``Creak 2``.

    :raises InputError: the pattern makes no sense.
    """
    _refuse_wrong(pattern)
    leaving = {_folded(path) for path, _ in files}
    taken: set[str] = set()
    plans = []
    for path, fields in files:
        try:
            stem = _stem(pattern, {**fields, "name": _plain(Path(path).stem)})
        except InputError as error:
            plans.append(Rename(path, None, f"{Path(path).name}: {error}"))
            taken.add(_folded(path))
            continue
        new = _free(Path(path), stem, fields, pattern, taken, leaving)
        taken.add(_folded(new))
        plans.append(Rename(path, new if new != path else None))
    return plans


def needed_fields(pattern: str) -> set[str]:
    """Return the fields without which a pattern gives no name.

    :raises InputError: the pattern makes no sense.
    """
    _refuse_wrong(pattern)
    return set(_fields_in(_OPTIONAL.sub("", pattern)))


def fx_name(path: Path) -> str:
    """Return what is left to name a sound by: its file's name without a CatID before it."""
    stem = path.stem
    if category_of_name(stem) is not None:
        stem = stem.split("_")[1]
    return _plain(stem)


def carry_out(plans: Sequence[Rename], journal: Path) -> list[Move]:
    """Rename files; return (old, new) of each.  All are renamed, or none.

    :param journal: a file that remembers what was done, for :func:`take_back`.
    :raises AudioError: a file could not be renamed; those before it have their names again.
    """
    moves = [(plan.old, plan.new) for plan in plans if plan.new is not None]
    missing = [old for old, _ in moves if not os.path.lexists(old)]
    if missing:
        raise AudioError(f"{Path(missing[0]).name} is not there any more: nothing was renamed")
    # By way of names that nobody has, so that files can trade places.
    between = [(old, f"{old}.{secrets.token_hex(6)}.renaming") for old, _ in moves]
    last = [(middle, new) for (_, middle), (_, new) in zip(between, moves, strict=True)]
    steps = [*between, *last]
    journal.parent.mkdir(parents=True, exist_ok=True)
    write_record(journal, {"moves": moves, "steps": steps})
    done: list[Move] = []
    try:
        for source, target in steps:
            if os.path.lexists(target):
                raise FileExistsError(17, "a file of that name came meanwhile", target)
            os.rename(source, target)  # noqa: PTH104 - of many files
            done.append((source, target))
    except OSError as error:
        for source, target in reversed(done):
            with suppress(OSError):
                os.rename(target, source)  # noqa: PTH104
        journal.unlink(missing_ok=True)
        raise AudioError(
            f"nothing was renamed: {Path(str(error.filename)).name}: {error.strerror}"
        ) from None
    return moves


def take_back(journal: Path) -> list[Move]:
    """Give files the names that they had before, also after a run that was killed half-way.

    Return (new, old) of each that has its old name again; a file that was moved since stays.
    """
    steps = json.loads(journal.read_text(encoding="utf-8"))
    for source, target in reversed(steps["steps"]):
        if os.path.lexists(target) and not os.path.lexists(source):
            os.rename(target, source)  # noqa: PTH104
    journal.unlink()
    return [(new, old) for old, new in steps["moves"] if os.path.lexists(old)]


def _refuse_wrong(pattern: str) -> None:
    try:
        parts = [part for part in string.Formatter().parse(pattern) if part[1] is not None]
    except ValueError as error:
        raise InputError(f"the pattern {pattern} is not understood: {error}") from None
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise InputError(f"the pattern {pattern} formats a field: write its name alone")
    names = {str(name) for _, name, _, _ in parts}
    unknown = names - set(FIELDS)
    if unknown or not names:
        raise InputError(
            f"the pattern {pattern} knows the fields {', '.join(FIELDS)}, "
            f"not {', '.join(sorted(unknown)) or 'none'}: write {UCS_PATTERN}"
        )
    if _FORBIDDEN.search(pattern):
        raise InputError(f"the pattern {pattern} holds a character that no file name may hold")


def _stem(pattern: str, fields: Mapping[str, str]) -> str:
    clean = {name: _part(fields.get(name, "")) for name in FIELDS}

    def optional(match: re.Match[str]) -> str:
        return match[1] if all(clean[name] for name in _fields_in(match[1])) else ""

    wanted = _OPTIONAL.sub(optional, pattern)
    empty = [name for name in _fields_in(wanted) if not clean[name]]
    if empty:
        raise InputError(f"it has no {empty[0]}")
    return wanted.format(**clean)


def _fields_in(pattern: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(pattern) if name]


def _free(
    path: Path,
    stem: str,
    fields: Mapping[str, str],
    pattern: str,
    taken: set[str],
    leaving: set[str],
) -> str:
    """Return a path in the same folder that nobody has or gets."""
    number = 1
    while True:
        tried = stem
        if number > 1 and "{fxname}" in pattern:
            more = {**fields, "name": path.stem, "fxname": f"{fields.get('fxname', '')} {number}"}
            tried = _stem(pattern, more)
        elif number > 1:
            tried = f"{stem} {number}"
        new = str(path.with_name(_fitting(tried, path.suffix)))
        free = _folded(new) in leaving or not os.path.lexists(new)
        if _folded(new) not in taken and free:
            return new
        number += 1


def _part(text: str) -> str:
    """Return a field as a part of a name: no underscore, nothing that a system forbids."""
    known = text.encode("utf-8", "replace").decode()
    clean = _FORBIDDEN.sub("-", known.replace("_", " "))
    return " ".join(clean.split()).strip(" .")


def _plain(stem: str) -> str:
    return " ".join(stem.replace("_", " ").split())


def _fitting(stem: str, suffix: str) -> str:
    room = _LONGEST_BYTES - len(suffix.encode())
    cut = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .")
    if cut.split(".")[0].lower() in _RESERVED:
        cut = f"{cut}-"
    return cut + suffix


def _folded(path: str) -> str:
    return path.casefold()
