"""Cue points, their labels, and the loops of samplers in WAV files.

Source: the Multimedia Programming Interface of 1991 (cue, adtl), its later smpl chunk.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from engine.metadata.riff import Layout, read_chunk
from engine.metadata.texts import LONGEST_BYTES, Text, read_text

_MOST_LABELS = 1000
_LOOPS_PLACE = 28


def cue_texts(path: Path, layout: Layout) -> Iterator[tuple[str, Text | str | None]]:
    """Yield the labels and notes of cue points as ``cue.N``, and how many loops there are."""
    for chunk in layout.chunks:
        if chunk.size > LONGEST_BYTES:
            continue
        if chunk.id == b"LIST":
            data = read_chunk(path, chunk)
            if data[:4] == b"adtl":
                yield from _labels(data[4:])
        elif chunk.id == b"smpl":
            data = read_chunk(path, chunk)
            loops = int.from_bytes(data[_LOOPS_PLACE : _LOOPS_PLACE + 4], "little")
            if loops and len(data) >= 36:
                yield "smpl.loops", str(loops)


def _labels(body: bytes) -> Iterator[tuple[str, Text]]:
    place = 0
    for _ in range(_MOST_LABELS):
        if place + 8 > len(body):
            return
        kind, size = struct.unpack_from("<4sI", body, place)
        held = body[place + 8 : place + 8 + size]
        if kind in (b"labl", b"note") and len(held) > 4:
            text = read_text(held[4:])
            if text is not None:
                yield f"cue.{int.from_bytes(held[:4], 'little')}", text
        place += 8 + size + size % 2
