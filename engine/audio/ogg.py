"""Whether all pages of an Ogg file are there, which its decoders do not tell.

Source: RFC 3533.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from engine.errors import AudioError

_HEAD = struct.Struct("<4sBBqIIIB")
_MARK = b"OggS"
_FIRST, _LAST = 2, 4  # flags of a page
_PIECE = 1 << 20  # bytes read at once
_LARGEST_PAGE = 27 + 255 + 255 * 255
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_OPUS_HZ = 48_000  # of an Opus stream's clock, whatever its rate


@dataclass(frozen=True)
class MissingPages:
    """Seconds, more or less, that damaged pages held, and whether the last page is missing."""

    lost_s: float
    is_cut: bool


def missing_pages(path: Path, rate_hz: int) -> MissingPages:
    """Return what is missing of a file of one stream after the other.

    :raises AudioError: it cannot be read.
    """
    walk = _Walk()
    try:
        with path.open("rb") as file:
            held, ended = b"", False
            while not ended:
                piece = file.read(_PIECE)
                ended = len(piece) < _PIECE
                held = walk.take(held + piece, ended)
    except OSError as error:
        raise AudioError(f"{path.name} cannot be read: {error.strerror or error}") from None
    clock_hz = _OPUS_HZ if walk.is_opus else rate_hz
    return MissingPages(walk.lost / max(1, clock_hz), walk.is_cut)


class _Walk:
    """Goes from page to page; places are what the stream's clock says."""

    def __init__(self) -> None:
        self.lost, self.is_cut, self.is_opus = 0, False, False
        self._has_hole = False
        self._place, self._step = 0, 0  # of the last good page: its end, and its length
        self._number: int | None = None

    def take(self, data: bytes, is_last: bool) -> bytes:
        """Look at the pages in ``data``; return what belongs to the next one."""
        at = 0
        while True:
            found = data.find(_MARK, at)
            if found < 0:
                return data[-3:] if not is_last else b""
            if not is_last and len(data) - found < _LARGEST_PAGE:
                return data[found:]
            self._has_hole |= found != at and bool(self._number)
            length = _length(data, found)
            page = data[found : found + length]
            if length and len(page) == length and _is_sound(page):
                self._note(page)
                at = found + length
            else:
                self._has_hole = True
                at = found + len(_MARK)

    def _note(self, page: bytes) -> None:
        _, _, flags, place, _, number, _, _ = _HEAD.unpack_from(page)
        if flags & _FIRST:
            self.is_opus |= b"OpusHead" in page[:64]
            self._place, self._number = 0, None
        if self._number is not None and number != self._number + 1:
            self._has_hole = True
        self._number, self.is_cut = number, not flags & _LAST
        if place < 0:  # no packet ends in it
            return
        step = max(0, place - self._place)
        if self._has_hole:
            self.lost += max(0, step - self._step)
        elif place:
            self._step = step
        self._place, self._has_hole = place, False


def _length(data: bytes, at: int) -> int:
    """Return how long the page at a place is, 0 if that is not there."""
    if len(data) < at + _HEAD.size:
        return 0
    segments = data[at + _HEAD.size - 1]
    table = data[at + _HEAD.size : at + _HEAD.size + segments]
    return _HEAD.size + segments + sum(table) if len(table) == segments else 0


def _is_sound(page: bytes) -> bool:
    """Return whether a page's checksum is right: zlib's of mirrored bits, begun with 0."""
    bare = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(bare.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(page[22:26].translate(_REVERSED), "big") == mirrored
