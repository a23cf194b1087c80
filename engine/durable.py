"""Files that survive a loss of power: what is said to be written is on the disk.

A name is on the disk when its folder was synchronised, its contents when the file was.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Make a file of what ``write`` writes, its contents on the disk; its name may not be yet."""
    with path.open("w+b") as out:
        write(out)
        flush(out)


def put_file(path: Path, data: bytes) -> None:
    """Write a file at once or not at all, its name on the disk when this returns.

    :raises OSError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write_file(partial, lambda out: _write_all(out, data))
        replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed in :func:`put_file` left; no other may write there."""
    for path in folder.glob("*.part"):
        if re.fullmatch(r".+\.\d+\.part", path.name):
            path.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Rename a file over another one, both in one folder, for good when this returns."""
    os.replace(source, target)  # noqa: PTH105 - what is recorded in tests of power losses
    sync_folder(target.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, for good when this returns."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def flush(file: BinaryIO) -> None:
    """Wait until what was written to an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows does that by itself."""
    if os.name == "posix":
        sync_file(folder)


def sync_file(path: Path) -> None:
    """Wait until what a file holds, and what is known of it, is on the disk."""
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_all(out: BinaryIO, data: bytes) -> None:
    out.write(data)
