"""Tags forged by hand: ID3 of three versions, tails of MP3, Vorbis comments, items of MP4."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from random import Random

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
WORDS = (
    "door",
    "wood",
    "creak",
    "Tür",
    "größer",
    "きしむ",
    "weiß",
    "naïve",
    "скрип",
    "gate",
    "bell",
)
TEXTS = (
    "A heavy door",
    "Tür, größer",
    "ドアのきしむ音",
    "It’s a door’s creak",
    "скрип двери",
    "emoji 🚪 and\ttab",
    "a & b < c > d \" ' ]]>",
    "long " * 80,
)
CODECS = ("utf-8", "cp1252", "mac_roman", "cp932", "cp1251", "latin-1")
RAW = (
    b"bell\x07 and \x01\x02",
    bytes(range(1, 32)),
    b"\xff\xfe\xfd",
    b" \0 ",
    b"\xc3",
    b"half\xe3\x81",
)


@dataclass
class Forged:
    """A file's bytes, what is odd in them, and pieces that must stay in it."""

    data: bytes
    odd: list[str] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)


def text_bytes(random: Random) -> bytes:
    """Return a text in an encoding of many, or bytes that are none."""
    if random.random() < 0.2:
        return random.choice(RAW)
    return random.choice(TEXTS).encode(random.choice(CODECS), "ignore")


def some(random: Random, things: list, most: int) -> list:
    """Return a few of some things in any order."""
    return random.sample(things, random.randint(0, min(most, len(things))))


def keywords(random: Random) -> str:
    """Return a list of keywords; one of them may be taken back."""
    words = [*random.sample(WORDS, random.randint(1, 4)), *some(random, ["drop me"], 1)]
    return random.choice((", ", "; ", ",")).join(words)


# ID3


def syncsafe(size: int) -> bytes:
    """Return a size of seven bits a byte."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def frame(version: int, name: bytes, data: bytes, flags: bytes = b"\0\0") -> bytes:
    """Return a frame."""
    if version == 2:
        return name + len(data).to_bytes(3, "big") + data
    size = syncsafe(len(data)) if version == 4 else struct.pack(">I", len(data))
    return name + size + flags + data


def coded(version: int, text: str, random: Random) -> tuple[bytes, bytes, str]:
    """Return an encoding's byte, its end of texts, and Python's name of it."""
    choices = [(1, b"\0\0", "utf-16")]
    if version == 4:
        choices += [(2, b"\0\0", "utf-16-be"), (3, b"\0", "utf-8")]
    try:
        text.encode("latin-1")
        choices.append((0, b"\0", "latin-1"))
    except UnicodeEncodeError:
        pass
    number, end, codec = random.choice(choices)
    return bytes([number]), end, codec


def id3(random: Random, odd: list[str], pieces: list[bytes]) -> bytes:
    """Return a tag of any version; its frames that are not ours are put among ``pieces``."""
    version = random.choice((2, 3, 3, 4, 4))
    odd.append(f"ID3v2.{version}")
    old = version == 2
    frames: list[bytes] = []

    def text(name: bytes, said: str, described: str | None = None, language: bytes = b"") -> bytes:
        byte, end, codec = coded(version, said + (described or ""), random)
        data = byte + language
        if described is not None:
            data += described.encode(codec) + end
        return frame(version, name, data + said.encode(codec) + random.choice((b"", end)))

    said = random.choice(TEXTS)
    foreign = [
        text(b"TT2" if old else b"TIT2", "a title"),
        text(b"TP1" if old else b"TPE1", said),
        text(b"TXX" if old else b"TXXX", "kept", "MINE"),
        text(b"COM" if old else b"COMM", "a note", "note", b"deu"),
        text(b"COM" if old else b"COMM", "another", "iTunNORM", b"eng"),
        text(b"ULT" if old else b"USLT", "words", "", b"eng"),
        frame(version, b"UFI" if old else b"UFID", b"http://mine\0" + bytes(range(20))),
        frame(version, b"POP" if old else b"POPM", b"me@home\0\xc0" + b"\0\0\1\2"),
        frame(version, b"GEO" if old else b"GEOB", b"\0a/b\0name\0what\0" + bytes(range(100))),
        frame(version, b"PIC", b"\0PNG\3\0" + PNG)
        if old
        else frame(version, b"APIC", b"\0image/png\0\3\0" + PNG),
        frame(version, b"XYZ" if old else b"XYZZ", b"nobody knows me"),
        frame(version, b"RVA" if old else (b"RVA2" if version == 4 else b"RVAD"), b"x\0\1\2\3\4\5"),
    ]
    if not old:
        chapter = b"one\0" + struct.pack(">IIII", 0, 100, 0xFFFFFFFF, 0xFFFFFFFF)
        foreign += [
            frame(version, b"PRIV", b"owner\0" + bytes(range(256))),
            frame(version, b"CHAP", chapter + frame(version, b"TIT2", b"\0part")),
            frame(version, b"TRCK", b"\x001/2", b"\x40\0"),
        ]
        plain = b"\0compressed text " + bytes(40)
        packed = zlib.compress(plain)
        if version == 3:
            foreign.append(frame(3, b"TPUB", struct.pack(">I", len(plain)) + packed, b"\0\x80"))
        else:
            foreign.append(frame(4, b"TPUB", syncsafe(len(plain)) + packed, b"\0\x09"))
            foreign.append(frame(4, b"TSSE", syncsafe(6) + b"\3sized", b"\0\x01"))
    kept = some(random, foreign, len(foreign))
    frames += kept
    own = [
        text(b"COM" if old else b"COMM", said, "", random.choice((b"eng", b"deu", b"XXX"))),
        text(b"TCO" if old else b"TCON", random.choice(("Horror", "RAIN", "(17)"))),
        text(b"TXX" if old else b"TXXX", keywords(random), "KEYWORDS"),
        text(b"TXX" if old else b"TXXX", said, "FXName"),
        text(b"TXX" if old else b"TXXX", random.choice(("RAINInt", "mine")), "CATID"),
        frame(version, b"COM" if old else b"COMM", b"\0eng\0" + text_bytes(random)),
        frame(version, b"COM" if old else b"COMM", b"\0fra\0"),
    ]
    frames += some(random, own, 4)
    random.shuffle(frames)
    body = b"".join(frames)
    flags = 0
    if version < 4 and random.random() < 0.3:
        flags, body = 0x80, _unsynchronised(body)
        odd.append("unsynchronised")
    else:
        pieces += kept
    if version == 3 and not flags and random.random() < 0.2:
        flags, body = flags | 0x40, struct.pack(">IHI", 6, 0, 0) + body
        odd.append("extended header")
    if version == 4 and random.random() < 0.3:
        choice = random.choice(("extended", "checksum", "footer"))
        odd.append(choice)
        if choice == "extended":
            flags, body = 0x40, syncsafe(6) + b"\1\0" + body
        elif choice == "checksum":
            flags, body = 0x40, syncsafe(12) + b"\1\x20\5" + bytes(5) + body
        else:
            told = bytes([4, 0, 0x10]) + syncsafe(len(body))
            return b"ID3" + told + body + b"3DI" + told
    body += bytes(random.choice((0, 0, 1, 10, 500, 4096)))
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(body)) + body


def _unsynchronised(body: bytes) -> bytes:
    """Return a body in which nothing looks like the beginning of a frame of audio."""
    out = bytearray()
    for byte, following in zip(body, body[1:] + b"\0", strict=False):  # none in an empty one
        out += b"\xff\0" if byte == 0xFF and (following >= 0xE0 or not following) else bytes([byte])
    return bytes(out)


def tails(random: Random, odd: list[str]) -> bytes:
    """Return what writers put behind MP3: APEv2, Lyrics3, ID3v1, in that order."""
    tail = b""
    if random.random() < 0.3:
        odd.append("APEv2")
        item = struct.pack("<II", 6, 0) + b"Comment\0" + b"an ape"
        told = struct.pack("<IIII", 2000, len(item) + 32, 1, 0x80000000) + bytes(8)
        head = struct.pack("<IIII", 2000, len(item) + 32, 1, 0xA0000000) + bytes(8)
        tail += b"APETAGEX" + head + item + b"APETAGEX" + told
    if random.random() < 0.3:
        odd.append("Lyrics3")
        body = b"LYRICSBEGININD0000200LYR00005la la"
        tail += body + f"{len(body):06d}".encode() + b"LYRICS200"
    if random.random() < 0.4:
        odd.append("ID3v1")
        tail += (
            b"TAG" + b"a title".ljust(30, b"\0") + bytes(60) + b"1999" + b"note".ljust(30) + b"\x0c"
        )
    if random.random() < 0.1:
        odd.append("junk behind")
        tail += bytes(random.randrange(256) for _ in range(50))
    return tail


# Vorbis comments


def comments(random: Random, odd: list[str], pieces: list[bytes]) -> bytes:
    """Return a packet of comments."""
    held: list[bytes] = []
    foreign = [
        b"ARTIST=somebody",
        b"artist=somebody else",
        b"ARTIST=somebody",
        b"TITLE=" + text_bytes(random),
        b"no equals sign",
        b"=no name",
        b"EMPTY=",
        b"\xff\xfe=strange name",
        b"COVERART=" + b"QUJD" * 100,
        b"METADATA_BLOCK_PICTURE=" + b"AAAA" * random.choice((20, 3000, 40000)),
        b"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x3",
        b"XMP=<x:xmpmeta/>\0",
    ]
    held += some(random, foreign, 6)
    pieces += held
    own = [
        random.choice((b"DESCRIPTION=", b"description=")) + text_bytes(random),
        b"FXName=" + text_bytes(random),
        b"KEYWORDS=" + keywords(random).encode(),
        b"keywords=" + keywords(random).encode("cp932", "ignore"),
        b"CATID=RAINInt",
        b"Category=mine",
        b"KEYWORDS=drop me",
    ]
    held += some(random, own, 4)
    if random.random() < 0.1:
        odd.append("600 keywords")
        held += [f"KEYWORDS=keyword number {n}".encode() for n in range(600)]
    random.shuffle(held)
    vendor = random.choice((b"", b"mine", b"\xff\xfe vendor", b"v" * 300))
    packet = struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(held))
    odd.append(f"{len(held)} comments")
    return packet + b"".join(struct.pack("<I", len(c)) + c for c in held)


# MP4


def atom(name: bytes, body: bytes) -> bytes:
    """Return an atom."""
    return struct.pack(">I4s", len(body) + 8, name) + body


def value(data: bytes, kind: int = 1) -> bytes:
    """Return an item's data."""
    return atom(b"data", struct.pack(">II", kind, 0) + data)


def named(mean: bytes, name: bytes, *values: bytes) -> bytes:
    """Return an item of a free name."""
    return atom(
        b"----", atom(b"mean", bytes(4) + mean) + atom(b"name", bytes(4) + name) + b"".join(values)
    )


def items(random: Random, odd: list[str], pieces: list[bytes]) -> bytes:
    """Return a list of items."""
    apple = b"com.apple.iTunes"
    foreign = [
        atom(b"\xa9nam", value("ein Titel größer".encode())),
        atom(b"\xa9ART", value(text_bytes(random))),
        atom(b"trkn", value(struct.pack(">HHHH", 0, 1, 2, 0), 0)),
        atom(b"covr", value(PNG, 14) + value(PNG[::-1], 13)),
        atom(b"cpil", value(b"\1", 21)),
        atom(b"XYZ?", value(b"nobody knows me", 0)),
        atom(b"odd ", b"not even a data atom"),
        named(b"mine", b"thing", value(b"\xff\0\1", 0), value(b"two")),
        named(apple, b"iTunSMPB", value(b" 00000000 00000840")),
        named(apple, b"LABEL", value(text_bytes(random))),
    ]
    kept = some(random, foreign, 7)
    pieces += kept
    own = [
        atom(b"\xa9cmt", value(text_bytes(random))),
        atom(b"\xa9gen", value(random.choice((b"Horror", b"RAIN")))),
        atom(b"gnre", value(b"\0\x12", 0)),
        named(apple, b"CATID", value(b"RAINInt")),
        named(apple, b"KEYWORDS", value(keywords(random).encode())),
        named(apple, b"KEYWORDS", value("door, größer".encode("utf-16-be"), 2)),
        named(apple, b"FXNAME", value(text_bytes(random))),
    ]
    held = kept + some(random, own, 3)
    random.shuffle(held)
    odd.append(f"{len(held)} items")
    return b"".join(held)
