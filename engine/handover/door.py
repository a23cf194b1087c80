"""Sounds as lasting files: prepared out of sight, put in place when they are wanted.

A copy is complete or absent.  What was put in place is never overwritten and never deleted here,
and the same order gives the same file once.
"""

from __future__ import annotations

import errno
import filecmp
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import soundfile

from engine import durable
from engine.audio.clip import Clip
from engine.audio.facts import refuse_unreadable
from engine.errors import AudioError, reason
from engine.handover.files import WRITERS, Source
from engine.handover.forms import SUFFIXES
from engine.handover.naming import name_of
from engine.handover.order import Order
from engine.handover.room import Room, opened_room
from engine.progress import Control, Progress

Stamp = tuple[int, int]
_BLOCK = 1 << 20  # bytes
_MOST_SUFFIX = 20


class FullDiskError(AudioError):
    """There is no room for a file where it should lie."""


@dataclass(frozen=True)
class Prepared:
    """What was made of ``order``: ``file`` holds it, ``wanted`` is where it should lie.

    ``stamps`` are sizes and times of change of the source and of it, as they were then.
    """

    order: Order
    file: Path
    wanted: Path
    stamps: tuple[Stamp, Stamp]

    @property
    def is_kept(self) -> bool:
        """Return whether it lies where it stays."""
        return self.file.parent == self.wanted.parent


def hand_over(order: Order, folder: Path, control: Control | None = None) -> Path:
    """Make a lasting file of an order in a folder, which is made if it is not there; return it.

    :raises AudioError: the source cannot be read or is being changed, or the file not be written.
    :raises InputError: the order makes no sense, or nothing can be saved there.
    :raises Cancelled: the user asked to stop; nothing is left behind.
    """
    with opened_room(folder) as room:
        return hand_over_from(room, order, control or Control())[0]


def hand_over_from(room: Room, order: Order, control: Control) -> tuple[Path, bool]:
    """Make a lasting file of an order in a room's folder; return it, and whether it was there.

    :raises AudioError: the source cannot be read or is being changed, or the file not be written.
    :raises InputError: the order makes no sense.
    :raises Cancelled: the user asked to stop; nothing is left behind.
    """
    try:
        prepared = prepare(order, room.target, room.place, control)
        return keep(prepared).file, prepared.is_kept
    except FileNotFoundError:
        raise AudioError(
            f"{order.path.name} was changed by another program meanwhile: try again"
        ) from None


def prepare(order: Order, folder: Path, room: Path, control: Control) -> Prepared:
    """Make the file of an order in ``room``, from where it can be moved into ``folder`` at once.

    Where ``folder`` holds the same file already, that is given and none is made.

    :param room: a folder of ours on the same file system.
    :raises AudioError: the source cannot be read, or the file not be written.
    :raises InputError: the order makes no sense.
    :raises Cancelled: the user asked to stop; nothing is left behind.
    """
    source = order.path
    before = _stamp(source) if source.exists() else (0, 0)
    if order.is_the_file:
        refuse_unreadable(source)
        suffix = source.suffix[:_MOST_SUFFIX]
        wanted = folder / (name_of(order, {}) + suffix)
        made = room / f"{secrets.token_hex(8)}.part"
        with _writing(made, before[0], folder) as out:
            _copy(source, before[0], out, control)
        _keep_times(source, made)
    else:
        with Clip(source) as clip:
            what = Source(clip, order)
            facts = {
                "rate": f"{what.cut.rate_hz / 1000:g}k",
                "bits": str(what.form.depth),
                "channels": str(what.cut.width),
            }
            wanted = folder / (name_of(order, facts) + SUFFIXES[what.form.kind])
            made = room / f"{secrets.token_hex(8)}.part"
            with _writing(made, what.size, folder) as out:
                WRITERS[what.form.kind](what, out, control)
    return _found_again(Prepared(order, made, wanted, (before, _stamp(made))))


def keep(prepared: Prepared) -> Prepared:
    """Put a file in its place, under the next number where its name is taken.

    :raises FileNotFoundError: it or its source changed or went away: prepare it again.
    :raises AudioError: it cannot be put there.
    """
    if (_stamp(prepared.order.path), _stamp(prepared.file)) != prepared.stamps:
        raise FileNotFoundError(prepared.file)
    if prepared.is_kept:
        return prepared
    wanted = prepared.wanted
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _put(prepared)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return _put_across(prepared)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise AudioError(
            f"{wanted.name} cannot be saved in {wanted.parent} ({reason(error)}): choose another "
            "folder"
        ) from None


def _put(prepared: Prepared) -> Prepared:
    for place in _names(prepared.wanted):
        if _moved(prepared.file, place):
            with suppress(OSError):  # it is there, whatever its disk says
                durable.sync_folder(place.parent)
            return replace(prepared, file=place)
        if _is_same(prepared.file, place):  # kept by somebody else meanwhile
            prepared.file.unlink()
            return replace(prepared, file=place, stamps=(prepared.stamps[0], _stamp(place)))
    raise AssertionError("numbers do not end")


def _put_across(prepared: Prepared) -> Prepared:
    """Put a file into a folder on another disk, which a pattern led to by a link or a mount."""
    with opened_room(prepared.wanted.parent) as room:
        made = room.place / prepared.file.name
        shutil.copy2(prepared.file, made)
        durable.sync_file(made)
        kept = _put(replace(prepared, file=made, stamps=(prepared.stamps[0], _stamp(made))))
    prepared.file.unlink()
    return kept


def _found_again(prepared: Prepared) -> Prepared:
    """Return the file that is there already, if it is the same byte for byte."""
    for there in itertools.takewhile(Path.exists, _names(prepared.wanted)):
        if _is_same(prepared.file, there):
            prepared.file.unlink()
            return replace(prepared, file=there, stamps=(prepared.stamps[0], _stamp(there)))
    return prepared


def _is_same(made: Path, there: Path) -> bool:
    try:
        return there.is_file() and filecmp.cmp(made, there, shallow=False)
    except OSError:
        return False  # one that cannot be read is another one


class _writing:  # noqa: N801 - used as a function
    """Write a file that is on the disk as a whole afterwards, or not there."""

    def __init__(self, made: Path, size: int, folder: Path) -> None:
        self._made, self._size, self._folder = made, size, folder

    def __enter__(self) -> BinaryIO:
        _refuse_full_disk(self._made.parent, self._folder, self._size)
        try:
            self._out = self._made.open("w+b")
        except OSError as error:
            raise AudioError(_unwritten(self._folder, error)) from None
        return self._out

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                durable.flush(self._out)
            self._out.close()
        except OSError as late:
            error = late
        if error is None:
            return
        with suppress(OSError):
            self._out.close()
        with suppress(OSError):
            self._made.unlink(missing_ok=True)
        if isinstance(error, OSError | soundfile.LibsndfileError | AssertionError):
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise FullDiskError(_unwritten(self._folder, error)) from None
            _refuse_full_disk(self._made.parent, self._folder, self._size)
            raise AudioError(_unwritten(self._folder, error)) from None


def _unwritten(folder: Path, error: BaseException) -> str:
    said = getattr(error, "strerror", None) or str(error) or "fewer bytes than asked for"
    return f"the file cannot be written to {folder}: {said}"


def _refuse_full_disk(place: Path, folder: Path, size: int) -> None:
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return  # what writes there tells why it cannot
    if free < size:
        raise FullDiskError(
            f"the disk that holds {folder} is full: the file needs {size / 1e6:.0f} MB, "
            f"{free / 1e6:.0f} MB are free"
        )


def _copy(source: Path, size: int, out: BinaryIO, control: Control) -> None:
    done = 0
    for block in _blocks(source):
        out.write(block)
        done += len(block)
        control.report(Progress("copying", done, size))


def _blocks(source: Path) -> Iterator[bytes]:
    """Yield what a file holds.

    :raises AudioError: it cannot be read.
    """
    try:
        with source.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except OSError as error:
        raise AudioError(f"{source.name} cannot be read: {reason(error)}") from None


def _keep_times(source: Path, made: Path) -> None:
    """Give a copy the times of its source, as file managers do."""
    with suppress(OSError):
        facts = source.stat()
        os.utime(made, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _stamp(path: Path) -> Stamp:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _names(wanted: Path) -> Iterator[Path]:
    yield wanted
    for number in itertools.count(2):
        yield wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")


def _moved(file: Path, place: Path) -> bool:
    """Move a file to a place unless another one is there, without ever overwriting that."""
    try:
        os.link(file, place)  # unlike a rename it refuses what exists
    except FileExistsError:
        return False
    except FileNotFoundError:
        raise
    except OSError:  # no second names there, as on FAT
        try:
            place.open("xb").close()
        except FileExistsError:
            return False
        try:
            file.replace(place)
        except OSError:
            place.unlink()
            raise
    else:
        file.unlink()
    return True
