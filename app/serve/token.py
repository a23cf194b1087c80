"""The token by which a program shows that its user lets it in: a file that only they can read."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from engine.errors import InputError
from engine.paths import data_folder, why_no_file

_BYTES = 32
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}")
_MOST_BYTES = 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def token_file() -> Path:
    """Return where the token is."""
    return data_folder() / "serve-token"


def ensure_token(new: bool = False) -> bytes:
    """Return the token, which is made where there is none.

    One that others could read may be known to them: another takes its place.

    :param new: make another, so that programs that know the old one are shut out.
    :raises InputError: it cannot be read or written, or its file holds something else.
    """
    path = token_file()
    try:
        if not new:
            known = _read(path)
            if known is not None:
                return known
        return _made(path)
    except OSError as error:
        said = error.strerror or error
        raise InputError(f"the token of the server cannot be kept in {path}: {said}") from None


def is_token(given: bytes, token: bytes) -> bool:
    """Return whether a program gave the token, in a time that tells nothing of it."""
    return hmac.compare_digest(given, token)


def _read(path: Path) -> bytes | None:
    try:
        other = why_no_file(path, follow=False)
    except FileNotFoundError:
        return None
    if other is not None:
        raise InputError(f"{path} {other}, not the server's token: remove it, and start again")
    if os.name == "posix" and path.stat().st_mode & _OTHERS:
        return None
    with path.open("rb") as file:
        found = file.read(_MOST_BYTES).strip()
    if not _TOKEN.fullmatch(found):
        raise InputError(f"{path} holds no token: remove it, and start again")
    return found


def _made(path: Path) -> bytes:
    """Put a new token in place at once, in a file that nobody else could ever open."""
    token = secrets.token_urlsafe(_BYTES).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    with suppress(FileNotFoundError):
        partial.unlink()
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(token + b"\n")
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return token
