r"""Named roots: how a library writes a path under one, and where that is on a computer.

A library that several computers share holds ``root:/SFX/Doors/a.wav``, which is no absolute path
of any system, and each computer says where the root ``SFX`` is mounted: ``/Volumes/SFX``,
``S:\``.  Conversion looks at texts only, never at the disk.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from engine.errors import InputError

PREFIX = "root:/"  # of a path as libraries hold it
_LONGEST = 100  # characters of a name
_ODD = re.compile(r"[/\\\x00-\x1f\x7f]")
_UPWARDS = re.compile(r"(^|/)\.\.?(/|$)")
# Characters that names of Windows cannot have, as macOS and Samba show them to it.
_PRIVATE = str.maketrans('"*:<>?\\|', "\uf020\uf021\uf022\uf023\uf024\uf025\uf026\uf027")
_PUBLIC = {private: public for public, private in _PRIVATE.items()}


@dataclass(frozen=True)
class System:
    """How a system writes paths.

    :param folds: upper and lower case are one, as far as where a root is mounted.
    :param composes: names are listed decomposed (NFD) and found in either form, so that they are
        kept composed (NFC), as other systems have them.
    """

    separator: str
    folds: bool = False
    composes: bool = False


POSIX, MACOS, WINDOWS = System("/"), System("/", composes=True), System("\\", folds=True)
HERE = WINDOWS if os.name == "nt" else MACOS if sys.platform == "darwin" else POSIX


@dataclass(frozen=True)
class Span:
    """The paths of a folder as a library holds them: itself, and from ``low`` to before ``high``.

    They are compared byte by byte.
    """

    itself: str
    low: str
    high: str


@dataclass(frozen=True)
class Mounts:
    """Where the roots of a library are mounted on this computer: absolute folders by name."""

    folders: Mapping[str, str]
    system: System = HERE

    def stored(self, path: str) -> str:
        """Return a path of this computer as the library holds it; as it is under no root."""
        known = self._inside(path)
        if known is None:
            return path
        name, rest = known
        return f"{PREFIX}{name}/{rest}" if rest else f"{PREFIX}{name}"

    def local(self, stored: str) -> str:
        """Return where a path of the library lies on this computer.

        Under a root that is not mounted here, it is the library's own form: see :func:`root_of`.
        """
        if not stored.startswith(PREFIX):
            return stored
        name, _, rest = stored.removeprefix(PREFIX).partition("/")
        folder = self.folders.get(name)
        if folder is None or _UPWARDS.search(rest):  # which would leave the root
            return self._own_prefix + self._spelled(stored.removeprefix(PREFIX))
        return self._base(folder) + self._spelled(rest) if rest else folder

    @property
    def respells(self) -> bool:
        """Return whether a path that the system lists may be spelled otherwise here."""
        return bool(self.folders) and (self.system.folds or self.system.composes)

    def spelled(self, path: str) -> str:
        """Return a path of this computer as it comes out of the library."""
        return self.local(self.stored(path))

    def span(self, folder: str) -> Span:
        """Return the paths at or below a folder of this computer, but for roots inside it."""
        stored = self.stored(folder)
        separator = "/" if stored.startswith(PREFIX) else self.system.separator
        low = stored.rstrip(separator) + separator
        return Span(stored, low, low[:-1] + chr(ord(separator) + 1))

    def spans(self, folder: str) -> list[Span]:
        """Return the paths at or below a folder of this computer."""
        if not self.folders:
            return [self.span(folder)]
        above = self._matched(self._base(folder))
        inner = [
            other
            for (_, _, base), other in zip(self._bases, self.folders.values(), strict=True)
            if base.startswith(above) and base != above
        ]
        return [self.span(folder), *map(self.span, inner)]

    def ending(self, part: str) -> list[str]:
        """Return the folders below which all paths of this computer hold ``part``, in lower case.

        ``part`` is written with ``/``.  Of these folders the library cannot tell by itself: the
        part, or its beginning, stands above or at where a root is mounted.
        """
        wanted = [piece for piece in part.lower().split("/") if piece]
        found = []
        for name, folder in self.folders.items():
            above = folder.lower().replace(self.system.separator, "/").strip("/").split("/")
            for start in range(len(above)):
                common = above[start : start + len(wanted)]
                if common == wanted[: len(common)]:
                    found.append("/".join((PREFIX + name.lower(), *wanted[len(common) :])))
        return found

    def overlapping(self, folder: str, but: str = "") -> str | None:
        """Return the root, but for one, that lies in a folder or holds it, if any."""
        own = self._matched(self._base(folder))
        for name, _, base in self._bases:
            if name != but and (own.startswith(base) or base.startswith(own)):
                return name
        return None

    @cached_property
    def _bases(self) -> list[tuple[str, int, str]]:
        """Return the roots, each with how long what paths below begin with is, and as matched."""
        bases = {name: self._composed(self._base(f)) for name, f in self.folders.items()}
        return [(name, len(base), self._matched(base)) for name, base in bases.items()]

    def _inside(self, path: str) -> tuple[str, str] | None:
        """Return the root that a path of this computer lies under, and the rest of it."""
        separator = self.system.separator
        if path.startswith(self._own_prefix):  # of a root that is not mounted
            name, _, rest = path.removeprefix(self._own_prefix).partition(separator)
            return name, self._unspelled(rest)
        if not self._bases:
            return None
        written = self._composed(path)
        if self.system.folds:
            written = written.replace("/", separator)
        closed = written if written.endswith(separator) else written + separator
        for name, length, base in self._bases:
            if self._matched(closed[:length]) == base:
                return name, self._unspelled(closed[length:-1])
        return None

    def _base(self, folder: str) -> str:
        return folder.rstrip(self.system.separator) + self.system.separator

    def _composed(self, text: str) -> str:
        return unicodedata.normalize("NFC", text) if self.system.composes else text

    def _matched(self, text: str) -> str:
        """Return a text as it is compared with others."""
        composed = self._composed(text)
        return composed.lower() if self.system.folds else composed

    def _spelled(self, rest: str) -> str:
        """Return what follows a root as this system writes it."""
        if self.system.separator == "/":
            return rest
        return rest.translate(_PRIVATE).replace("/", self.system.separator)

    def _unspelled(self, rest: str) -> str:
        if self.system.separator == "/":
            return rest
        return rest.replace(self.system.separator, "/").translate(_PUBLIC)

    @property
    def _own_prefix(self) -> str:
        return PREFIX.replace("/", self.system.separator)


NOWHERE = Mounts({})
_UNMOUNTED = PREFIX.replace("/", HERE.separator)


def root_of(path: str) -> str | None:
    """Return the name of the root of a path that is not mounted here; None of any other path."""
    if not path.startswith(_UNMOUNTED):
        return None
    return path.removeprefix(_UNMOUNTED).split(HERE.separator, 1)[0]


def place_of_root(name: str) -> str:
    """Return what stands for the folder of a root that is not mounted here."""
    return NOWHERE.local(PREFIX + name)


def mounted(folders: Iterable[str]) -> list[str]:
    """Return those of a library's folders that lie under no root that is not mounted here."""
    return [folder for folder in folders if root_of(folder) is None]


def not_mounted(name: str) -> str:
    """Return the sentence about a root that is not mounted here."""
    return (
        f"the root {name} is not mounted on this computer: say where it is with "
        f'`soundsift roots mount "{name}" FOLDER`'
    )


def checked_name(name: str, known: Iterable[str] = ()) -> str:
    """Return the name of a new root, composed (NFC).

    :raises InputError: it makes no name, or another root differs from it in upper case at most.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if not name or name in (".", "..") or len(name) > _LONGEST or _ODD.search(name):
        raise InputError(
            f"{name!r} is no name for a root: take a word such as SFX, of up to {_LONGEST} "
            "characters, without slashes"
        )
    same = next((one for one in known if one.casefold() == name.casefold()), None)
    if same is not None:
        raise InputError(f"there is already a root {same}: choose another name")
    return name
