"""Passwords of servers in the system's keyring; no file of ours holds one.

That is the Keychain of macOS, the Credential Manager of Windows, the Secret Service of Linux
desktops, by the library keyring, which comes with the extra ``team``.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from engine.errors import LibraryError
from engine.log import logger

_SERVICE = "Soundsift"
_log = logger(__name__)


def kept_password(login: str) -> str | None:
    """Return the password of a login, None if none is kept or there is no keyring to ask.

    :param login: who, and on which server: ``mia@sounds.studio.example:5432``.
    """
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        found: str | None = keyring.get_password(_SERVICE, login)
    except Exception as error:  # of a backend, or of the system behind it
        _log.info("the keyring gave no password: %s", type(error).__name__)
        return None
    return found


def keep_password(login: str, password: str) -> None:
    """Keep the password of a login, in the place of an earlier one.

    :raises LibraryError: there is no keyring, or it does not take it.
    """
    keyring = _keyring()
    if keyring is None:
        raise LibraryError(
            "keeping a password needs keyring: install it with `pip install 'soundsift[team]'`, or "
            "write the password into ~/.pgpass"
        )
    try:
        keyring.set_password(_SERVICE, login, password)
    except Exception as error:  # which may hold the password
        raise LibraryError(
            f"this computer's keyring does not keep the password ({type(error).__name__}): write "
            "it into ~/.pgpass"
        ) from None


def forget_password(login: str) -> bool:
    """Forget the password of a login; return whether one was kept."""
    if kept_password(login) is None:
        return False
    with suppress(Exception):
        import_module("keyring").delete_password(_SERVICE, login)
    return kept_password(login) is None


def _keyring() -> Any:
    try:
        return import_module("keyring")
    except ImportError:
        return None
