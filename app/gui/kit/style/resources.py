"""Our icons under addresses that a style sheet can load, in colours of the palette.

A style sheet takes pictures from files only, and ours have no colour of their own.  So they are
coloured here and registered as Qt's resources, in memory: the format is that of ``rcc``, version 1,
a tree of one folder (Qt documentation, *The Qt Resource System*; ``qresource.cpp``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from PySide6.QtCore import qRegisterResourceData

from app.gui.kit.style.icons import drawing

Picture = tuple[str, str]  # an icon's name, and a colour as #rrggbb
_VERSION = 1
_FOLDER, _FILE = 2, 0  # kinds of nodes
_C_LOCALE = 1

_registered: dict[
    frozenset[Picture], tuple[bytes, bytes, bytes]
] = {}  # Qt reads these bytes where they are


def address(picture: Picture) -> str:
    """Return where a picture is, once it is registered."""
    return f":/{_name(picture)}"


def register(pictures: Iterable[Picture]) -> None:
    """Let style sheets load these pictures."""
    wanted = frozenset(pictures)
    if wanted not in _registered:
        _registered[wanted] = _resource(wanted)
        qRegisterResourceData(_VERSION, *_registered[wanted])


def _resource(pictures: Iterable[Picture]) -> tuple[bytes, bytes, bytes]:
    """Return the tree, names and contents of one folder of files."""
    files = sorted((_hash(_name(picture)), _name(picture), picture) for picture in pictures)
    tree = struct.pack(">IHII", 0, _FOLDER, len(files), 1)
    names, contents = b"", b""
    for hashed, name, (icon, colour) in files:
        tree += struct.pack(">IHHHI", len(names), _FILE, 0, _C_LOCALE, len(contents))
        names += struct.pack(">HI", len(name), hashed) + name.encode("utf-16-be")
        drawn = drawing(icon, colour)
        contents += struct.pack(">I", len(drawn)) + drawn
    return tree, names, contents


def _name(picture: Picture) -> str:
    icon, colour = picture
    return f"{icon}-{colour.removeprefix('#')}.svg"


def _hash(name: str) -> int:
    """Return Qt's hash of a name, by which the files of a folder stand in order."""
    found = 0
    for unit in struct.unpack(f">{len(name)}H", name.encode("utf-16-be")):
        found = (found << 4) + unit
        found ^= (found & 0xF0000000) >> 23
        found &= 0x0FFFFFFF
    return found
