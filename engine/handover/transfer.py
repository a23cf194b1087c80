"""Many sounds copied into a folder: converted, named by a pattern, gone on with after a stop."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from engine.errors import AudioError, InputError
from engine.handover.door import FullDiskError, hand_over_from
from engine.handover.forms import ORIGINAL, Form
from engine.handover.frames import check_rendering
from engine.handover.known import fields_of
from engine.handover.naming import check_pattern, name_of
from engine.handover.order import AS_IT_IS, PATTERN, Order, Rendering
from engine.handover.room import opened_room
from engine.paths import data_folder
from engine.progress import Control, Progress
from engine.roots import not_mounted
from engine.store import Library, SoundRow


@dataclass(frozen=True)
class Transfer:
    """Where sounds go, as what, and how they are named."""

    folder: Path
    form: Form = ORIGINAL
    pattern: str = PATTERN
    rendering: Rendering = AS_IT_IS
    channels: tuple[int, ...] | None = None
    project: str = ""


@dataclass(frozen=True)
class Transferred:
    """What became of sounds: (source, copy) of each, and (source, why) of those without one.

    ``already`` of the copies were there before.
    """

    files: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str], ...]
    already: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON of the command line."""
        return {
            "files": [{"source": source, "file": file} for source, file in self.files],
            "already": self.already,
            "failed": [{"source": source, "reason": why} for source, why in self.failed],
        }


def transfer(
    library: Library,
    ids: Sequence[int],
    wanted: Transfer,
    control: Control | None = None,
    copied: Callable[[int], object] = lambda sound_id: None,
) -> Transferred:
    """Copy sounds; one that cannot be copied is told and the others are.

    What was copied before and has not changed since, nor its source, is not made again.

    :param copied: takes the id of each sound of which there is a copy that was not there before.
    :raises InputError: the pattern makes no sense, or nothing can be saved in the folder.
    :raises AudioError: the disk is full; what was copied stays.
    :raises Cancelled: the user asked to stop; what was copied stays.
    """
    check_pattern(wanted.pattern)
    check_rendering(wanted.rendering)
    control = control or Control()
    files: list[tuple[str, str]] = []
    failed: list[tuple[str, str]] = []
    already = 0
    with opened_room(wanted.folder) as room, _Record.opened(wanted.folder) as record:
        for number, (sound, order) in enumerate(orders_of(library, ids, wanted)):
            control.report(Progress("transferring", number, len(ids), Path(sound.path).name))
            there = record.copy_of(order)
            if there is not None:
                already += 1
                files.append((sound.path, str(there)))
                continue
            try:
                refuse_away(sound)
                file, was_there = hand_over_from(room, order, Control(cancel=control.cancel))
            except FullDiskError as error:
                raise AudioError(
                    f"{len(files)} of {len(ids)} sounds were transferred, then {error}: make room "
                    "and transfer again"
                ) from None
            except (AudioError, InputError) as error:
                failed.append((sound.path, str(error)))
                continue
            already += was_there
            if not was_there:
                copied(sound.id)
            files.append((sound.path, str(file)))
            record.add(order, file)
        control.report(Progress("transferring", len(ids), len(ids)))
    return Transferred(tuple(files), tuple(failed), already)


def orders_of(
    library: Library, ids: Sequence[int], wanted: Transfer
) -> Iterator[tuple[SoundRow, Order]]:
    """Yield sounds, and the order of each."""
    sounds, named = library.sounds(ids), fields_of(library, ids, wanted.project)
    for sound_id in ids:
        if sound_id not in sounds:
            continue
        order = Order(
            Path(sounds[sound_id].path),
            channels=wanted.channels,
            form=wanted.form,
            rendering=wanted.rendering,
            pattern=wanted.pattern,
            fields=named[sound_id],
        )
        yield sounds[sound_id], order


def refuse_away(sound: SoundRow) -> None:
    """Refuse a sound whose file is not there.

    :raises AudioError: its drive is away, or the file is gone.
    """
    name = Path(sound.path).name
    if sound.not_mounted:
        raise AudioError(f"{name} is not here: {not_mounted(sound.not_mounted)}")
    if sound.offline:
        raise AudioError(f"{name} is offline: connect its drive")
    if sound.missing and not Path(sound.path).exists():
        raise AudioError(f"{name} is no longer there: look for changes in its folder")


class _Record:
    """What was copied into a folder, so that a stopped transfer goes on where it was.

    It may be deleted at any time: then copies are made again, and found to be there.
    """

    def __init__(self, folder: Path) -> None:
        name = hashlib.blake2b(os.fsencode(folder.absolute()), digest_size=16).hexdigest()
        self._path = data_folder() / "transfers" / f"{name}.jsonl"
        self._known: dict[str, list[Any]] = {}
        self._file: TextIO | None = None
        with suppress(OSError, UnicodeDecodeError):
            for line in self._path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError, TypeError, KeyError):  # cut off when a program was killed
                    entry = json.loads(line)
                    self._known[str(entry["order"])] = [
                        str(entry["file"]),
                        list(entry["stamp"]),
                    ]

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator[_Record]:
        """Give the record of a folder; where it cannot be written, nothing is remembered."""
        record = cls(folder)
        with suppress(OSError):
            record._path.parent.mkdir(parents=True, exist_ok=True)
            record._file = record._path.open("a", encoding="utf-8")
        try:
            yield record
        finally:
            if record._file is not None:
                record._file.close()

    def copy_of(self, order: Order) -> Path | None:
        """Return the copy that was made of the same order, if it is as it was."""
        key = _key(order)
        known = self._known.get(key) if key is not None else None
        if known is None:
            return None
        path = Path(known[0])
        return path if _stamp(path) == known[1] else None

    def add(self, order: Order, file: Path) -> None:
        """Remember a copy."""
        key = _key(order)
        if self._file is None or key is None:
            return
        with suppress(OSError):
            entry = {"order": key, "file": str(file), "stamp": _stamp(file)}
            self._file.write("\n" * self._is_torn() + json.dumps(entry) + "\n")
            self._file.flush()

    def _is_torn(self) -> bool:
        """Return whether the last line of what was there was cut off."""
        assert self._file is not None
        if self._file.tell() == 0:
            return False
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


def _key(order: Order) -> str | None:
    """Return what an order is known by: what is made of which file, its state, and its name."""
    stamp = _stamp(order.path)
    if stamp is None:
        return None
    parts = (order.path, order.span_s, order.channels, order.form, order.rendering)
    told = repr((*parts, name_of(order, {}), stamp))
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _stamp(path: Path) -> list[int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return [facts.st_size, facts.st_mtime_ns]
