"""Copies of sounds in a folder: the one place through which they leave the server."""

from __future__ import annotations

from pathlib import Path

from engine.errors import InputError
from engine.handover import door
from engine.handover.order import Order
from engine.paths import refuse_no_file
from engine.store import SoundRow


def hand_over(sound: SoundRow, span_s: tuple[float | None, float | None], folder: Path) -> Path:
    """Copy a sound, or a part of it in seconds as 24-bit WAV, into a folder; return the file.

    Nothing there is overwritten; the same order twice gives the same file.

    :raises AudioError: the file cannot be read, or the copy not be written.
    :raises InputError: there is no file, or the part does not lie in it.
    """
    source = Path(sound.path)
    refuse_no_file(source)
    start_s, end_s = span_s
    span = None
    if start_s is not None or end_s is not None:
        span = (start_s or 0.0, sound.duration_s if end_s is None else end_s)
    return door.hand_over(Order(source, span), folder)


def refuse_no_folder(folder: Path) -> None:
    """Refuse what sounds could not be copied into.

    :raises InputError: it is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name one into which sounds may be copied")
