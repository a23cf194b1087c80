"""Broadcast Wave files, written whole: what is said of the sound stands before it.

Sources: EBU Tech 3285 (BWF), EBU Tech 3306 (RF64), Microsoft's WAVEFORMATEXTENSIBLE.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from engine.audio.facts import Frames
from engine.handover.forms import FLOAT
from engine.handover.samples import Quantiser, little_endian

_PCM, _IEEE_FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID = bytes.fromhex("000000001000800000aa00389b71")  # of a format, behind its number
_DS64_BYTES = 28
_UNSAID = 0xFFFFFFFF


@dataclass(frozen=True)
class Wave:
    """What a file is, and the chunks that stand before its samples; 32 bits are floating point.

    ``mask`` says at which speakers the channels belong, 0 at none.
    """

    rate_hz: int
    channels: int
    bits: int
    frames: int
    mask: int = 0
    chunks: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def data_bytes(self) -> int:
        """Return how many bytes the samples take."""
        return self.frames * self.channels * self.bits // 8

    @property
    def size(self) -> int:
        """Return how many bytes the file has."""
        return len(_head(self)) + self.data_bytes + self.data_bytes % 2


def write_wave(out: BinaryIO, wave: Wave, blocks: Iterator[Frames], dither: bool) -> None:
    """Write a file; above 4 GB it is RF64.

    :raises OSError: it cannot be written.
    """
    out.write(_head(wave))
    if wave.bits == FLOAT:
        for block in blocks:
            out.write(np.ascontiguousarray(block, "<f4").tobytes())
    else:
        quantise = Quantiser(wave.bits, dither)
        for block in blocks:
            out.write(little_endian(quantise(block), wave.bits))
    out.write(b"\0" * (wave.data_bytes % 2))


def _head(wave: Wave) -> bytes:
    """Return everything that stands before the samples."""
    told = b"".join(_chunk(chunk_id, data) for chunk_id, data in _first_to_last(wave))
    behind = 4 + len(told) + 8 + wave.data_bytes + wave.data_bytes % 2
    if behind < _UNSAID:
        riff = struct.pack("<4sI4s", b"RIFF", behind, b"WAVE")
        return riff + told + struct.pack("<4sI", b"data", wave.data_bytes)
    behind += 8 + _DS64_BYTES
    sizes = struct.pack("<QQQI", behind, wave.data_bytes, wave.frames, 0)
    riff = struct.pack("<4sI4s", b"RF64", _UNSAID, b"WAVE") + _chunk(b"ds64", sizes)
    return riff + told + struct.pack("<4sI", b"data", _UNSAID)


def _first_to_last(wave: Wave) -> Iterator[tuple[bytes, bytes]]:
    yield from (chunk for chunk in wave.chunks if chunk[0] == b"bext")
    yield b"fmt ", _format(wave)
    if wave.bits == FLOAT:
        yield b"fact", struct.pack("<I", min(wave.frames, _UNSAID))
    yield from (chunk for chunk in wave.chunks if chunk[0] != b"bext")


def _format(wave: Wave) -> bytes:
    tag = _IEEE_FLOAT if wave.bits == FLOAT else _PCM
    align = wave.channels * wave.bits // 8
    numbers = (wave.channels, wave.rate_hz, wave.rate_hz * align, align, wave.bits)
    if wave.channels <= 2:
        return struct.pack("<HHIIHH", tag, *numbers) + (b"\0\0" if tag == _IEEE_FLOAT else b"")
    more = struct.pack("<HHIH", 22, wave.bits, wave.mask, tag) + _GUID
    return struct.pack("<HHIIHH", _EXTENSIBLE, *numbers) + more


def _chunk(chunk_id: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", chunk_id, len(data)) + data + b"\0" * (len(data) % 2)
