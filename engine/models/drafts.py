"""Model folders appear whole, and take the place of others without a moment of neither.

A new folder is made as ``.draft-NAME-…`` beside its place.  The folder that it replaces steps
aside as ``.old-NAME`` before the draft takes its place, and is deleted after.  Whoever is killed
in between leaves folders whose names begin with a dot: they are no models, and whoever looks at
the models next puts them in order.  A lock tells what was left from what is being made.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import InputError

_DRAFT, _OLD, _LOCK = ".draft-", ".old-", ".lock"
_PATIENCE_S = 60.0


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of ``target`` when it is complete.

    :raises InputError: another model is being installed, or nothing can be written there.
    """
    home = target.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / _LOCK, timeout=_PATIENCE_S):
            _clean(home)
            draft = home / f"{_DRAFT}{target.name}-{secrets.token_hex(4)}"
            draft.mkdir()
            try:
                yield draft
                _flush(draft)
                _replace(draft, target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except Timeout:
        raise InputError("another model is being installed: wait until it has finished") from None
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror or error}") from None


def put_in_order(home: Path) -> None:
    """Remove what was left by those who were killed, and put back a folder that stood aside."""
    try:
        names = {entry.name for entry in os.scandir(home)}
    except OSError:
        return
    aside = {name for name in names if name.startswith(_OLD)}
    if not aside and not any(name.startswith(_DRAFT) for name in names):
        return
    # A folder that stands aside while its place is empty is waited for: it is in use.
    is_missing = any(name.removeprefix(_OLD) not in names for name in aside)
    patience_s = _PATIENCE_S if is_missing else 0
    with suppress(OSError, Timeout), FileLock(home / _LOCK, timeout=patience_s):
        _clean(home)


def _replace(draft: Path, target: Path) -> None:
    old = target.with_name(_OLD + target.name)
    if os.path.lexists(target):
        target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        if os.path.lexists(old):
            old.rename(target)
        raise
    _remove(old)


def _clean(home: Path) -> None:
    """Put a home in order; whoever calls holds its lock."""
    for path in sorted(home.iterdir()):
        if path.name.startswith(_OLD):
            place = path.with_name(path.name.removeprefix(_OLD))
            if os.path.lexists(place):
                _remove(path)
            else:
                path.rename(place)
        elif path.name.startswith(_DRAFT):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder, or a link to one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(draft: Path) -> None:
    """Bring a draft's files onto the disk before they replace others."""
    for path in draft.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
