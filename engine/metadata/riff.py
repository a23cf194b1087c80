"""WAV, RF64, BW64 and AIFF files as chunks, rewritten so that what is foreign stays as it is.

Sources: EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), EBU Tech 3285 (bext), Apple's draft of AIFF-C
of 1991.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import AudioError, InputError
from engine.metadata.copying import copy_bytes

_RIFF_KINDS = (b"RIFF", b"RF64", b"BW64")
_AIFF_FORMS = (b"AIFF", b"AIFC")
_AUDIO = (b"data", b"SSND")
_UNKNOWN = 0xFFFFFFFF  # a size that stands in ds64, or was never filled in
_MOST_CHUNKS = 10_000
_LARGEST_DS64 = 1 << 20
_DS64_FIXED = 28


@dataclass(frozen=True)
class Chunk:
    """A chunk: where its data begins, how long it is, and whether a padding byte follows.

    ``unfinished``: its size was never filled in, as after a power loss; it goes on to the end.
    ``cut``: it says to go on behind the file's end.
    """

    id: bytes
    start: int
    size: int
    padded: bool
    unfinished: bool = False
    cut: bool = False

    @property
    def end(self) -> int:
        """Return where the next chunk begins."""
        return self.start + self.size + self.padded


@dataclass(frozen=True)
class Layout:
    """The chunks of a file in order, and its size; what follows the last one belongs to none."""

    kind: bytes  # RIFF, RF64, BW64 or FORM
    riff_size: int
    chunks: tuple[Chunk, ...]
    file_size: int

    @property
    def order(self) -> str:
        """Return the byte order of sizes, as :mod:`struct` writes it."""
        return ">" if self.kind == b"FORM" else "<"

    @property
    def audio(self) -> Chunk | None:
        """Return the first chunk of audio data, or None."""
        return next((chunk for chunk in self.chunks if chunk.id in _AUDIO), None)

    def first(self, chunk_id: bytes) -> Chunk | None:
        """Return the first chunk of an id, or None."""
        return next((chunk for chunk in self.chunks if chunk.id == chunk_id), None)


def is_chunked(head: bytes) -> bool:
    """Return whether the first twelve bytes of a file are those of a WAV or an AIFF file."""
    wave = head[:4] in _RIFF_KINDS and head[8:12] == b"WAVE"
    return wave or (head[:4] == b"FORM" and head[8:12] in _AIFF_FORMS)


def read_layout(path: Path) -> Layout:
    """Return the chunks of a file that may be rewritten.

    :raises AudioError: it is no such file, its chunks do not fit into it, or it holds no audio.
    """
    layout = find_chunks(path)
    cut = next((chunk for chunk in layout.chunks if chunk.cut), None)
    if cut is not None:
        raise AudioError(
            f"{path.name} says that its chunk {_shown(cut.id)} extends past its end: its "
            "header is damaged"
        )
    if layout.audio is None:
        raise AudioError(f"{path.name} holds no audio data")
    return layout


def find_chunks(path: Path) -> Layout:
    """Return the chunks that there are, the last one perhaps cut off by the file's end.

    :raises AudioError: it is no WAV or AIFF file, or its ds64 chunk is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or not is_chunked(head):
            raise AudioError(f"{path.name} is not a WAV, RF64, BW64 or AIFF file")
        kind = head[:4]
        order = ">" if kind == b"FORM" else "<"
        riff_size = struct.unpack(f"{order}I", head[4:8])[0]
        long_sizes: dict[bytes, int] = {}
        chunks: list[Chunk] = []
        place = 12
        while place + 8 <= size and len(chunks) < _MOST_CHUNKS:
            file.seek(place)
            chunk_id, length = struct.unpack(f"{order}4sI", file.read(8))
            if not _is_id(chunk_id):
                break
            if chunk_id == b"ds64" and kind in (b"RF64", b"BW64"):
                riff_size, long_sizes = _read_ds64(path, file.read(min(length, _LARGEST_DS64)))
            if length == _UNKNOWN:
                length = long_sizes.get(chunk_id, length)
            start, left = place + 8, size - place - 8
            if chunk_id in _AUDIO and _is_unfinished(file, start, length, left, order):
                chunks.append(Chunk(chunk_id, start, left, padded=False, unfinished=True))
                break
            if length > left:
                chunks.append(Chunk(chunk_id, start, left, padded=False, cut=True))
                break
            chunk = Chunk(chunk_id, start, length, _is_padded(file, start + length, length, order))
            chunks.append(chunk)
            place = chunk.end
    return Layout(kind, riff_size, tuple(chunks), size)


def read_chunk(path: Path, chunk: Chunk) -> bytes:
    """Return a chunk's data, without padding."""
    with path.open("rb") as file:
        file.seek(chunk.start)
        return file.read(chunk.size)


def rewrite(
    path: Path,
    layout: Layout,
    out: BinaryIO,
    changes: Mapping[Chunk | bytes, bytes],
    before_audio: bool = False,
) -> None:
    """Copy a file to ``out`` with other data in some chunks, and with new chunks.

    :param changes: data by chunk of ``layout``, or by id for a new one.  Everything else, padding
        and what follows the last chunk included, is copied as it is.
    :param before_audio: new chunks go before the audio data, not behind the last chunk.
    :raises InputError: the file would become larger than its header can say.
    """
    added = {key: data for key, data in changes.items() if isinstance(key, bytes)}
    place = layout.audio if before_audio else None
    last = layout.chunks[-1]
    behind = bool(added) and place is None
    unpadded = behind and last not in changes and last.size % 2 == 1 and not last.padded
    grown = sum(8 + len(data) + len(data) % 2 for data in added.values()) + unpadded
    for chunk in layout.chunks:
        if chunk in changes:
            data = changes[chunk]
            grown += len(data) + len(data) % 2 - chunk.size - chunk.padded
    riff_size = layout.riff_size + grown
    if layout.kind in (b"RIFF", b"FORM") and riff_size >= _UNKNOWN and _is_stated(layout):
        raise InputError(f"{path.name} would exceed 4 GB, the most that such a file can hold")
    with path.open("rb") as file:
        out.write(_head(file, layout, riff_size))
        for chunk in layout.chunks:
            if chunk == place:
                out.writelines(_chunk(layout.order, key, data) for key, data in added.items())
            if chunk in changes:
                out.write(_chunk(layout.order, chunk.id, changes[chunk]))
                continue
            file.seek(chunk.start - 8)
            if chunk.id == b"ds64" and layout.kind in (b"RF64", b"BW64"):
                head = file.read(8)
                body = file.read(chunk.size + chunk.padded)
                out.write(head + struct.pack("<Q", riff_size) + body[8:])
            else:
                copy_bytes(file, out, 8 + chunk.size + chunk.padded)
        if unpadded:
            out.write(b"\0")
        if behind:
            out.writelines(_chunk(layout.order, key, data) for key, data in added.items())
        file.seek(last.end)
        copy_bytes(file, out, layout.file_size - last.end)


def _head(file: BinaryIO, layout: Layout, riff_size: int) -> bytes:
    head = file.read(12)
    unstated = head[4:8] == struct.pack("<I", _UNKNOWN)
    if not _is_stated(layout) or (unstated and layout.kind in (b"RF64", b"BW64")):
        return head
    return head[:4] + struct.pack(f"{layout.order}I", min(riff_size, _UNKNOWN)) + head[8:]


def _is_stated(layout: Layout) -> bool:
    """Return whether the size of the whole was filled in when the file was closed."""
    return layout.kind in (b"RF64", b"BW64") or layout.riff_size not in (0, _UNKNOWN)


def _chunk(order: str, chunk_id: bytes, data: bytes) -> bytes:
    return struct.pack(f"{order}4sI", chunk_id, len(data)) + data + b"\0" * (len(data) % 2)


def _read_ds64(path: Path, data: bytes) -> tuple[int, dict[bytes, int]]:
    if len(data) < _DS64_FIXED:
        raise AudioError(f"{path.name} has a damaged ds64 chunk")
    riff_size, data_size, _, entries = struct.unpack("<QQQI", data[:_DS64_FIXED])
    sizes = {b"data": data_size}
    for entry in range(min(entries, (len(data) - _DS64_FIXED) // 12)):
        chunk_id, length = struct.unpack_from("<4sQ", data, _DS64_FIXED + 12 * entry)
        sizes[chunk_id] = length
    return riff_size, sizes


def _is_unfinished(file: BinaryIO, start: int, length: int, left: int, order: str) -> bool:
    """Return whether audio data follows whose size was never filled in, and not other chunks."""
    if length == _UNKNOWN and left < _UNKNOWN:
        return True
    if length != 0 or left == 0:
        return False
    file.seek(start)
    head = file.read(8)
    if len(head) < 8:
        return True
    chunk_id, size = struct.unpack(f"{order}4sI", head)
    return not (_is_id(chunk_id) and size <= left - 8)


def _is_padded(file: BinaryIO, end: int, size: int, order: str) -> bool:
    """Return whether a padding byte follows; some writers forget it."""
    if size % 2 == 0:
        return False
    left = file.seek(0, io.SEEK_END) - end
    file.seek(end)
    after = file.read(9)
    if not after:
        return False
    forgot = _is_head(after[:8], left, order) and not _is_head(after[1:], left - 1, order)
    return not forgot


def _is_head(head: bytes, left: int, order: str) -> bool:
    """Return whether these bytes begin a chunk that fits into what is left of the file."""
    if len(head) < 8 or not _is_id(head[:4]):
        return False
    size = int(struct.unpack(f"{order}I", head[4:])[0])
    return size <= left - 8 or size == _UNKNOWN


def _is_id(chunk_id: bytes) -> bool:
    return len(chunk_id) == 4 and all(32 <= byte < 127 for byte in chunk_id)


def _shown(chunk_id: bytes) -> str:
    return chunk_id.decode().strip()
