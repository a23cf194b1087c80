"""RIFF, RF64 and BW64 files as chunks, rewritten so that what is foreign stays byte for byte.

Sources: EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), EBU Tech 3285 (bext).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import AudioError, InputError
from engine.metadata.copying import copy_bytes

_KINDS = (b"RIFF", b"RF64", b"BW64")
_UNKNOWN = 0xFFFFFFFF  # a size that stands in ds64
_MOST_CHUNKS = 10_000
_LARGEST_DS64 = 1 << 20
_DS64_FIXED = 28


@dataclass(frozen=True)
class Chunk:
    """A chunk: where its data begins, how long it is, and whether a padding byte follows."""

    id: bytes
    start: int
    size: int
    padded: bool

    @property
    def end(self) -> int:
        """Return where the next chunk begins."""
        return self.start + self.size + self.padded


@dataclass(frozen=True)
class Layout:
    """The chunks of a file in order, and its size; what follows the last one belongs to none."""

    kind: bytes
    riff_size: int
    chunks: tuple[Chunk, ...]
    file_size: int

    def first(self, chunk_id: bytes) -> Chunk | None:
        """Return the first chunk of an id, or None."""
        return next((chunk for chunk in self.chunks if chunk.id == chunk_id), None)


def read_layout(path: Path) -> Layout:
    """Return the chunks of a file.

    :raises AudioError: it is no RIFF file, or its chunks do not fit into it.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] not in _KINDS or head[8:] != b"WAVE":
            raise AudioError(f"{path.name} is not a WAV, RF64 or BW64 file")
        riff_size = struct.unpack("<I", head[4:8])[0]
        long_sizes: dict[bytes, int] = {}
        chunks: list[Chunk] = []
        place = 12
        while place + 8 <= size and len(chunks) < _MOST_CHUNKS:
            file.seek(place)
            chunk_id, length = struct.unpack("<4sI", file.read(8))
            if not _is_id(chunk_id):
                break
            if chunk_id == b"ds64" and head[:4] != b"RIFF":
                riff_size, long_sizes = _read_ds64(path, file.read(min(length, _LARGEST_DS64)))
            if length == _UNKNOWN:
                length = long_sizes.get(chunk_id, length)
            if place + 8 + length > size:
                raise AudioError(
                    f"{path.name} says that its chunk {_shown(chunk_id)} goes on behind its end: "
                    "its header is damaged"
                )
            chunk = Chunk(chunk_id, place + 8, length, _is_padded(file, place + 8 + length, length))
            chunks.append(chunk)
            place = chunk.end
    if not any(chunk.id == b"data" for chunk in chunks):
        raise AudioError(f"{path.name} holds no audio data")
    return Layout(head[:4], riff_size, tuple(chunks), size)


def read_chunk(path: Path, chunk: Chunk) -> bytes:
    """Return a chunk's data, without padding."""
    with path.open("rb") as file:
        file.seek(chunk.start)
        return file.read(chunk.size)


def rewrite(
    path: Path, layout: Layout, out: BinaryIO, changes: Mapping[Chunk | bytes, bytes]
) -> None:
    """Copy a file to ``out`` with other data in some chunks, and with new chunks behind the last.

    :param changes: data by chunk of ``layout``, or by id for a new one.  Everything else, padding
        and what follows the last chunk included, is copied as it is.
    :raises InputError: the file would become larger than its header can say.
    """
    with path.open("rb") as file:
        added = {key: data for key, data in changes.items() if isinstance(key, bytes)}
        grown = sum(8 + len(data) + len(data) % 2 for data in added.values())
        last = layout.chunks[-1]
        unpadded = bool(added) and last not in changes and last.size % 2 == 1 and not last.padded
        grown += unpadded
        for chunk in layout.chunks:
            if chunk in changes:
                data = changes[chunk]
                grown += len(data) + len(data) % 2 - chunk.size - chunk.padded
        riff_size = layout.riff_size + grown
        if layout.kind == b"RIFF" and riff_size >= _UNKNOWN:
            raise InputError(f"{path.name} would grow above 4 GB, which a WAV file cannot hold")
        out.write(_head(file, layout, riff_size))
        for chunk in layout.chunks:
            if chunk in changes:
                out.write(_chunk(chunk.id, changes[chunk]))
                continue
            file.seek(chunk.start - 8)
            if chunk.id == b"ds64" and layout.kind != b"RIFF":
                head = file.read(8)
                body = file.read(chunk.size + chunk.padded)
                out.write(head + struct.pack("<Q", riff_size) + body[8:])
            else:
                copy_bytes(file, out, 8 + chunk.size + chunk.padded)
        if unpadded:
            out.write(b"\0")
        for chunk_id, data in added.items():
            out.write(_chunk(chunk_id, data))
        file.seek(last.end)
        copy_bytes(file, out, layout.file_size - last.end)


def _head(file: BinaryIO, layout: Layout, riff_size: int) -> bytes:
    file.seek(0)
    head = file.read(12)
    if layout.kind == b"RIFF" or head[4:8] != struct.pack("<I", _UNKNOWN):
        return head[:4] + struct.pack("<I", min(riff_size, _UNKNOWN)) + head[8:]
    return head


def _chunk(chunk_id: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", chunk_id, len(data)) + data + b"\0" * (len(data) % 2)


def _read_ds64(path: Path, data: bytes) -> tuple[int, dict[bytes, int]]:
    if len(data) < _DS64_FIXED:
        raise AudioError(f"{path.name} has a damaged ds64 chunk")
    riff_size, data_size, _, entries = struct.unpack("<QQQI", data[:_DS64_FIXED])
    sizes = {b"data": data_size}
    for entry in range(min(entries, (len(data) - _DS64_FIXED) // 12)):
        chunk_id, length = struct.unpack_from("<4sQ", data, _DS64_FIXED + 12 * entry)
        sizes[chunk_id] = length
    return riff_size, sizes


def _is_padded(file: BinaryIO, end: int, size: int) -> bool:
    """Return whether a padding byte follows; some writers forget it."""
    if size % 2 == 0:
        return False
    file.seek(end)
    after = file.read(9)
    if not after:
        return False
    forgot = _is_id(after[:4]) and not _is_id(after[1:5]) and len(after) >= 8 and after[0] != 0
    return not forgot


def _is_id(chunk_id: bytes) -> bool:
    return len(chunk_id) == 4 and all(32 <= byte < 127 for byte in chunk_id)


def _shown(chunk_id: bytes) -> str:
    return chunk_id.decode("ascii", "replace").strip()
