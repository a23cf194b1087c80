"""Rename files by a pattern, such as the file names of the Universal Category System.

UCS: ``CatID_FXName_CreatorID_SourceID[_UserData].ext``, no underscore inside a part.  A plan is
made first and shows what would happen; carrying it out is all or nothing, and can be taken back.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import string
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from engine import durable
from engine.errors import AudioError, InputError
from engine.metadata.moves import ARRIVING, RETURNING, TURNING, Move, Moves, read_moves
from engine.paths import is_away, why_no_file

UCS_PATTERN = "{catid}_{fxname}_{creator}_{source}[_{user}]"
FIELDS = ("catid", "fxname", "creator", "source", "user", "name")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')  # on Windows; everywhere, files travel
_PORTS = {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
_RESERVED = frozenset({"con", "prn", "aux", "nul"} | _PORTS)
_LONGEST_BYTES = 255  # of a name, where the file system does not say
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_HELPS = {"fxname": ": accept a tag of it, or write one"}


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


def carry_out(plans: Sequence[Rename], journal: Path) -> list[Move]:
    """Rename files; return (old, new) of each.  All are renamed, or none.

    :param journal: a file that remembers what was done, for :func:`take_back`.
    :raises AudioError: a file could not be renamed, or the journal not be written; those before it
        have their names again.
    """
    moves = [(plan.old, plan.new) for plan in plans if plan.new is not None]
    missing = [old for old, _ in moves if not os.path.lexists(old)]
    if missing:
        raise AudioError(f"{Path(missing[0]).name} no longer exists: nothing was renamed")
    record = Moves(tuple(moves), secrets.token_hex(6))
    between = record.between()
    done: list[Move] = []
    try:
        durable.make_folder(journal.parent)
        record.write(journal)
        for (old, _), middle in zip(moves, between, strict=True):
            done.append(_renamed(old, middle))
        replace(record, phase=ARRIVING).write(journal)
        for (_, new), middle in zip(moves, between, strict=True):
            done.append(_renamed(middle, new))
    except OSError as error:
        why = f"the record cannot be saved ({error.strerror})"
        if error.filename in {*between, *(path for move in moves for path in move)}:
            why = f"{Path(error.filename).name}: {error.strerror}"
        left = 0
        for source, target in reversed(done):
            try:
                os.rename(target, source)  # noqa: PTH104
            except OSError:
                left += 1
        if left:  # the journal stays, and with it the way back
            raise AudioError(
                f"renaming was stopped: {why}; some files do not have their old names back yet"
            ) from None
        with suppress(OSError):
            journal.unlink()
        raise AudioError(f"nothing was renamed: {why}") from None
    _sync(moves)
    return moves


def take_back(
    journal: Path,
    is_known: Callable[[str], bool],
    tell: Callable[[str, str], None] = lambda path, why: None,
) -> list[Move]:
    """Give files the names that they had before, also after a run that was killed half-way.

    Return (new, old) of each that has its old name again; a file that was moved since stays.  The
    journal stays, too, for whoever has to follow; this may be done again until it is removed.  For
    files whose folder is away it goes on to say how far they were.  A damaged one is set aside: its
    name ends with ``.damaged`` then.

    :param is_known: whether the library knows a path; other files are left alone.
    :param tell: is told (path, sentence) of each file that could not be renamed, and so keeps its
        name; this may be tried again.
    :raises InputError: the journal is damaged.
    """
    try:
        record = read_moves(journal)
    except ValueError:
        durable.replace(journal, journal.with_suffix(".damaged"))
        raise InputError("the record of a renaming is damaged, and was set aside") from None
    begun, stuck = record.phase, False
    away = at_first = _away(record)
    if record.phase == ARRIVING:
        record = replace(record, phase=TURNING)
        record.write(journal)
    if record.phase == TURNING:
        stuck = not _turned(record, away, is_known, tell)
    if record.phase != RETURNING:
        there = {n for n, middle in enumerate(record.between()) if os.path.lexists(middle)}
        away = away | _away(record)
        back = _returning(record.moves, sorted(there - away))
        taken = tuple(sorted({*record.taken, *back}))
        record = replace(record, phase=record.phase if away else RETURNING, taken=taken)
        record.write(journal)
    staying, hidden = _put_back(record, away, tell)
    away = away | _away(record)
    for n in sorted(away):
        new = record.moves[n][1]
        tell(new, f"{Path(new).name} cannot be renamed: its folder is not there; connect its drive")
    hidden = hidden or away != at_first  # those whose drive has just gone may be on their way
    if not hidden and (begun == ARRIVING if away else stuck):
        # those that stayed are where the run brought them
        replace(record, phase=ARRIVING).write(journal)
    _sync(record.moves)
    return [record.moves[n][::-1] for n in record.taken if n not in staying | away]


def _away(record: Moves) -> set[int]:
    """Return which moves are in folders that are not there now."""
    folders = [str(Path(old).parent) for old, _ in record.moves]
    away = {folder for folder in set(folders) if is_away(folder)}
    return {n for n, folder in enumerate(folders) if folder in away}


def _put_back(
    record: Moves, away: Collection[int], tell: Callable[[str, str], None]
) -> tuple[set[int], bool]:
    """Give the names back that files on their way get.

    Return which do not have their old ones, and whether any could not be renamed at all.
    """
    staying, hidden = set(), False
    for n, ((old, new), middle) in enumerate(zip(record.moves, record.between(), strict=True)):
        if n in away or not os.path.lexists(middle):
            continue
        places = (old, new) if n in record.taken else (new, old)
        place = next((p for p in places if not os.path.lexists(p)), _beside(new))
        try:
            os.rename(middle, place)  # noqa: PTH104
        except OSError as error:
            hidden = True
            staying.add(n)
            tell(new, f"{Path(new).name} is now named {Path(middle).name}: {error.strerror}")
            continue
        if place != old:
            staying.add(n)
            if place != new:
                tell(
                    new,
                    f"both its names have been taken meanwhile: it is now named {Path(place).name}",
                )
    return staying, hidden


def _turned(
    record: Moves,
    away: Collection[int],
    is_known: Callable[[str], bool],
    tell: Callable[[str, str], None],
) -> bool:
    """Take files from their new names; return whether all could be that are to come back."""
    wholly = True
    between = record.between()
    others = {record.moves[n][0] for n in record.taken}  # what has such a name came back before
    for n in reversed(range(len(between))):
        (old, new), middle = record.moves[n], between[n]
        known = n not in record.taken and (is_known(old) or is_known(new))
        if n in away or not known or new in others:
            continue
        if not os.path.lexists(new) or os.path.lexists(middle):
            continue
        try:
            _refuse_no_file(new)
            os.rename(new, middle)  # noqa: PTH104
        except OSError as error:
            wholly = False
            tell(new, f"{Path(new).name} keeps its name: {error.strerror or error}")
    return wholly


def _returning(moves: Sequence[Move], there: Sequence[int]) -> list[int]:
    """Return which of the files that are on their way back get their old names.

    Where another file has its old name, a file keeps the new one, which may be another's old one.
    """
    back = {n: moves[n] for n in there}
    taken = {old for old, _ in back.values() if os.path.lexists(old)}
    while staying := [n for n, (old, _) in back.items() if old in taken]:
        taken.update(back.pop(n)[1] for n in staying)
    return list(back)


def _refuse_no_file(path: str) -> None:
    """Refuse to rename what cannot be the file that was renamed; a link may have been one."""
    other = why_no_file(Path(path), follow=False)
    if other not in (None, "is a link"):
        raise OSError(errno.EINVAL, f"it {other} now, not the file", path)


def _beside(path: str) -> str:
    """Return a name like another one that nobody has."""
    number = 2
    while True:
        stem = Path(path).stem.encode()[: _LONGEST_BYTES - 40].decode("utf-8", "ignore")
        other = str(Path(path).with_name(f"{stem} {number}{Path(path).suffix[:20]}"))
        if not os.path.lexists(other):
            return other
        number += 1


def _renamed(source: str, target: str) -> Move:
    if os.path.lexists(target):
        raise FileExistsError(17, "a file with that name has appeared meanwhile", target)
    os.rename(source, target)  # noqa: PTH104
    return source, target


def _sync(moves: Sequence[Move]) -> None:
    for folder in {Path(old).parent for old, _ in moves}:
        with suppress(OSError):
            durable.sync_folder(folder)


def _refuse_wrong(pattern: str) -> None:
    try:
        parts = [part for part in string.Formatter().parse(pattern) if part[1] is not None]
    except ValueError as error:
        raise InputError(f"the pattern {pattern} is not understood: {error}") from None
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise InputError(
            f"the pattern {pattern} gives a field a format: write the field's name alone"
        )
    names = {str(name) for _, name, _, _ in parts}
    unknown = names - set(FIELDS)
    if unknown or not names:
        raise InputError(
            f"the pattern {pattern} can use the fields {', '.join(FIELDS)}, not "
            f"{', '.join(sorted(unknown)) or 'none'}: write {UCS_PATTERN}"
        )
    if _FORBIDDEN.search(pattern):
        raise InputError(
            f"the pattern {pattern} contains a character that file names cannot contain"
        )


def _stem(pattern: str, fields: Mapping[str, str]) -> str:
    clean = {name: _part(fields.get(name, "")) for name in FIELDS}

    def optional(match: re.Match[str]) -> str:
        return match[1] if all(clean[name] for name in _fields_in(match[1])) else ""

    wanted = _OPTIONAL.sub(optional, pattern)
    empty = [name for name in _fields_in(wanted) if not clean[name]]
    if empty:
        raise InputError(f"it has no {empty[0]}{_HELPS.get(empty[0], '')}")
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
    longest = _longest_name(path.parent)
    tried, end = stem, ""
    while True:
        new = str(path.with_name(_fitting(tried, end, path.suffix, longest)))
        free = _folded(new) in leaving or not os.path.lexists(new)
        if _folded(new) not in taken and free:
            return new
        number += 1
        tried, end = stem, f" {number}"
        if "{fxname}" in pattern:
            more = {**fields, "name": path.stem, "fxname": f"{fields.get('fxname', '')} {number}"}
            numbered = _stem(pattern, more)
            if _fitting(numbered, "", path.suffix, longest) == numbered + path.suffix:
                tried, end = numbered, ""


def _longest_name(folder: Path) -> int:
    """Return how many bytes a file's name may have in a folder."""
    try:
        return min(_LONGEST_BYTES, os.pathconf(folder, "PC_NAME_MAX"))
    except (AttributeError, OSError, ValueError):  # not on Windows
        return _LONGEST_BYTES


def _part(text: str) -> str:
    """Return a field as a part of a name: no underscore, nothing that a system forbids."""
    known = text.encode("utf-8", "replace").decode()
    clean = _FORBIDDEN.sub("-", known.replace("_", " "))
    return " ".join(clean.split()).strip(" .")


def _plain(stem: str) -> str:
    return " ".join(stem.replace("_", " ").split())


def _fitting(stem: str, end: str, suffix: str, longest: int) -> str:
    """Return a name of ``stem``, cut where it is too long, its end and suffix never."""
    room = longest - len((end + suffix).encode())
    cut = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .")
    if cut.split(".")[0].lower() in _RESERVED:
        cut = f"{cut}-"
    return cut + end + suffix


def _folded(path: str) -> str:
    return path.casefold()
