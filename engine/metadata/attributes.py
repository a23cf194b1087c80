"""What a file has beside its bytes: owner, permissions, extended attributes, access lists."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import os
import sys
from pathlib import Path

_SYSTEM = ("security.", "trusted.", "system.nfs4", "com.apple.quarantine", "com.apple.provenance")
_COPYFILE_METADATA = 1 | 2 | 4  # access lists, state and extended attributes (copyfile.h)


def copy_attributes(source: Path, target: Path) -> None:
    """Give a new file what an old one has, as far as the system allows.

    Times are not copied.  On macOS that is copyfile(3), on Linux owner, mode and extended
    attributes, among them the access list, and those that its folder gave the new file alone go; on
    Windows a file inherits what its folder says.

    :raises OSError: an attribute of the user's cannot be kept, or one of the folder's not removed.
    """
    state = source.stat()
    if sys.platform == "darwin":
        _copy_on_macos(source, target)
        return
    own = target.stat()
    if hasattr(os, "chown") and (state.st_uid, state.st_gid) != (own.st_uid, own.st_gid):
        for owner, group in ((state.st_uid, state.st_gid), (-1, state.st_gid)):
            try:
                os.chown(target, owner, group)
                break
            except PermissionError:
                continue  # only the superuser gives files away; the group may still be one's own
    names = _extended(source)
    if sys.platform == "linux":
        _remove_others(target, names)  # first: an access list changes what chmod means
    os.chmod(target, state.st_mode & 0o7777)  # noqa: PTH101 - beside chown
    if sys.platform == "linux":
        _copy_extended(source, target, names)


def _remove_others(target: Path, names: list[str]) -> None:
    """Take from a new file what its folder gave it and the old one has not, such as access lists.

    :raises OSError: one stays, and with it others might read what they could not.
    """
    if sys.platform != "linux":
        return
    for name in set(_extended(target)) - set(names):
        try:
            os.removexattr(target, name)
        except OSError as error:
            if error.errno == errno.ENODATA or name.startswith(_SYSTEM):
                continue
            raise OSError(
                error.errno,
                f"its folder adds the extended attribute {name} ({error.strerror})",
            ) from None


def _extended(path: Path) -> list[str]:
    if sys.platform != "linux":
        return []
    try:
        return os.listxattr(path)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS, errno.EPERM):
            return []
        raise


def _copy_extended(source: Path, target: Path, names: list[str]) -> None:
    if sys.platform != "linux":
        return
    for name in names:
        value = os.getxattr(source, name)
        try:
            os.setxattr(target, name, value)
        except OSError as error:
            if name.startswith(_SYSTEM):
                continue  # the system's own, which it gives to the new file itself
            raise OSError(
                error.errno, f"its extended attribute {name} cannot be preserved ({error.strerror})"
            ) from None


def _copy_on_macos(source: Path, target: Path) -> None:
    library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    arguments = (os.fsencode(source), os.fsencode(target), None, _COPYFILE_METADATA)
    if library.copyfile(*arguments) != 0:
        raise OSError(ctypes.get_errno(), "its attributes cannot be preserved")
