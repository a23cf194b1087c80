"""The places that a file itself marks: cue points and loops of WAV, markers of AIFF, chapters.

Sources: the Multimedia Programming Interface of 1991 (cue, adtl with labl and ltxt), its later smpl
chunk; Apple's Audio Interchange File Format of 1989 (MARK).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import AudioError
from engine.metadata.chapters import read_chapters
from engine.metadata.cues import cue_texts
from engine.metadata.formats import kind_of
from engine.metadata.riff import Layout, find_chunks, read_chunk
from engine.metadata.texts import LONGEST_BYTES, Text, read_text, shown

_MOST = 1000  # markers that are read
_CUE, _LOOP = 24, 24  # bytes of one
_LOOPS_PLACE = 36


@dataclass(frozen=True, order=True)
class Marker:
    """A place in seconds with its name, perhaps empty; ``end_s`` where it marks a part."""

    start_s: float
    name: str = ""
    end_s: float | None = None


def read_markers(path: Path) -> tuple[Marker, ...]:
    """Return what a file marks, in the order of time; nothing of other files or damaged chunks."""
    try:
        if kind_of(path) not in ("wav", "aiff"):
            return tuple(Marker(*chapter) for chapter in read_chapters(path))
        layout = find_chunks(path)
        rate_hz = _rate_hz(path, layout)
        if not rate_hz:
            return ()
        found = _aiff(path, layout) if layout.kind == b"FORM" else _wav(path, layout)
        marked = [(start / rate_hz, name, end and end / rate_hz) for start, name, end in found]
    except (AudioError, OSError, ValueError, struct.error):
        return ()
    return tuple(sorted({Marker(*one) for one in marked}, key=lambda m: (m.start_s, m.name)))


Found = Iterator[tuple[int, str, int | None]]  # frames


def _wav(path: Path, layout: Layout) -> Found:
    labels = {
        int(name.removeprefix("cue.")): shown(_said(text))
        for name, text in reversed(list(cue_texts(path, layout)))  # the first of a number holds
        if name.startswith("cue.")
    }
    lengths: dict[int, int] = {}
    cues: dict[int, int] = {}
    for chunk in layout.chunks:
        if chunk.size > LONGEST_BYTES or chunk.id not in (b"cue ", b"LIST", b"smpl"):
            continue
        data = read_chunk(path, chunk)
        if chunk.id == b"cue ":
            cues |= dict(_cues(data))
        elif chunk.id == b"LIST" and data[:4] == b"adtl":
            lengths |= dict(_lengths(data[4:]))
        elif chunk.id == b"smpl":
            yield from _loops(data)
    for number, place in cues.items():
        length = lengths.get(number, 0)
        yield place, labels.get(number, ""), place + length if length else None


def _said(text: Text | str | None) -> str:
    return (text.text if isinstance(text, Text) else text) or ""


def _cues(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield numbers and places; a place is counted from the beginning of the audio data."""
    for at in range(4, min(len(data), 4 + _MOST * _CUE) - _CUE + 1, _CUE):
        number, position, kind = struct.unpack_from("<II4s", data, at)
        (offset,) = struct.unpack_from("<I", data, at + 20)
        yield number, offset if kind == b"data" else position


def _lengths(body: bytes) -> Iterator[tuple[int, int]]:
    place = 0
    for _ in range(_MOST):
        if place + 8 > len(body):
            return
        kind, size = struct.unpack_from("<4sI", body, place)
        if kind == b"ltxt" and size >= 8 and place + 16 <= len(body):
            number, length = struct.unpack_from("<II", body, place + 8)
            yield number, length
        place += 8 + size + size % 2


def _loops(data: bytes) -> Found:
    for at in range(_LOOPS_PLACE, min(len(data), _LOOPS_PLACE + _MOST * _LOOP) - _LOOP + 1, _LOOP):
        first, last = struct.unpack_from("<II", data, at + 8)
        if first < last:
            yield first, "loop", last + 1


def _aiff(path: Path, layout: Layout) -> Found:
    chunk = layout.first(b"MARK")
    if chunk is None or chunk.size > LONGEST_BYTES:
        return
    data = read_chunk(path, chunk)
    (count,) = struct.unpack_from(">H", data)
    place = 2
    for _ in range(min(count, _MOST)):
        if place + 7 > len(data):
            return
        (frame,) = struct.unpack_from(">I", data, place + 2)
        size = data[place + 6]
        name = read_text(data[place + 7 : place + 7 + size], "mac_roman")
        yield frame, shown(_said(name)), None
        place += 7 + size + (size + 1) % 2  # a Pascal string is as long as an even number


def _rate_hz(path: Path, layout: Layout) -> float:
    if layout.kind == b"FORM":
        chunk = layout.first(b"COMM")
        data = read_chunk(path, chunk) if chunk is not None else b""
        return _extended(data[8:18]) if len(data) >= 18 else 0.0
    chunk = layout.first(b"fmt ")
    data = read_chunk(path, chunk) if chunk is not None else b""
    return float(struct.unpack_from("<I", data, 4)[0]) if len(data) >= 8 else 0.0


def _extended(data: bytes) -> float:
    """Return a number of 80 bits, as IEEE 754 has them."""
    exponent, mantissa = struct.unpack(">HQ", data)
    rate = math.ldexp(mantissa, (exponent & 0x7FFF) - 16446) if mantissa else 0.0
    return rate if 1 <= rate < 1e9 else 0.0
