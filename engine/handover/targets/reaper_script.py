"""Our script for REAPER, put where REAPER keeps its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from engine import durable
from engine.errors import InputError, reason
from engine.paths import assets, data_folder

NAME = "soundsift.lua"
_PLACE = 'local FOLDER = ""'


def bridge_folder() -> Path:
    """Return the folder of requests, unless the user chose another one."""
    return data_folder() / "reaper"


def scripts_folder() -> Path:
    """Return where REAPER keeps its scripts on this system."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "REAPER" / "Scripts"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", home / "AppData" / "Roaming")) / "REAPER" / "Scripts"
    return Path(os.environ.get("XDG_CONFIG_HOME", home / ".config")) / "REAPER" / "Scripts"


def script(folder: Path) -> str:
    """Return the script, which looks for requests in a folder, too."""
    text = (assets() / "reaper" / NAME).read_text(encoding="utf-8")
    assert _PLACE in text
    said = "".join(_escaped(byte) for byte in str(folder).encode("utf-8"))
    return text.replace(_PLACE, f'local FOLDER = "{said}"')


def install_script(into: Path, folder: Path) -> Path:
    """Write the script into a folder, in the place of an older one; return where it is.

    :raises InputError: it cannot be written, or the folder is not there.
    """
    try:
        if not into.is_dir():
            raise FileNotFoundError(2, "it does not exist")
        durable.put_file(into / NAME, script(folder).encode())
    except OSError as error:
        raise InputError(
            f"the script cannot be written into {into} ({reason(error)}): choose REAPER's folder "
            "of scripts, which its menu Options shows as its resource path"
        ) from None
    return into / NAME


def _escaped(byte: int) -> str:
    character = chr(byte)
    return character if character.isascii() and character.isalnum() else f"\\{byte:03d}"
