"""Files of models, read only if they are plain files of a sensible size.

A model comes from anywhere: what stands under the name of one of its files may be a pipe that
never ends, a device, a link to somewhere else, or a hundred gigabytes.  All of that is looked
at before anything is opened.
"""

from __future__ import annotations

import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path

from engine.errors import ModelError

MOST_BYTES = {
    "model.json": 8 << 20,
    "weights.safetensors": 4 << 30,
    "tokenizer.json": 64 << 20,
    "README.md": 1 << 20,
    "config.json": 1 << 20,
    "model.safetensors": 4 << 30,
    "pytorch_model.bin": 4 << 30,
}
_UNBLOCKED = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def check_file(path: Path, at_home: bool = True) -> None:
    """Make sure that a model's file can be opened without waiting, and is not too large.

    :param at_home: refuse a link to a file outside the model's folder; caches of other
        programs, from which foreign models are taken, are made of such links.
    :raises ModelError: it is missing, no plain file, elsewhere, or larger than its kind may be.
    """
    try:
        found = path.stat()
        inside = not at_home or path.resolve().parent == path.parent.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(found.st_mode):
        raise ModelError(f"{path} cannot be read: it is not a file")
    if not inside:
        raise ModelError(f"{path} is a link to another folder: put a copy of the file there")
    most = MOST_BYTES.get(path.name, MOST_BYTES["weights.safetensors"])
    if found.st_size > most:
        raise ModelError(
            f"{path} is too large: it has {_size(found.st_size)}, and {_size(most)} is the most"
        )


def read_file(path: Path, at_home: bool = True) -> bytes:
    """Return the contents of one of a model's files.

    :raises ModelError: it cannot be read, or is not what :func:`check_file` lets through.
    """
    most = MOST_BYTES.get(path.name, MOST_BYTES["weights.safetensors"])
    with open_file(path, at_home) as file:
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise _unreadable(path, error) from None
    if len(data) > most:
        raise ModelError(f"{path} is too large: {_size(most)} is the most")
    return data


def open_file(path: Path, at_home: bool = True) -> BufferedReader:
    """Open one of a model's files for reading.

    :raises ModelError: it cannot be, or is not what :func:`check_file` lets through.
    """
    check_file(path, at_home)
    try:
        # Whatever takes the file's place in this instant is not waited for either.
        handle = os.open(path, os.O_RDONLY | _UNBLOCKED)
    except OSError as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ModelError(f"{path} cannot be read: it is not a file")
    return BufferedReader(FileIO(handle))


def is_file(path: Path) -> bool:
    """Return whether a plain file is there, as far as may be seen."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _unreadable(path: Path, error: Exception) -> ModelError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ModelError(f"{path} cannot be read: {reason}")


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GB" if count >= 1 << 30 else f"{count / (1 << 20):.1f} MB"
