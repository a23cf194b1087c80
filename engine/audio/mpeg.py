"""What an MP3 file says of its own length: the tags of Xing, LAME and Fraunhofer.

Source: G. Bouvigne, "MP3 Info Tag" rev 1; Fraunhofer's VBRI header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_LOOKED_AT = 256  # bytes of the first frame
_SLACK = 0.98  # of the bytes that a tag says; tags behind the sound may be counted or not


@dataclass(frozen=True)
class LengthTag:
    """That a file says its length; ``is_whole`` tells whether its bytes are there."""

    is_whole: bool


def read_length_tag(path: Path) -> LengthTag | None:
    """Return what the first frame says, or None if it says nothing.

    :raises OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = _after_id3(file.read(10))
        file.seek(start)
        frame = file.read(_LOOKED_AT)
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        return None
    for name in (b"Xing", b"Info"):
        at = frame.find(name)
        if at > 0 and len(frame) >= at + 16:
            flags = struct.unpack(">I", frame[at + 4 : at + 8])[0]
            if not flags & 1:
                return None
            said = struct.unpack(">I", frame[at + 12 : at + 16])[0] if flags & 2 else 0
            return LengthTag(size - start >= said * _SLACK)
    at = frame.find(b"VBRI")
    if at > 0 and len(frame) >= at + 18:
        said = struct.unpack(">I", frame[at + 10 : at + 14])[0]
        return LengthTag(size - start >= said * _SLACK)
    return None


def is_mpeg_or_tagged(head: bytes) -> bool:
    """Return whether a file begins as an MP3 file does: with ID3, or with a frame."""
    return head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)


def _after_id3(head: bytes) -> int:
    """Return where the sound begins behind an ID3v2 tag."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if head[5] & 0x10 else 0)
