"""MP3, FLAC, Ogg and MP4 files, put together by hand."""

from __future__ import annotations

import struct
from random import Random

from benchmarks.writing.encoded import Encoded
from benchmarks.writing.forged_tags import (
    PNG,
    Forged,
    atom,
    comments,
    id3,
    items,
    some,
    tails,
)
from benchmarks.writing.ogg_pages import Page, page_of, pages_of
from benchmarks.writing.walkers import atoms, id3_size


def forge_mp3(made: Encoded, random: Random) -> Forged:
    """Return MPEG audio with or without a tag before it, and others behind it."""
    forged = Forged(made.data[id3_size(made.data) :])
    tail = tails(random, forged.odd)
    if random.random() < 0.8:
        tag = id3(random, forged.odd, forged.pieces)
        if random.random() < 0.05:
            forged.odd.append("two tags")
            tag += id3(random, [], [])
        forged.data = tag + forged.data
    elif random.random() < 0.3:
        forged.odd.append("zeros before the audio")
        forged.data = bytes(300) + forged.data
    forged.data += tail
    forged.pieces.append(tail)
    return forged


def forge_flac(made: Encoded, random: Random) -> Forged:
    """Return FLAC with other blocks before its audio."""
    forged = Forged(b"")
    place, last, first, data = 4, False, b"", made.data
    while not last:
        size = int.from_bytes(data[place + 1 : place + 4], "big")
        last = bool(data[place] & 0x80)
        first = first or data[place + 4 : place + 4 + size]
        place += 4 + size
    picture = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">I", 0) + bytes(16)
    picture += struct.pack(">I", len(PNG)) + PNG
    track = struct.pack(">QB", 0, 170) + bytes(12) + bytes(14) + b"\0"
    cue = b"".ljust(128, b"\0") + struct.pack(">QB", 88200, 0) + bytes(258) + b"\1" + track
    choices = [
        (2, b"mine" + bytes(range(40))),
        (2, b"riff" + b"RIFF"),
        (3, struct.pack(">QQH", 0, 0, 4096) + b"\xff" * 8 + bytes(10)),
        (5, cue),
        (6, picture),
        (6, picture[:-1] + b"x"),
        (0x20, b"of the future"),
        (1, bytes(random.choice((0, 10, 300, 8192)))),
        (1, bytes(20)),
        (4, comments(random, forged.odd, forged.pieces)),
    ]
    if random.random() < 0.7:
        choices.remove(choices[3])  # nobody writes what it holds here
    blocks = [(0, first), *some(random, choices, len(choices))]
    forged.odd.append("blocks " + " ".join(str(kind) for kind, _ in blocks))
    out = b"fLaC"
    for number, (kind, held) in enumerate(blocks):
        out += bytes([kind | (0x80 if number == len(blocks) - 1 else 0)])
        out += len(held).to_bytes(3, "big") + held
    if random.random() < 0.15:
        forged.odd.append("ID3 before")
        tag = id3(random, forged.odd, [])
        out, forged.pieces = tag + out, [*forged.pieces, tag]
    forged.data = out + data[place:]
    if not any(kind == 4 for kind, _ in blocks):
        forged.pieces.clear()
    return forged


def forge_ogg(made: Encoded, random: Random) -> Forged:
    """Return Ogg with other comments, in pages of any size, alone or with other streams."""
    forged = Forged(b"")
    pages = pages_of(made.data)
    serial = pages[0][2]
    wanted = 3 if pages[0][4].startswith(b"\x01vorbis") else 2
    if pages[0][4].startswith(b"\x7fFLAC"):
        wanted = 1 + struct.unpack(">H", pages[0][4][7:9])[0]
    packets, packet, used, others = [], b"", 0, []
    while len(packets) < wanted:
        _, _, own, lacing, body = pages[used]
        if own != serial:
            others.append(pages[used])
            used += 1
            continue
        place = 0
        for length in lacing:
            packet, place = packet + body[place : place + length], place + length
            if length < 255:
                packets.append(packet)
                packet = b""
        used += 1
    packet = comments(random, forged.odd, forged.pieces)
    old = packets[1]
    if old.startswith(b"OpusTags"):
        packets[1] = b"OpusTags" + packet + random.choice((b"", b"\1its own", bytes(200)))
    elif old.startswith(b"\x03vorbis"):
        packets[1] = b"\x03vorbis" + packet + b"\1" + random.choice((b"", bytes(300)))
    else:
        packets[1] = old[:1] + len(packet).to_bytes(3, "big") + packet
    out = [(0x02, bytes(8), serial, *_laced(packets[0]))]
    out += [other for other in others if other[0] & 2]
    most = random.choice((255, 255, 4, 20))
    apart = random.random() < 0.4
    for group in (packets[1:2], packets[2:]) if apart else (packets[1:],):
        out += _paged(group, serial, most)
    forged.odd.append(f"pages of {most} segments")
    out += [other for other in others if not other[0] & 2] + pages[used:]
    more = random.random()
    if more < 0.1:
        forged.odd.append("multiplexed")
        strange = b"\x99\x99\x99\x99"
        begin = (0x02, bytes(8), strange, *_laced(b"fishead\0" + bytes(56)))
        end = (0x04, bytes(8), strange, b"\0", b"")
        out = [out[0], begin, *out[1:3], end, *out[3:]]
    elif more < 0.2:
        forged.odd.append("chained")
        out += [(f, g, b"next" if s == serial else s, lace, body) for f, g, s, lace, body in pages]
    numbers: dict[bytes, int] = {}
    for flags, granule, own, lacing, body in out:
        number = numbers.get(own, 0)
        numbers[own] = number + 1
        forged.data += page_of(flags, granule, own, number, lacing, body)
    forged.pieces = []  # pages part them; the walkers put packets together
    return forged


def _laced(packet: bytes) -> tuple[bytes, bytes]:
    return b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]), packet


def _paged(packets: list[bytes], serial: bytes, most: int) -> list[Page]:
    """Return packets in pages of some segments."""
    segments = [
        (packet[place : place + 255], place == 0)
        for packet in packets
        for place in range(0, len(packet) // 255 * 255 + 1, 255)
    ]
    found = []
    for start in range(0, len(segments), most):
        held = segments[start : start + most]
        lacing = bytes(len(piece) for piece, _ in held)
        flags = 0 if held[0][1] else 1
        ends = min(lacing) < 255
        granule = bytes(8) if ends else b"\xff" * 8
        found.append((flags, granule, serial, lacing, b"".join(piece for piece, _ in held)))
    return found


def forge_mp4(made: Encoded, random: Random) -> Forged:
    """Return MP4 with another list of items, free atoms and foreign ones."""
    forged = Forged(made.data)
    top = atoms(made.data)
    place = next(n for n, (name, *_) in enumerate(top) if name == b"moov")
    _, start, begin, end = top[place]
    body = made.data[begin:end]
    for name, at, _, stop in atoms(body):
        if name == b"udta":
            body = body[:at] + body[stop:]
            break
    handler = atom(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    held = items(random, forged.odd, forged.pieces)
    children = [handler, atom(b"ilst", held), atom(b"free", bytes(random.choice((0, 8, 1000))))]
    choice = random.choice(("full", "full", "no list", "QuickTime", "foreign udta", "none"))
    forged.odd.append(choice)
    chapters = atom(b"chpl", b"\1\0\0\0\0\0\0\0\1" + bytes(8) + b"\4part")
    quick = atom(b"\xa9swr", struct.pack(">HH", 4, 0x55C4) + b"mine") + atom(b"Xtra", b"windows")
    udta = {
        "full": atom(b"meta", bytes(4) + b"".join(children)),
        "no list": atom(b"meta", bytes(4) + handler),
        "QuickTime": atom(b"meta", b"".join(children)),
        "foreign udta": chapters + quick + atom(b"meta", bytes(4) + b"".join(children[:2])),
        "none": b"",
    }[choice]
    if choice in ("no list", "none"):
        forged.pieces.clear()
    if choice == "foreign udta":
        forged.pieces += [chapters, quick]
    if choice != "none":
        body += atom(b"udta", udta) if random.random() < 0.8 else atom(b"udta", udta + bytes(4))
    moov = atom(b"moov", body)
    room = b""
    if random.random() < 0.3 and top[place + 1 :] and top[place + 1][0] not in (b"free", b"skip"):
        room = atom(random.choice((b"free", b"skip")), bytes(random.choice((0, 7, 2000))))
        forged.odd.append("room behind")
    grown = len(moov) + len(room) - (end - start)
    if any(name == b"moof" for name, *_ in top):
        grown = 0 if made.data[start:end] == moov else grown
    behind = [name for name, *_ in top[place + 1 :]]
    if b"mdat" in behind and b"moof" not in behind:
        moov = _shifted(moov, end, grown)
    forged.data = made.data[:start] + moov + room + made.data[end:]
    if random.random() < 0.2:
        foreign = atom(b"uuid", bytes(range(16)) + b"what nobody knows")
        forged.pieces.append(foreign)
        forged.data += foreign
        forged.odd.append("uuid")
    if random.random() < 0.05:
        forged.data += random.choice((bytes(4), bytes(20), b"\xff" * 11))
        forged.odd.append("junk behind")
    return forged


def _shifted(moov: bytes, behind: int, by: int) -> bytes:
    """Return a moov atom whose chunks lie farther behind."""
    out = bytearray(moov)
    place = moov.find(b"stco")
    while place >= 0:
        count = struct.unpack_from(">I", moov, place + 8)[0]
        for entry in range(count):
            offset = struct.unpack_from(">I", moov, place + 12 + 4 * entry)[0]
            if offset >= behind:
                struct.pack_into(">I", out, place + 12 + 4 * entry, offset + by)
        place = moov.find(b"stco", place + 4)
    return bytes(out)
