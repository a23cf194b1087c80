"""Chunks, frames, comments and atoms of files, walked apart from the engine.

What is damaged is walked as far as it goes: the same file gives the same answer, before and after.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

OURS = ("DESCRIPTION", "CATID", "CATEGORY", "SUBCATEGORY", "FXNAME", "KEYWORDS")
_ITUNES = b"com.apple.iTunes"
_AUDIO = (b"data", b"SSND")


@dataclass
class Anatomy:
    """What a file is made of: ``foreign`` must stay in order, ``own`` holds the fields we write.

    ``audio`` are bytes that decoders read; ``own`` are values by place and name, such as
    ``("INFO", "ICMT")``, as bytes.
    """

    kind: str
    foreign: list[object] = field(default_factory=list)
    audio: list[object] = field(default_factory=list)
    own: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    size_stated: int | None = None  # of the whole, less the size that it has


def anatomy(data: bytes) -> Anatomy:
    """Return what a file is made of, by its first bytes."""
    if data[:4] in (b"RIFF", b"RF64", b"BW64", b"FORM") and len(data) >= 12:
        return _chunks(data)
    if data[4:8] == b"ftyp":
        return _mp4(data)
    if data[:4] == b"OggS":
        return _ogg(data)
    tag = id3_size(data)
    if data[tag : tag + 4] == b"fLaC":
        return _flac(data, tag)
    found = Anatomy("mpeg", audio=[data[tag:]])
    _id3(data[:tag], found)
    return found


def _is_id(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _is_head(data: bytes, place: int, order: str) -> bool:
    """Return whether a chunk that fits begins at a place."""
    if place + 8 > len(data) or not _is_id(data[place : place + 4]):
        return False
    size = struct.unpack_from(f"{order}I", data, place + 4)[0]
    return size <= len(data) - place - 8 or size == 0xFFFFFFFF


def chunks_of(data: bytes, order: str, start: int) -> tuple[list[tuple[bytes, bytes, bytes]], int]:
    """Return (id, data, padding) of chunks, and where they end."""
    found, place, long_data = [], start, None
    while place + 8 <= len(data) and _is_id(data[place : place + 4]):
        name, size = struct.unpack_from(f"{order}4sI", data, place)
        begin = place + 8
        if name == b"ds64":
            long_data = struct.unpack_from("<Q", data[begin:].ljust(28, b"\0"), 8)[0]
        if size == 0xFFFFFFFF and name == b"data" and long_data is not None:
            size = long_data
        after = data[begin : begin + 8]
        chunk_follows = _is_id(after[:4]) and (
            struct.unpack(f"{order}I", after[4:8].ljust(4, b"\xff"))[0] <= len(data) - begin - 8
        )
        if name in _AUDIO and (size == 0xFFFFFFFF or (size == 0 and not chunk_follows)):
            size = len(data) - begin
        end = min(len(data), begin + size)
        padding = b""
        if size % 2 and end < len(data):
            padding = data[end : end + 1]
            if _is_head(data, end, order) and not _is_head(data, end + 1, order):
                padding = b""  # some writers forget it
        found.append((name, data[begin:end], padding))
        place = end + len(padding)
    return found, place


def _chunks(data: bytes) -> Anatomy:
    order = ">" if data[:4] == b"FORM" else "<"
    found = Anatomy("aiff" if order == ">" else "wav", foreign=[data[:4], data[8:12]])
    chunks, end = chunks_of(data, order, 12)
    stated = struct.unpack_from(f"{order}I", data, 4)[0]
    if stated not in (0, 0xFFFFFFFF):
        found.size_stated = stated - len(data)
    taken: set[str] = set()
    for name, body, padding in chunks:
        if name == b"ds64":
            found.size_stated = struct.unpack("<Q", body[:8].ljust(8, b"\0"))[0] - len(data)
            found.foreign.append((name, body[8:]))
        elif name in _AUDIO:
            found.audio.append(body)
            found.foreign.append((name, padding.strip(b"\0")))
        elif order == ">" and name in (b"ID3 ", b"id3 ") and "id3" not in taken:
            taken.add("id3")
            found.foreign.append(name)
            _id3(body, found)
        elif order == "<" and name == b"bext" and "bext" not in taken:
            taken.add("bext")
            found.own["bext", "DESCRIPTION"] = [body[:256].rstrip(b"\0")]
            found.foreign.append((name, body[256:].ljust(346, b"\0")))
        elif order == "<" and name == b"iXML" and "iXML" not in taken:
            taken.add("iXML")
            found.own["iXML", ""] = [body]
        elif order == "<" and name == b"LIST" and body[:4] == b"INFO" and "INFO" not in taken:
            taken.add("INFO")
            _info(body, found)
        else:
            found.foreign.append((name, body, padding.strip(b"\0")))  # a missing one may come
    found.foreign.append(("behind", data[end:]))
    return found


def _info(body: bytes, found: Anatomy) -> None:
    """Take fields apart as they lie, padded or not."""
    place = 4
    while place + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, place)
        value = body[place + 8 : place + 8 + size]
        place += 8 + size
        behind = body[place : place + 5]
        unpadded = len(behind) == 5 and behind[:1] != b"\0" and _is_upper(behind[:4])
        if size % 2 and place < len(body) and not unpadded:
            place += 1
        if name in (b"ICMT", b"IGNR", b"IKEY"):
            found.own.setdefault(("INFO", name.decode()), []).append(value)
        else:
            found.foreign.append(("INFO", name, value))
    found.foreign.append(("INFO", body[place:]))


def _is_upper(name: bytes) -> bool:
    return name.isalnum() and name.isupper()


def _syncsafe(data: bytes) -> int:
    size = 0
    for byte in data:
        size = size << 7 | byte & 0x7F
    return size


def id3_size(data: bytes) -> int:
    """Return how long the ID3 tag is that some bytes begin with."""
    if data[:3] != b"ID3" or len(data) < 10 or max(data[6:10]) >= 0x80 or data[3] == 0xFF:
        return 0
    return 10 + _syncsafe(data[6:10]) + (10 if data[5] & 0x10 else 0)


def _id3(tag: bytes, found: Anatomy) -> None:
    """Take a tag apart: version and flags, foreign frames as they lie, and ours."""
    if len(tag) < 10:
        found.foreign.append(("tag", tag))
        return
    version, flags = tag[3], tag[5]
    found.own["ID3", "version"] = [tag[3:6]]
    body = tag[10 : 10 + _syncsafe(tag[6:10])]
    if version < 4 and flags & 0x80:
        body = body.replace(b"\xff\0", b"\xff")
    place = 0
    if version > 2 and flags & 0x40 and len(body) >= 4:
        place = _syncsafe(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4], "big")
        found.foreign.append(("extended", body[:place]))
    width, letters = (6, 3) if version == 2 else (10, 4)
    while place + width <= len(body) and body[place]:
        name, told = body[place : place + letters], body[place + letters : place + 2 * letters]
        size = _syncsafe(told) if version == 4 else int.from_bytes(told, "big")
        plain = int.from_bytes(told, "big")
        behind = body[place + width + size : place + width + size + letters]
        if version == 4 and plain != size and behind.strip(b"\0") and not _is_upper(behind):
            size = plain
        frame = body[place : place + width + size]
        key = _frame_key(name, frame[width:])
        if key is not None and _is_blank(key, frame[width:]):
            pass  # it gives way
        elif key is not None and (version == 2 or not frame[9]):
            found.own.setdefault(("ID3", key), []).append(frame[width:])
        else:
            found.foreign.append(("frame", frame))
        place += width + size


def text_of(key: str, data: bytes) -> bytes:
    """Return what a frame of ours says, without encoding, language and description."""
    size = 2 if data[:1] in (b"\1", b"\2") else 1
    data = data[4:] if key == "DESCRIPTION" else data[1:]
    place = 0
    while place + size <= len(data) and data[place : place + size].strip(b"\0"):
        place += size
    return data if key == "GENRE" else data[place + size :]


def _is_blank(key: str, data: bytes) -> bool:
    said = text_of(key, data).replace(b"\xff\xfe", b"").replace(b"\xfe\xff", b"")
    return not said.strip(b"\0 \t\r\n")


def _frame_key(name: bytes, data: bytes) -> str | None:
    """Return which of our fields a frame holds."""
    if name in (b"TCON", b"TCO"):
        return "GENRE"
    if not data:
        return None
    wide = data[0] in (1, 2)
    if name in (b"COMM", b"COM"):
        described = _until_end(data[4:], wide)
        return "DESCRIPTION" if not described.strip("\0\ufeff") else None
    if name in (b"TXXX", b"TXX"):
        described = _until_end(data[1:], wide).strip("\ufeff").upper()
        return described if described in OURS[1:] else None
    return None


def _until_end(data: bytes, wide: bool) -> str:
    if not wide:
        return data.partition(b"\0")[0].decode("utf-8", "replace")
    for place in range(0, len(data) - 1, 2):
        if data[place : place + 2] == b"\0\0":
            data = data[:place]
            break
    order = "utf-16-be" if not data.startswith(b"\xff\xfe") else "utf-16-le"
    return data.decode(order, "replace").lstrip("\ufeff")


def comments_of(packet: bytes, found: Anatomy) -> None:
    """Take a packet of Vorbis comments apart: vendor, comments, and what follows."""
    try:
        size = struct.unpack_from("<I", packet)[0]
        place, comments = 8 + size, []
        for _ in range(struct.unpack_from("<I", packet, 4 + size)[0]):
            length = struct.unpack_from("<I", packet, place)[0]
            comments.append(packet[place + 4 : place + 4 + length])
            place += 4 + length
    except struct.error:
        found.foreign.append(("comments", packet))
        return
    found.foreign.append(("vendor", packet[4 : 4 + size]))
    for comment in comments:
        name, equals, value = comment.partition(b"=")
        key = name.decode("ascii", "replace").upper()
        if equals and key in OURS:
            found.own.setdefault(("comments", key), []).append(value)
        else:
            found.foreign.append(("comment", comment))
    found.foreign.append(("behind", packet[place:]))


def _flac(data: bytes, begin: int) -> Anatomy:
    found = Anatomy("flac", foreign=[("tag", data[:begin])])
    place, last, taken = begin + 4, False, False
    while not last and place + 4 <= len(data):
        kind, size = data[place] & 0x7F, int.from_bytes(data[place + 1 : place + 4], "big")
        last = bool(data[place] & 0x80)
        body = data[place + 4 : place + 4 + size]
        if kind == 4 and not taken:
            taken = True
            comments_of(body, found)
        elif kind != 1:
            found.foreign.append(("block", kind, body))
        place += 4 + size
    found.audio.append(data[place:])
    return found


def _ogg(data: bytes) -> Anatomy:
    """Take pages apart: the packets before the audio, the audio's pages, and other streams."""
    found, place, first = Anatomy("ogg"), 0, None
    packet, packets, numbers = b"", [], dict[bytes, list[int]]()
    while data[place : place + 4] == b"OggS" and place + 27 <= len(data):
        flags, granule, serial = (
            data[place + 5],
            data[place + 6 : place + 14],
            data[place + 14 : place + 18],
        )
        number = struct.unpack_from("<I", data, place + 18)[0]
        lacing = data[place + 27 : place + 27 + data[place + 26]]
        begin = place + 27 + len(lacing)
        body = data[begin : begin + sum(lacing)]
        first = serial if first is None else first
        numbers.setdefault(serial, []).append(number)
        wanted = 3 if packets and packets[0].startswith(b"\x01vorbis") else 2
        if serial == first and len(packets) < wanted:
            at = 0
            for length in lacing:
                packet += body[at : at + length]
                at += length
                if length < 255:
                    packets.append(packet)
                    packet = b""
        else:
            found.audio.append((serial, flags, granule, lacing, body))
        place = begin + len(body)
    found.foreign.append(("behind", data[place:]))
    for number, held in enumerate(packets):
        if number != 1:
            found.foreign.append(("packet", held))
        else:
            skip = {b"O": 8, b"\x03": 7}.get(held[:1], 4)
            found.foreign.append(("mark", held[:skip] if skip != 4 else held[:1]))
            comments_of(held[skip:], found)
    for serial, told in numbers.items():
        found.foreign.append(
            ("pages in order", serial, told == list(range(told[0], told[0] + len(told))))
        )
    return found


def atoms(data: bytes) -> list[tuple[bytes, int, int, int]]:
    """Return (name, start, start of the body, end) of atoms."""
    found, place = [], 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1 and place + 16 <= len(data):
            size, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        size = len(data) - place if size == 0 else size
        if size < head:
            break
        found.append((name, place, place + head, min(len(data), place + size)))
        place += size
    return found


_NESTED = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def _mp4(data: bytes) -> Anatomy:
    found = Anatomy("mp4")
    _boxes(data, data, (), found)
    return found


def _boxes(file: bytes, data: bytes, within: tuple[bytes, ...], found: Anatomy) -> None:
    for name, _, begin, end in atoms(data):
        body = data[begin:end]
        path = (*within, name)
        if name in (b"free", b"skip"):
            continue  # room, which gives way
        if name == b"mdat":
            found.audio.append(body)
        elif name in _NESTED or path == (b"moov", b"udta"):
            if path != (b"moov", b"udta"):
                found.foreign.append(path)
            _boxes(file, body, path, found)
        elif path == (b"moov", b"udta", b"meta"):
            _boxes(file, body[0 if body[4:8] == b"hdlr" else 4 :], path, found)
        elif path == (b"moov", b"udta", b"meta", b"ilst"):
            _items(body, found)
        elif path == (b"moov", b"udta", b"meta", b"hdlr"):
            continue  # a new one stands before a new list
        elif name in (b"stco", b"co64") and within[-1:] == (b"stbl",):
            width, kind = (4, "I") if name == b"stco" else (8, "Q")
            count = min(struct.unpack_from(">I", body.ljust(8, b"\0"), 4)[0], len(body) // width)
            told = struct.unpack_from(f">{count}{kind}", body.ljust(8 + count * width, b"\0"), 8)
            found.audio.append([file[offset : offset + 64] for offset in told])
        else:
            found.foreign.append((path, body))


def _data_of(item: bytes) -> list[bytes]:
    return [item[begin:end] for name, _, begin, end in atoms(item) if name == b"data"]


def _items(body: bytes, found: Anatomy) -> None:
    for name, start, begin, end in atoms(body):
        parts = {n: body[begin:end][b + 4 : e] for n, _, b, e in atoms(body[begin:end])}
        item = body[start:end]
        key = None
        if name == b"----" and parts.get(b"mean") == _ITUNES:
            key = parts.get(b"name", b"").decode("utf-8", "replace")
        elif name in (b"\xa9cmt", b"\xa9gen", b"gnre"):
            key = "DESCRIPTION" if name == b"\xa9cmt" else "GENRE"
        if key in (*OURS, "GENRE"):
            values = [data[8:] for data in _data_of(body[begin:end])]
            found.own.setdefault(("items", str(key)), []).append(b"".join(values))
        else:
            found.foreign.append(("item", item))
