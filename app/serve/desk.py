"""What questions are answered with: the session, kept fresh, and what this server may do."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from engine.errors import InputError, LibraryError
from engine.index.drives import note_drives
from engine.session import Session
from engine.store import SoundRow
from engine.store.places import sound_at
from engine.store.vectors import version_of
from engine.tags.decisions import Decisions
from engine.tags.suggest import Tagger

_LOOK_S = 2.0  # between two looks at whether another process has changed the library
_SHARE = 20.0  # of the time, one of which may go into picking such changes up
_DRIVES_S = 30.0


class UnknownSoundError(InputError):
    """The library has no such sound."""


class NotAllowedError(InputError):
    """The server was started without the permission for it."""


@dataclass(frozen=True)
class Permissions:
    """What the server may do beside searching: change the library, copy sounds into folders."""

    changes: bool = False
    folders: tuple[Path, ...] = ()


@dataclass
class Desk:
    """A session that many threads share, and what may be done with it."""

    session: Session
    permissions: Permissions = field(default_factory=Permissions)
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _making: threading.Lock = field(default_factory=threading.Lock)
    _version: str | None = None
    _next_look: float = 0.0
    _next_drives: float = 0.0
    _taggers: dict[str, tuple[str, Tagger]] = field(default_factory=dict)

    @cached_property
    def decisions(self) -> Decisions:
        """Return what this server decides on tags."""
        return Decisions(self.session.library)

    def keep_fresh(self) -> None:
        """Pick up what other processes did to the library, if it is time to look.

        :raises SoundsiftError: the library, or the model that it has now, cannot be read.
        """
        if not self._looking.acquire(blocking=False):
            return  # another thread is looking
        try:
            if time.monotonic() < self._next_look:
                return
            self._note_drives()
            began = time.monotonic()
            version = version_of(self.session.library)
            if version != self._version:
                if self._version is not None:
                    self.session.refresh()
                self._version = version
            now = time.monotonic()
            self._next_look = now + max(_LOOK_S, _SHARE * (now - began))
        finally:
            self._looking.release()

    def sound(self, name: int | str) -> SoundRow:
        """Return a sound of the library by its id or its path.

        No other file than those of its sounds is ever looked at.

        :raises UnknownSoundError: there is none.
        """
        library = self.session.library
        by_id = isinstance(name, int) or (name.isascii() and name.isdecimal())
        sound_id = (int(name) if len(str(name)) < 19 else None) if by_id else None
        if not by_id:
            sound_id = sound_at(library, str(name))
        found = library.sounds([sound_id]).get(sound_id) if sound_id is not None else None
        if found is None:
            raise UnknownSoundError(
                f"the library has no sound {name}: give an id or a path as results have it"
            )
        return found

    def tagger(self, taxonomy: str) -> Tagger:
        """Return a tagger for a taxonomy, made anew when the library has changed."""
        with self._making:  # the first one takes half a minute: its labels are embedded
            version = version_of(self.session.library)
            known = self._taggers.get(taxonomy)
            if known is None or known[0] != version:
                known = (version, self.session.tagger(taxonomy))
                self._taggers[taxonomy] = known
            return known[1]

    def allowed_folder(self, asked: str | None) -> Path:
        """Return a folder into which sounds may be copied.

        :raises NotAllowedError: there is none, or it is another.
        """
        folders = self.permissions.folders
        if not folders:
            raise NotAllowedError(
                "sounds may not be copied: start the server with --hand-over FOLDER"
            )
        if asked is None:
            return folders[0]
        found = next((folder for folder in folders if str(folder) == asked), None)
        if found is None:
            raise NotAllowedError(
                f"sounds may not be copied into {asked}: name one of {', '.join(map(str, folders))}"
            )
        return found

    def _note_drives(self) -> None:
        if time.monotonic() >= self._next_drives:
            self._next_drives = time.monotonic() + _DRIVES_S
            with suppress(LibraryError):  # read-only: then states stay as they are
                note_drives(self.session.library)
