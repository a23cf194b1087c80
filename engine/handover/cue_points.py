"""Cue points of a WAV file with their names, moved to where they are in a copy.

Source: the Multimedia Programming Interface of 1991 (cue, adtl).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from engine.errors import AudioError
from engine.handover.frames import Cut
from engine.handover.order import Rendering
from engine.metadata.formats import kind_of
from engine.metadata.riff import find_chunks, read_chunk
from engine.metadata.texts import LONGEST_BYTES

_POINT = struct.Struct("<II4sIII")  # id, place, chunk, its start, its block, sample
_MOST_POINTS = 10_000
_MOST = 0xFFFFFFFF  # samples that a chunk can count


def cue_chunks(path: Path, cut: Cut, rendering: Rendering) -> list[tuple[bytes, bytes]]:
    """Return the chunks that tell the cue points of a copy; none where it has none."""
    points, texts = _read(path)
    moved = {}
    for number, sample in points.items():
        place = place_of(sample, cut, rendering)
        if place is not None:
            moved[number] = place
    if not moved:
        return []
    ordered = sorted(moved.items(), key=lambda point: point[1])
    body = b"".join(_POINT.pack(n, place, b"data", 0, 0, place) for n, place in ordered)
    chunks = [(b"cue ", struct.pack("<I", len(moved)) + body)]
    told = b"".join(_text(*text, cut, rendering) for text in texts if text[1] in moved)
    return [*chunks, (b"LIST", b"adtl" + told)] if told else chunks


def place_of(sample: int, cut: Cut, rendering: Rendering) -> int | None:
    """Return the frame of a copy at which a frame of its source is heard, None if it is not."""
    if not cut.first <= sample < cut.last:
        return None
    since = cut.last - 1 - sample if rendering.reverse else sample - cut.first
    place = min(cut.frames - 1, round(since * _share(cut, rendering)))
    return place if place <= _MOST else None


def _share(cut: Cut, rendering: Rendering) -> float:
    return cut.rate_hz / cut.source_hz / rendering.speed


def _read(path: Path) -> tuple[dict[int, int], list[tuple[bytes, int, bytes]]]:
    """Return points (sample by id), and their texts: kind, id, what follows the id."""
    points: dict[int, int] = {}
    texts: list[tuple[bytes, int, bytes]] = []
    try:
        if kind_of(path) != "wav":
            return points, texts
        for chunk in find_chunks(path).chunks:
            if chunk.size > LONGEST_BYTES or chunk.id not in (b"cue ", b"LIST"):
                continue
            data = read_chunk(path, chunk)
            if chunk.id == b"cue ":
                whole = len(data) - (len(data) - 4) % _POINT.size
                for number, _, _, _, _, sample in _POINT.iter_unpack(data[4:whole]):
                    if len(points) < _MOST_POINTS:
                        points[number] = sample
            elif data[:4] == b"adtl":
                texts += _texts(data[4:])
    except (AudioError, OSError):  # a damaged header has nothing to give
        return {}, []
    return points, texts


def _texts(body: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    place = 0
    while place + 12 <= len(body):
        kind, size, number = struct.unpack_from("<4sII", body, place)
        if size >= 4 and place + 8 + size <= len(body):
            yield kind, number, body[place + 12 : place + 8 + size]
        place += 8 + size + size % 2


def _text(kind: bytes, number: int, rest: bytes, cut: Cut, rendering: Rendering) -> bytes:
    if kind == b"ltxt" and len(rest) >= 4:  # how long the region is
        length = round(int.from_bytes(rest[:4], "little") * _share(cut, rendering))
        rest = struct.pack("<I", min(length, cut.frames)) + rest[4:]
    data = struct.pack("<I", number) + rest
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
