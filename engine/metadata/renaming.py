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
from collections.abc import Callable, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from engine import durable
from engine.errors import AudioError, InputError
from engine.metadata.journal import TEMPORARY, write_record
from engine.metadata.records import is_path, list_of, one_of, read_record, whole
from engine.paths import why_no_file

UCS_PATTERN = "{catid}_{fxname}_{creator}_{source}[_{user}]"
FIELDS = ("catid", "fxname", "creator", "source", "user", "name")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')  # on Windows; everywhere, files travel
_PORTS = {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
_LEAVING, _ARRIVING, _TURNING, _RETURNING = _PHASES = (1, 2, 3, 4)
_RESERVED = frozenset({"con", "prn", "aux", "nul"} | _PORTS)
_LONGEST_BYTES = 255  # of a name, where the file system does not say
_FIELDS = {
    "moves": list_of(lambda move: list_of(is_path)(move) and len(cast(Sized, move)) == 2),
    "token": lambda token: isinstance(token, str) and bool(re.fullmatch("[0-9a-f]{12}", token)),
    "phase": one_of(*_PHASES),
    "taken": list_of(whole()),
}
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_HELPS = {"fxname": ": accept a tag of it, or write one"}

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


def carry_out(plans: Sequence[Rename], journal: Path) -> list[Move]:
    """Rename files; return (old, new) of each.  All are renamed, or none.

    :param journal: a file that remembers what was done, for :func:`take_back`.
    :raises AudioError: a file could not be renamed; those before it have their names again.
    """
    moves = [(plan.old, plan.new) for plan in plans if plan.new is not None]
    missing = [old for old, _ in moves if not os.path.lexists(old)]
    if missing:
        raise AudioError(f"{Path(missing[0]).name} no longer exists: nothing was renamed")
    record = _Record(tuple(moves), secrets.token_hex(6))
    durable.make_folder(journal.parent)
    record.write(journal)
    between = record.between()
    done: list[Move] = []
    try:
        for (old, _), middle in zip(moves, between, strict=True):
            done.append(_renamed(old, middle))
        replace(record, phase=_ARRIVING).write(journal)
        for (_, new), middle in zip(moves, between, strict=True):
            done.append(_renamed(middle, new))
    except OSError as error:
        why = f"{Path(str(error.filename)).name}: {error.strerror}"
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
        journal.unlink(missing_ok=True)
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
    journal stays, too, for whoever has to follow; this may be done again until it is removed.  A
    damaged one is set aside: its name ends with ``.damaged`` then.

    :param is_known: whether the library knows a path; other files are left alone.
    :param tell: is told (path, sentence) of each file that could not be renamed, and so keeps its
        name; this may be tried again.
    :raises InputError: the journal is damaged.
    """
    try:
        record = _read_record(journal)
    except ValueError:
        durable.replace(journal, journal.with_suffix(".damaged"))
        raise InputError("the record of a renaming is damaged, and was set aside") from None
    between = record.between()
    stuck = False
    if record.phase == _ARRIVING:
        record = replace(record, phase=_TURNING)
        record.write(journal)
    if record.phase == _TURNING:
        stuck = not _turned(record, is_known, tell)
    if record.phase != _RETURNING:
        there = [n for n, middle in enumerate(between) if os.path.lexists(middle)]
        back = _returning(record.moves, there)
        record = replace(record, phase=_RETURNING, taken=tuple(sorted({*record.taken, *back})))
        record.write(journal)
    hidden = False
    returned = set(record.taken)
    for n, ((old, new), middle) in enumerate(zip(record.moves, between, strict=True)):
        if not os.path.lexists(middle):
            continue
        places = (old, new) if n in record.taken else (new, old)
        place = next((p for p in places if not os.path.lexists(p)), _beside(new))
        try:
            os.rename(middle, place)  # noqa: PTH104
        except OSError as error:
            hidden = True
            returned.discard(n)
            tell(new, f"{Path(new).name} is now named {Path(middle).name}: {error.strerror}")
            continue
        if place != old:
            returned.discard(n)
            if place != new:
                tell(
                    new,
                    f"both its names have been taken meanwhile: it is now named {Path(place).name}",
                )
    if stuck and not hidden:  # those that stayed are where the run brought them
        replace(record, phase=_ARRIVING).write(journal)
    _sync(record.moves)
    return [(record.moves[n][1], record.moves[n][0]) for n in sorted(returned)]


def _turned(
    record: _Record, is_known: Callable[[str], bool], tell: Callable[[str, str], None]
) -> bool:
    """Take files from their new names; return whether all could be that are to come back."""
    wholly = True
    between = record.between()
    for n in reversed(range(len(between))):
        (old, new), middle = record.moves[n], between[n]
        known = n not in record.taken and (is_known(old) or is_known(new))
        if not known or not os.path.lexists(new) or os.path.lexists(middle):
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


def note_moves(moves: Sequence[Move], journal: Path) -> None:
    """Remember that files were renamed (old, new), for :func:`take_back`."""
    _Record(tuple(moves), secrets.token_hex(6), _ARRIVING).write(journal)


def is_returning(journal: Path) -> bool:
    """Return whether files were on their way back when a process was killed."""
    try:
        return _read_record(journal).phase in (_TURNING, _RETURNING)
    except (OSError, ValueError):
        return False


def moves_in(journal: Path) -> tuple[Move, ...]:
    """Return what a journal names; nothing if it is not there or cannot be understood."""
    try:
        return _read_record(journal).moves
    except (OSError, ValueError):
        return ()


def is_damaged(journal: Path) -> bool:
    """Return whether a journal cannot be understood."""
    try:
        _read_record(journal)
    except ValueError:
        return True
    except OSError:
        return False
    return False


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


@dataclass(frozen=True)
class _Record:
    """What a journal says: names, and how far it is; ``taken`` are those on their way back.

    Files go by way of short names that nobody has, so that they can trade places.
    """

    moves: tuple[Move, ...]
    token: str
    phase: int = _LEAVING
    taken: tuple[int, ...] = ()

    def between(self) -> list[str]:
        """Return the names between the old and the new ones."""
        return [
            str(Path(old).with_name(f"{TEMPORARY}{self.token}-{number}.renaming"))
            for number, (old, _) in enumerate(self.moves)
        ]

    def write(self, journal: Path) -> None:
        write_record(journal, asdict(self))


def _read_record(journal: Path) -> _Record:
    """Return what a journal says.

    :raises ValueError: a file would leave its folder, or what is there is no journal.
    :raises OSError: it cannot be read.
    """
    document = read_record(journal, _FIELDS)
    moves = tuple((old, new) for old, new in document["moves"])
    taken = tuple(document["taken"])
    record = _Record(moves, document["token"], document["phase"], taken)
    olds, news = ({move[side] for move in moves} for side in (0, 1))
    if not moves or not len(olds) == len(news) == len(moves):
        raise ValueError("it is no journal")
    if not set(taken) <= set(range(len(moves))):
        raise ValueError("it names files that do not exist")
    for old, new in moves:
        if not Path(old).is_absolute() or Path(old).parent != Path(new).parent:
            raise ValueError("a file would leave its folder")
    return record


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
