"""Where this computer has mounted the roots of its libraries, as its ``roots.json`` says.

Roots are known by their keys, which libraries give them once: a root may be renamed, and
two libraries may call different places the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, select

from engine import durable
from engine.errors import LibraryError
from engine.paths import data_folder
from engine.roots import NOWHERE, Mounts
from engine.store import tables

_FORMAT = 1
_PATIENCE_S = 10.0
_LARGEST_BYTES = 1 << 20
_Signature = tuple[str, int, int, int]


@dataclass(frozen=True)
class _Read:
    """What was read, and of which file."""

    signature: _Signature
    folders: Mapping[str, str]


_last: list[_Read] = []  # the latest, if any; a file that stayed as it was is not read again


def mounts_file() -> Path:
    """Return the file."""
    return data_folder() / "roots.json"


def mounts_of(connection: Connection) -> Mounts:
    """Return where the roots of a library are mounted here; without roots no file is looked at."""
    r = tables.roots.c
    keys = {row.name: row.key for row in connection.execute(select(r.name, r.key))}
    if not keys:
        return NOWHERE
    folders = mounted_folders()
    return Mounts({name: folders[key] for name, key in keys.items() if key in folders})


def mounted_folders() -> Mapping[str, str]:
    """Return the absolute folders of roots by key.

    :raises LibraryError: the file cannot be read.
    """
    path = mounts_file()
    try:
        facts = path.stat()
        signature = (str(path), facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if not _last or _last[0].signature != signature:
            if facts.st_size > _LARGEST_BYTES:
                raise ValueError
            _last[:] = [_Read(signature, _folders_in(json.loads(path.read_bytes())))]
        return _last[0].folders
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise LibraryError(
            f"{path} is damaged, which says where roots are mounted: move it away, and mount them "
            "again with `soundsift roots mount NAME FOLDER`"
        ) from None


def put_mount(key: str, folder: str) -> None:
    """Note where a root is mounted, at once or not at all.

    :raises LibraryError: the file cannot be read or written.
    """
    _change(lambda folders: folders | {key: folder})


def drop_mount(key: str) -> None:
    """Note that a root is not mounted any more.

    :raises LibraryError: the file cannot be read or written.
    """
    _change(lambda folders: {one: at for one, at in folders.items() if one != key})


def _change(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    path = mounts_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_PATIENCE_S):
            folders = change(dict(mounted_folders()))
            document = {"format": _FORMAT, "folders": folders}
            text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True)
            durable.put_file(path, text.encode())
    except Timeout:
        raise LibraryError(f"{path} is held by another program: try again") from None
    except OSError as error:
        raise LibraryError(f"{path} cannot be written: {error.strerror or error}") from None


def _folders_in(document: Any) -> dict[str, str]:
    """Return what a document says.

    :raises ValueError: it is none of ours.
    """
    folders = document["folders"]
    if document["format"] != _FORMAT or not isinstance(folders, dict):
        raise ValueError
    for folder in folders.values():
        if not isinstance(folder, str) or not Path(folder).is_absolute():
            raise ValueError
    return folders
