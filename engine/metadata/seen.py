"""A file as it was before anything was read of it, so that nobody's later edit is replaced."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from engine import digest
from engine.errors import AudioError

_QUIETLY = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)  # no waiting at a pipe


@dataclass(frozen=True)
class Seen:
    """A file's state and the digest of its bytes at one moment."""

    path: Path
    state: tuple[int, ...]
    mtime_ns: int
    digest: str

    @classmethod
    def now(cls, path: Path) -> Seen:
        """Look at a file and read it once.

        :raises AudioError: it is no file, or was changed while it was read.
        """
        state = os.lstat(path)
        if not stat.S_ISREG(state.st_mode):
            raise AudioError(_changed(path))
        seen = cls(path, _of(state), state.st_mtime_ns, digest_of(path))
        seen.refuse_changed()
        return seen

    def refuse_changed(self) -> None:
        """Compare what the system says of the file, without reading it.

        :raises AudioError: another program changed it, or put something else in its place.
        """
        try:
            state = os.lstat(self.path)
        except FileNotFoundError:
            raise AudioError(_changed(self.path)) from None
        if _of(state) != self.state:
            raise AudioError(_changed(self.path))

    def refuse_edited(self) -> None:
        """Compare the bytes, too: times are coarse, and writes into mapped memory bring none.

        :raises AudioError: another program changed it, or put something else in its place.
        """
        self.refuse_changed()
        if digest_of(self.path) != self.digest:
            raise AudioError(_changed(self.path))
        self.refuse_changed()


def digest_of(path: Path) -> str:
    """Return the digest of a file's bytes; links are not followed."""
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | _QUIETLY)
    with os.fdopen(opened, "rb") as file:
        return digest.digest_of(file)


def _of(state: os.stat_result) -> tuple[int, ...]:
    return (
        stat.S_IFMT(state.st_mode),
        state.st_dev,
        state.st_ino,
        state.st_size,
        state.st_mtime_ns,
        state.st_ctime_ns,
    )


def _changed(path: Path) -> str:
    return f"{path.name} was changed by another program meanwhile, and is left as it is now"
