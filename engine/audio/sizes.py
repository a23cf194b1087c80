"""What the headers of WAV and AIFF files say of their size, against what is there.

A recorder that loses its power leaves a WAV file whose sizes are 0; a program that writes into
a pipe leaves 0xFFFFFFFF.  Such a file is read through a header made anew, in memory alone.
Sources: EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), Audio Interchange File Format 1.3.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

_UNKNOWN = 0xFFFFFFFF  # a size that stands in ds64, or is not known
_MOST_CHUNKS = 10_000
_LARGEST_FMT = 1 << 12
_TAIL = 4 << 20  # bytes before the end in which chunks behind the samples are looked for
_ID = re.compile(rb"[ -~]{4}")
_BEHIND = re.compile(
    rb"LIST|bext|iXML|id3 |ID3 |cue |smpl|inst|fact|JUNK|junk|PAD |FLLR|_PMX|axml|chna|acid|PEAK"
    rb"|SMED|MD5 |umid|minf|elm1|regn|DISP|afsp|ubxt|SNDM|cart|plst|note|labl|levl|qlty|link"
)
_COMPRESSED_MPEG = frozenset({0x50, 0x55})  # MPEG audio inside a WAV file


@dataclass(frozen=True)
class Sizes:
    """The samples of a file: bytes that its header says and that are there.

    ``said`` is None if it says nothing, 0 if it was never written; ``mended`` is then the file
    with a header that tells the truth.
    """

    said: int | None
    there: int
    is_mpeg: bool = False
    mended: io.RawIOBase | None = None


def sizes_of(path: Path) -> Sizes | None:
    """Return the sizes of a WAV or AIFF file, or None where there is nothing to tell.

    :raises OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
            return _wav_sizes(path, file, path.stat().st_size)
        if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            return _aiff_sizes(file, path.stat().st_size)
    return None


def _wav_sizes(path: Path, file: BinaryIO, end: int) -> Sizes | None:
    place, form, long_size = 12, b"", None
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return None
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            break
        if name == b"fmt " and size <= _LARGEST_FMT:
            form = file.read(size)
        elif name == b"ds64" and size >= 16:
            long_size = struct.unpack("<8xQ", file.read(16))[0]
        place += 8 + size + size % 2
    else:
        return None
    if len(form) < 16:
        return None
    begin = place + 8
    if size == _UNKNOWN:
        size = long_size if long_size is not None else _UNKNOWN
    is_mpeg = struct.unpack("<H", form[:2])[0] in _COMPRESSED_MPEG
    if is_mpeg or size not in (0, _UNKNOWN):
        return Sizes(size, min(size, end - begin), is_mpeg)
    if size == 0 and _are_chunks(file, begin, end):
        return Sizes(0, 0)  # a file without samples, and nothing wrong with it
    there = _before_chunks(file, begin, end) - begin
    said = 0 if size == 0 else None
    return Sizes(said, there, mended=_Mended(path, form, begin, there))


def _are_chunks(file: BinaryIO, place: int, end: int) -> bool:
    """Return whether chunks, or nothing, go from ``place`` exactly to the end."""
    for _ in range(_MOST_CHUNKS):
        if place >= end:
            return place <= end + 1  # the last padding byte is often forgotten
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or not _ID.fullmatch(head[:4]):
            return False
        size = struct.unpack("<I", head[4:])[0]
        place += 8 + size + size % 2
    return False


def _before_chunks(file: BinaryIO, begin: int, end: int) -> int:
    """Return where the samples end, which is where known chunks begin that go to the end."""
    start = max(begin, end - _TAIL)
    file.seek(start)
    for found in _BEHIND.finditer(file.read(_TAIL)):
        if _are_chunks(file, start + found.start(), end):
            return start + found.start()
    return end


def _aiff_sizes(file: BinaryIO, end: int) -> Sizes | None:
    place, samples_at, said = 12, None, None
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            break
        name, size = struct.unpack(">4sI", head)
        if name == b"SSND":
            samples_at, said = place + 8, size
            break
        place += 8 + size + size % 2
    if samples_at is None or said is None or said <= 8:
        return None
    return Sizes(said - 8, max(0, min(said, end - samples_at) - 8))


class _Mended(io.RawIOBase):
    """A WAV file's samples behind a new header, read-only."""

    def __init__(self, path: Path, form: bytes, begin: int, length: int) -> None:
        super().__init__()
        self._head = _new_head(form, length)
        self._begin, self._place = begin, 0
        self._size = len(self._head) + length
        self._file = path.open("rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._size - self._place))
        from_head = self._head[self._place : self._place + count]
        view[: len(from_head)] = from_head
        self._file.seek(self._begin + self._place + len(from_head) - len(self._head))
        got = self._file.readinto(view[len(from_head) : count])
        self._place += len(from_head) + got
        return len(from_head) + got

    def close(self) -> None:
        self._file.close()
        super().close()


def _new_head(form: bytes, length: int) -> bytes:
    fmt = b"fmt " + struct.pack("<I", len(form)) + form + bytes(len(form) % 2)
    if length + len(fmt) + 64 < _UNKNOWN:
        riff = b"RIFF" + struct.pack("<I", 12 + len(fmt) + length) + b"WAVE"
        return riff + fmt + b"data" + struct.pack("<I", length)
    riff_size = 4 + 36 + len(fmt) + 8 + length
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, riff_size, length, 0, 0)
    riff = b"RF64" + struct.pack("<I", _UNKNOWN) + b"WAVE"
    return riff + ds64 + fmt + b"data" + struct.pack("<I", _UNKNOWN)
