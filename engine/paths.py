"""Where Soundsift keeps things: data, cache and bundled assets, per system."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeGuard
from urllib.parse import parse_qsl, unquote, urlsplit

import platformdirs

from engine.errors import InputError

Place = Path | str  # of a library: a file, or the address of a database on a server


def data_folder() -> Path:
    """Return the folder of libraries and installed models; ``SOUNDSIFT_HOME`` overrides it."""
    home = os.environ.get("SOUNDSIFT_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir("soundsift", appauthor=False))


def cache_folder() -> Path:
    """Return the folder of what can be made again; it may be deleted at any time."""
    home = os.environ.get("SOUNDSIFT_HOME")
    if home:
        return Path(home) / "cache"
    return Path(platformdirs.user_cache_dir("soundsift", appauthor=False))


def peaks_folder() -> Path:
    """Return the folder of peaks that were found."""
    return cache_folder() / "peaks"


def labels_folder() -> Path:
    """Return the folder of what models made of the labels of taxonomies."""
    return cache_folder() / "labels"


def log_folder() -> Path:
    """Return the folder of logs."""
    home = os.environ.get("SOUNDSIFT_HOME")
    return (
        Path(home) / "log"
        if home
        else Path(platformdirs.user_log_dir("soundsift", appauthor=False))
    )


_SCHEME = re.compile(r"[A-Za-z][\w+.-]+://")  # longer than the letter of a drive


def is_server(place: Place) -> TypeGuard[str]:
    """Return whether a library lies on a server, of which this is the address."""
    return isinstance(place, str) and place.startswith(("postgresql://", "postgres://"))


def refuse_other_scheme(text: str) -> None:
    """Refuse the address of something else, which would be taken for the name of a file.

    :raises InputError: it is one; as it may hold a password, it is not repeated.
    """
    if _SCHEME.match(text) and not is_server(text):
        raise InputError(
            "the address of the library cannot be used: write it as "
            "postgresql://USER@SERVER/DATABASE, without a password"
        )


def place_of(text: str) -> Place:
    """Return the place of a library that was noted as a text."""
    return text if is_server(text) else Path(text)


def server_name(address: str) -> str:
    """Return what people call a library on a server, such as ``sounds on studio.example``.

    Nothing else of the address is in it: neither who asks, nor what may be secret.
    """
    try:
        asked = urlsplit(address)
        host, query = asked.hostname or "", dict(parse_qsl(asked.query))
    except ValueError:
        return "team library"
    database = unquote(asked.path).strip("/") or query.get("dbname") or "team library"
    host = host or query.get("host", "")
    return f"{database} on {host}" if host and not host.startswith("/") else database


def default_library() -> Path:
    """Return the library that is used when none is named."""
    return data_folder() / "library.db"


def installed_models() -> Path:
    """Return the folder of models that the user installed."""
    return data_folder() / "models"


def ranges_folder() -> Path:
    """Return where ranges that leave the window are kept unless the user says otherwise."""
    home = os.environ.get("SOUNDSIFT_HOME")
    return Path(home) / "ranges" if home else platformdirs.user_music_path() / "Soundsift"


def assets() -> Path:
    """Return the folder of what ships with Soundsift."""
    return Path(__file__).resolve().parents[1] / "assets"


def why_no_file(path: Path, follow: bool = True) -> str | None:
    """Return what a path is that is no regular file, such as ``is a pipe``; None if it is one.

    Nothing is opened: opening a pipe waits for somebody to write into it.

    :param follow: let a link be what it leads to.
    :raises OSError: there is nothing, or it may not be looked at.
    """
    mode = path.stat(follow_symlinks=follow).st_mode
    if stat.S_ISREG(mode):
        return None
    kinds = (
        (stat.S_ISLNK, "is a link"),
        (stat.S_ISDIR, "is a folder"),
        (stat.S_ISFIFO, "is a pipe"),
        (stat.S_ISSOCK, "is a socket"),
    )
    return next((name for of, name in kinds if of(mode)), "is a device")


def refuse_no_file(path: Path) -> None:
    """Refuse what was named as a file to read and is none, before anything waits for it.

    :raises InputError: there is nothing, or no regular file, or it may not be looked at.
    """
    try:
        other = why_no_file(path)
    except FileNotFoundError:
        raise InputError(f"{path} cannot be read: it does not exist") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        said = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {said}") from None
    if other is not None:
        raise InputError(f"{path} {other}, not a file: name a file")


def make_own_folder(path: Path) -> None:
    """Make a folder in which only we work, unless it is there.

    :raises OSError: it cannot be made, or it is a link, which leads to what may not be ours.
    """
    path.mkdir(parents=True, exist_ok=True)
    if not is_own_folder(path):
        raise NotADirectoryError(errno.ENOTDIR, "it is a link, not a folder", str(path))


def is_own_folder(path: Path) -> bool:
    """Return whether a path is a folder itself, and no link to one."""
    try:
        state = path.lstat()
    except OSError:
        return False
    # a junction of Windows is a link too, and its mode does not say so
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
    return stat.S_ISDIR(state.st_mode) and getattr(state, "st_reparse_tag", 0) != junction


def remove_own(folder: Path, names: re.Pattern[str]) -> None:
    """Remove the files of a folder whose whole names match, and nothing else.

    Links are not followed, folders stay, and so does what is in use.
    """
    if not is_own_folder(folder):
        return
    with os.scandir(folder) as entries:
        found = [e.path for e in entries if names.fullmatch(e.name) and not e.is_dir()]
    for path in found:
        with suppress(OSError):
            Path(path).unlink()


def remove_own_folder(folder: Path, names: re.Pattern[str]) -> None:
    """Remove a folder of ours; where it holds what others put there, that stays, and it too."""
    remove_own(folder, names)
    with suppress(OSError):
        folder.rmdir()


def spelled_out(path: Path) -> str:
    """Return the absolute path without ``..``, links kept as the user named them."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow the links


def is_away(root: str) -> bool:
    """Return whether a folder or file is not there, or an empty place of a drive."""
    path = Path(root)
    try:
        if not path.is_dir():
            return not path.exists()
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def is_unicode(text: str) -> bool:
    """Return whether a path (or any text) is Unicode; other names no library can keep."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def refuse_odd_name(path: str) -> None:
    """Refuse a folder whose sounds no library could hold.

    :raises InputError: the path is no text.
    """
    if not is_unicode(path):
        raise InputError(f"the name of {path} is not valid Unicode: rename it")


def is_under(path: str, roots: Iterable[str]) -> bool:
    """Return whether ``path`` is one of ``roots`` or lies below one, by their spelling."""
    return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in roots)
