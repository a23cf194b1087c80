"""Pages of Ogg, taken apart and put together."""

from __future__ import annotations

import struct

Page = tuple[int, bytes, bytes, bytes, bytes]

_CRC = [0] * 256
for _byte in range(256):
    _rest = _byte << 24
    for _ in range(8):
        _rest = (_rest << 1 ^ (0x04C11DB7 if _rest & 0x80000000 else 0)) & 0xFFFFFFFF
    _CRC[_byte] = _rest


def page_of(
    flags: int, granule: bytes, serial: bytes, number: int, lacing: bytes, body: bytes
) -> bytes:
    """Return a page with its checksum."""
    page = b"OggS\0" + bytes([flags]) + granule + serial + struct.pack("<I", number) + bytes(4)
    page += bytes([len(lacing)]) + lacing + body
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return page[:22] + struct.pack("<I", crc) + page[26:]


def pages_of(data: bytes) -> list[Page]:
    """Return (flags, granule, serial, lacing, body) of pages."""
    found, place = [], 0
    while data[place : place + 4] == b"OggS":
        lacing = data[place + 27 : place + 27 + data[place + 26]]
        begin = place + 27 + len(lacing)
        body = data[begin : begin + sum(lacing)]
        found.append(
            (
                data[place + 5],
                data[place + 6 : place + 14],
                data[place + 14 : place + 18],
                lacing,
                body,
            )
        )
        place = begin + len(body)
    return found


def steady(data: bytes) -> bytes:
    """Return Ogg whose streams have numbers in order; encoders choose them at random."""
    numbers: dict[bytes, int] = {}
    counts: dict[bytes, int] = {}
    out = b""
    for flags, granule, serial, lacing, body in pages_of(data):
        own = struct.pack("<I", numbers.setdefault(serial, len(numbers) + 1))
        out += page_of(flags, granule, own, counts.get(serial, 0), lacing, body)
        counts[serial] = counts.get(serial, 0) + 1
    return out
