"""WAV, RF64, BW64 and AIFF files, put together by hand."""

from __future__ import annotations

import struct
from random import Random

from benchmarks.writing.encoded import AIFF, LONG, Encoded
from benchmarks.writing.forged_tags import Forged, id3, keywords, some, text_bytes
from benchmarks.writing.walkers import chunks_of

Chunk = tuple[bytes, bytes]
_LARGE = 5 << 20


def chunk(name: bytes, data: bytes, order: str = "<", pad: bytes = b"\0") -> bytes:
    """Return a chunk."""
    return struct.pack(f"{order}4sI", name, len(data)) + data + pad * (len(data) % 2)


def forge_chunks(made: Encoded, random: Random) -> Forged:
    """Return a file of chunks with others around the audio, and something wrong with it, maybe."""
    forged = Forged(b"")
    order = ">" if made.family == AIFF else "<"
    chunks, _ = chunks_of(made.data, order, 12)
    audio = next(n for n, (name, *_) in enumerate(chunks) if name in (b"data", b"SSND"))
    new = _aiff_chunks(random, forged) if order == ">" else _wav_chunks(random, forged)
    before = [*[c[:2] for c in chunks[:audio]]]
    behind = [c[:2] for c in chunks[audio + 1 :]]
    for one in new:
        (before if random.random() < 0.4 else behind).append(one)
    if random.random() < 0.02:
        forged.odd.append("a chunk of 5 MB")
        behind.insert(0, (b"junk", bytes(_LARGE + 1)))
    forged.data = _joined(made, random, forged, order, before, chunks[audio][:2], behind)
    return forged


def _joined(
    made: Encoded,
    random: Random,
    forged: Forged,
    order: str,
    before: list[Chunk],
    audio: Chunk,
    behind: list[Chunk],
) -> bytes:
    wrong = random.choice((*[""] * 14, *_WRONG))
    if wrong:
        forged.odd.append(wrong)
    pad = b"\x7f" if wrong == "odd padding" else b"" if wrong == "no padding" else b"\0"
    head, name = made.data[:12], audio[0]
    is_long = made.family == LONG
    if is_long and random.random() < 0.4:
        head = b"BW64" + head[4:]
        forged.odd.append("BW64")
    size = len(audio[1])
    if wrong in ("data of size 0", "data of unknown size"):
        behind = []
        size = 0 if wrong == "data of size 0" else 0xFFFFFFFF
    told = 0xFFFFFFFF if is_long and random.random() < 0.5 else size
    body = b"".join(chunk(i, d, order, pad) for i, d in before)
    body += struct.pack(f"{order}4sI", name, told) + audio[1]
    body += b"\0" * (len(audio[1]) % 2 if behind or wrong != "no padding" else 0)
    body += b"".join(chunk(i, d, order, pad) for i, d in behind)
    if is_long:
        place = body.find(b"ds64") + 8
        sizes = struct.pack("<QQ", len(body) + 4, len(audio[1]))
        body = body[:place] + sizes + body[place + 16 :]
    stated = {"RIFF size 0": 0, "RIFF size unknown": 0xFFFFFFFF, "RIFF size wrong": len(body) - 7}
    whole = stated.get(wrong, 0xFFFFFFFF if is_long else len(body) + 4)
    data = head[:4] + struct.pack(f"{order}I", whole) + head[8:12] + body
    if wrong == "junk behind":
        data += random.choice((b"\0\0\0", b"\xff" * 7, b"TAG" + bytes(125), bytes(1000)))
    elif wrong == "cut in the audio":
        data = data[: data.find(name) + 8 + len(audio[1]) // 2]
    elif wrong == "last chunk cut":
        data = data[:-5]
    return data


_WRONG = (
    *("odd padding", "no padding", "data of size 0", "data of unknown size", "RIFF size 0"),
    *("RIFF size unknown", "RIFF size wrong", "junk behind", "junk behind", "cut in the audio"),
    "last chunk cut",
)


def _wav_chunks(random: Random, forged: Forged) -> list[Chunk]:
    points = struct.pack("<I", 1) + struct.pack("<II4sIII", 1, 10, b"data", 0, 0, 10)
    label = chunk(b"labl", struct.pack("<I", 1) + b"mark\0")
    foreign: list[Chunk] = [
        (b"JUNK", bytes(random.choice((0, 1, 27, 28, 500)))),
        (b"cue ", points),
        (b"smpl", struct.pack("<9I", 0, 0, 20833, 60, 0, 0, 0, 1, 0) + bytes(24)),
        (b"LIST", b"adtl" + label),
        (b"LIST", b"mine" + text_bytes(random)),
        (b"acid", struct.pack("<IHHfIHHf", 1, 60, 0x8000, 0.0, 4, 4, 4, 120.0)),
        (b"axml", b"<ebuCoreMain/>" + b" " * random.randint(0, 3)),
        (b"_PMX", b"<?xpacket begin=''?><x:xmpmeta/>"),
        (b"MINE", bytes(random.randrange(256) for _ in range(random.randint(0, 61)))),
        (b"fact", struct.pack("<I", 4800)),
        (b"PEAK", struct.pack("<IIfI", 1, 0, 0.5, 7)),
        (b"    ", b"blank name"),
        (b"umid", b""),
        (b"id3 ", id3(random, [], [])),
        (b"ID3 ", b"ID3\x09\0\0\0\0\0\0no tag at all"),
        (b"bext", text_bytes(random)),
    ]
    chunks = some(random, foreign[:-1], 6)
    forged.pieces += [chunk(name, data)[:-1] for name, data in chunks if len(data) > 8]
    own: list[Chunk] = []
    if random.random() < 0.5:
        own.append((b"bext", _bext(random, forged)))
    if random.random() < 0.5:
        own.append((b"LIST", _info(random, forged)))
    if random.random() < 0.5:
        own.append((b"iXML", _ixml(random, forged)))
    if random.random() < 0.08:
        forged.odd.append("two of a kind")
        own += random.sample(own, 1) if own else [foreign[-1]] * 2
    if random.random() < 0.01:
        forged.odd.append("iXML of 9 MB")
        own = [(b"iXML", b"<BWFXML/>" + b" " * (9 << 20))]
    return [*chunks, *own]


def _bext(random: Random, forged: Forged) -> bytes:
    forged.odd.append("bext")
    description = b"" if random.random() < 0.3 else text_bytes(random)[:256]
    rest = bytes(random.randrange(256) for _ in range(90)) + b"\1\0" + bytes(range(254))
    data = description.ljust(256, b"\0") + rest
    history = random.choice(
        (b"", b"A=PCM,F=48000\r\n", b"A=PCM\r\n" * 400, "Größe".encode("cp1252"))
    )
    return random.choice((data + history, data + history, data[:300], description or b"x"))


def _info(random: Random, forged: Forged) -> bytes:
    forged.odd.append("INFO")
    ids = [b"ISFT", b"IART", b"INAM", b"ICRD", b"isft", b"IXXX", b"ITRK", b"icmt"]
    fields = [(name, text_bytes(random) + b"\0") for name in some(random, ids, 5)]
    own = [
        (b"ICMT", text_bytes(random) + random.choice((b"", b"\0", b"\0\0"))),
        (b"IGNR", random.choice((b"Horror\0", b"RAIN\0", b"RAIN", text_bytes(random)))),
        (b"IKEY", keywords(random).encode(random.choice(("utf-8", "cp1252", "cp932")), "ignore")),
        (b"ICMT", b"a second comment"),
    ]
    fields += some(random, own, 3)
    random.shuffle(fields)
    pad = b"" if random.random() < 0.15 else b"\0"
    data = b"INFO" + b"".join(chunk(name, text, pad=pad) for name, text in fields)
    if pad == b"":
        forged.odd.append("INFO not padded")
    return data + random.choice((b"", b"", b"\0", b"\0\0\0", b"odd"))


def _ixml(random: Random, forged: Forged) -> bytes:
    description, words = random.choice(("", "mine &amp; yours", "größer")), keywords(random)
    own = [
        f"<DESCRIPTION>{description}</DESCRIPTION>",
        f"<KEYWORDS>{words}</KEYWORDS>",
        "<FXNAME>My Name</FXNAME>",
        "<CATID>RAINInt</CATID>",
        "<CATEGORY/>",
        "<OWN a='1>2'>kept</OWN>",
        "<FXNAME><![CDATA[in <CDATA>]]></FXNAME>",
    ]
    user = "".join(some(random, own, 4))
    groups = [
        random.choice((f"<USER>{user}</USER>", "<USER/>", "<USER />", "<USER>\n</USER>")),
        random.choice(("<ASWG><catId>RAINInt</catId></ASWG>", "<ASWG/>", "<ASWG><x>y</x></ASWG>")),
        "<SCENE>12</SCENE>",
        "<!-- a comment -->",
        "<TRACK_LIST><TRACK_COUNT>1</TRACK_COUNT><TRACK><NAME>Boom</NAME></TRACK></TRACK_LIST>",
        "<NOTE><![CDATA[a < b]]></NOTE>",
        "<STEINBERG><ATTR_LIST><ATTR><NAME>MediaType</NAME></ATTR></ATTR_LIST></STEINBERG>",
    ]
    body = f"<BWFXML><IXML_VERSION>1.61</IXML_VERSION>{''.join(some(random, groups, 5))}</BWFXML>"
    kind = random.choice(
        (
            "UTF-8",
            "UTF-8",
            "bare",
            "UTF-16",
            "BOM",
            "DOCTYPE",
            "entities",
            "malformed",
            "ISO-8859-1",
        )
    )
    forged.odd.append(f"iXML {kind}")
    head = f'<?xml version="1.0" encoding="{kind}"?>\n'
    forms = {
        "UTF-8": (head + body).encode(),
        "bare": body.encode(),
        "UTF-16": (head + body).encode("utf-16"),
        "BOM": b"\xef\xbb\xbf" + body.encode(),
        "DOCTYPE": b"<!DOCTYPE BWFXML>\n" + body.encode(),
        "entities": b'<!DOCTYPE BWFXML [<!ENTITY e "x">]>' + body.encode(),
        "malformed": body.replace("</BWFXML>", "").encode(),
        "ISO-8859-1": (head + body).encode("latin-1", "xmlcharrefreplace"),
    }
    return forms[kind] + bytes(random.choice((0, 0, 1, 2, 100)))


def _aiff_chunks(random: Random, forged: Forged) -> list[Chunk]:
    mark = struct.pack(">HHI", 1, 1, 10) + b"\5begin"
    comment = struct.pack(">HIHH", 1, 0, 0, 6) + b"a note"
    foreign: list[Chunk] = [
        (b"NAME", text_bytes(random)),
        (b"AUTH", text_bytes(random)),
        (b"ANNO", text_bytes(random)),
        (b"ANNO", b"a second one"),
        (b"COMT", comment),
        (b"MARK", mark),
        (b"INST", struct.pack(">6bh6H", 60, 0, 0, 127, 1, 127, 0, 0, 0, 0, 0, 0, 0)),
        (b"APPL", b"stocmine" + bytes(random.randint(0, 9))),
        (b"(c) ", b"1999 me"),
        (b"XYZZ", bytes(random.randrange(256) for _ in range(31))),
        (b"bext", b"not only in WAV"),
    ]
    chunks = some(random, foreign, 6)
    forged.pieces += [chunk(name, data, ">")[:-1] for name, data in chunks if len(data) > 8]
    if random.random() < 0.6:
        tag = id3(random, forged.odd, forged.pieces)
        chunks.append((random.choice((b"ID3 ", b"id3 ")), tag))
    return chunks
