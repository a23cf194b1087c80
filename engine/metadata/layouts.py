"""Which loudspeakers, or which order of ambisonics, the channels of a file are for, if it says so.

Sources: Microsoft's WAVEFORMATEXTENSIBLE (masks of speakers); R. Dobson's AMB files (ambisonics in
WAV); what FFmpeg makes of the other formats.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import av
import av.error

from engine.errors import AudioError
from engine.metadata.formats import kind_of
from engine.metadata.riff import find_chunks, read_chunk

_EXTENSIBLE = (0xFFFE).to_bytes(2, "little")
_AMBISONIC = bytes.fromhex("2107d3118644c8c1ca000000")  # behind the first four bytes of the id
_MASK, _KIND, _LEAST = 20, 24, 40  # places in `fmt `, and its length
_TOPS = 0x2D000  # four above: front and back, left and right
_MASKS = {
    **{0x7: "3.0", 0x33: "quad", 0x603: "quad", 0x107: "4.0", 0x37: "5.0", 0x607: "5.0"},
    **{0x3F: "5.1", 0x60F: "5.1", 0x13F: "6.1", 0x70F: "6.1", 0x63F: "7.1", 0xFF: "7.1 wide"},
    **{0x3F | _TOPS: "5.1.4", 0x60F | _TOPS: "5.1.4", 0x63F | _TOPS: "7.1.4"},
}
_BY_FFMPEG = re.compile(r"(\d\.\d(?:\.\d)?|quad|ambisonic \d+)(?:\((\w+)\))?(?:\+.*)?")


def read_layout(path: Path) -> str:
    """Return ``5.1``, ``7.1.4``, ``quad`` or ``ambisonic 1``; empty where it is not said.

    Of one channel or two nothing is said, and nothing of files that cannot be read.
    """
    try:
        return _of_wav(path) if kind_of(path) == "wav" else _by_ffmpeg(path)
    except (AudioError, OSError, ValueError, av.error.FFmpegError):
        return ""


def _of_wav(path: Path) -> str:
    chunk = find_chunks(path).first(b"fmt ")
    data = read_chunk(path, chunk) if chunk is not None and chunk.size < 1 << 16 else b""
    if len(data) < _LEAST or data[:2] != _EXTENSIBLE:
        return ""
    channels = int.from_bytes(data[2:4], "little")
    if data[_KIND + 4 : _KIND + 16] == _AMBISONIC:
        return _ambisonic(channels)
    mask = int.from_bytes(data[_MASK : _MASK + 4], "little")
    return _MASKS.get(mask, "") if mask.bit_count() == channels else ""


def _ambisonic(channels: int) -> str:
    """Return the order of so many channels; some hold fewer of the vertical ones."""
    order = math.isqrt(channels) - 1
    return f"ambisonic {order}" if (order + 1) ** 2 == channels and order else "ambisonic"


def _by_ffmpeg(path: Path) -> str:
    with av.open(str(path), metadata_errors="replace") as container:
        streams = container.streams.audio
        if not streams or streams[0].codec_context.channels < 3:
            return ""
        said = _BY_FFMPEG.fullmatch(str(streams[0].layout.name))
    if said is None:
        return ""
    return f"{said[1]} wide" if said[2] == "wide" else said[1]
