"""Files that survive a loss of power: what is said to be written is on the disk.

A name is on the disk when its folder was synchronised, its contents when the file was.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_CANNOT = {  # what file systems answer that let nobody wait for a folder: VirtualBox's, CIFS, FUSE
    *(errno.EACCES, errno.EBADF, errno.EINVAL, errno.ENOSYS),
    *(errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM),
}


def write_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Make a file of what ``write`` writes, its contents on the disk; its name may not be yet."""
    with path.open("w+b") as out:
        write(out)
        flush(out)


def put_file(path: Path, data: bytes) -> None:
    """Write a file at once or not at all, its name on the disk when this returns.

    :raises OSError: it cannot be written, or its name not be brought to the disk.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write_file(partial, lambda out: _write_all(out, data))
        os.replace(partial, path)  # noqa: PTH105 - what is recorded in tests of power losses
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed in :func:`put_file` left; no other may write there."""
    for path in folder.glob("*.part"):
        if re.fullmatch(r".+\.\d+\.part", path.name):
            path.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Rename a file over another one, both in one folder, for good unless the disk fails.

    :raises OSError: it was not replaced.
    """
    os.replace(source, target)  # noqa: PTH105 - what is recorded in tests of power losses
    with suppress(OSError):  # an error would say that nothing was replaced
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
    """Wait until the names in a folder are on the disk, where its file system lets one wait.

    Windows does that by itself.

    :raises OSError: the disk fails.
    """
    if os.name != "posix":
        return
    try:
        sync_file(folder)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def sync_file(path: Path) -> None:
    """Wait until what a file holds, and what is known of it, is on the disk."""
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_all(out: BinaryIO, data: bytes) -> None:
    out.write(data)
