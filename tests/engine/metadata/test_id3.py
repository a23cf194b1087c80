"""ID3 tags keep their version and every frame that is not ours."""

import io
import struct

import pytest
from mutagen import id3
from mutagen.id3 import COMM, GEOB, ID3, TCON, TIT2, TXXX

from engine.errors import InputError
from engine.metadata.id3 import Id3, tag_size


def sized(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def tag(version: int, *frames: bytes, flags: int = 0, padding: int = 0) -> bytes:
    body = b"".join(frames) + bytes(padding)
    return b"ID3" + bytes([version, 0, flags]) + sized(len(body)) + body


def frame(name: str, data: bytes, version: int = 3, flags: bytes = b"\0\0") -> bytes:
    if version == 2:
        return name.encode() + len(data).to_bytes(3, "big") + data
    size = struct.pack(">I", len(data)) if version == 3 else sized(len(data))
    return name.encode() + size + flags + data


def by_mutagen(data: bytes) -> ID3:
    return ID3(io.BytesIO(data), translate=False)


def filled(data: bytes | None) -> bytes:
    part = Id3(data, "a.mp3")
    for _, key in part.slots:
        if key != "TXXX:KEYWORDS" and part.get(key) is None:
            part.put(key, "Größe" if key == "COMM" else "plain")
    part.add("TXXX:KEYWORDS", ["ドア", "wood"])
    return part.data()


FOREIGN = {
    2: (frame("ZZZ", b"\x01\x02\xff", 2), frame("TAL", b"\0Album", 2)),
    3: (
        frame("XYZQ", b"\x01\x02\xff\xe0\0"),
        frame("TALB", b"\0packed", flags=b"\0\x80"),
        frame("PRIV", b"owner\0" + bytes(range(256))),
    ),
    4: (
        frame("XYZQ", b"\x01\x02\xff", 4),
        frame("TALB", b"\0\0\0\x05\x03Album", 4, b"\0\x01"),
        frame("GEOB", b"\0mime\0name\0\0data", 4, b"\x40\0"),
    ),
}


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("padding", [0, 2000])
def test_the_version_and_foreign_frames_stay(version, padding):
    before = tag(version, *FOREIGN[version], padding=padding)
    after = filled(before)
    assert after[3] == version
    for foreign in FOREIGN[version]:
        assert foreign in after
    assert tag_size(after) == len(after)
    assert (len(after) == len(before)) == (padding > 0)  # padding gives way
    read = by_mutagen(after)
    held = {key: str(value) for key, value in read.items()}
    names = ("TXXX:KEYWORDS", "COMM::eng", "TCON")  # mutagen gives old frames new names
    assert [held[name] for name in names] == ["ドア, wood", "Größe", "plain"]
    again = dict(Id3(after, "a.mp3").texts())
    assert again["TXXX:KEYWORDS"].text == "ドア, wood"


def test_a_new_tag_is_read_by_others():
    read = by_mutagen(filled(None))
    assert read.version[:2] == (2, 4) and str(read["TXXX:CATID"]) == "plain"


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("encoding", [0, 1, 3])
def test_keywords_are_added_in_the_encoding_that_is_there(version, encoding):
    made = ID3()
    made.add(TXXX(encoding=encoding, desc="KEYWORDS", text=["Tür; b"]))
    made.add(TIT2(encoding=encoding, text=["Titel"]))
    file = io.BytesIO(bytes(100))
    made.save(file, v2_version=version, padding=lambda info: 0)
    data = file.getvalue()
    data = data[: tag_size(data)]
    part = Id3(data, "a.mp3")
    assert part.add("TXXX:KEYWORDS", ["größer"])
    can = part.add("TXXX:KEYWORDS", ["ドア"])
    assert can == (by_mutagen(data)["TXXX:KEYWORDS"].encoding != 0)
    read = by_mutagen(part.data())
    assert str(read["TXXX:KEYWORDS"]) == "Tür; b; größer" + ("; ドア" if can else "")
    assert str(read["TIT2"]) == "Titel"


def test_unsynchronised_tags_stay_so():
    picture = frame("APIC", b"\0image/jpeg\0\x03\0\xff\xe0\xff\0\xff")
    plain = b"".join((picture, frame("TIT2", b"\x01\xff\xfeT\0")))
    changed = plain.replace(b"\xff\0", b"\xff\0\0").replace(b"\xff\xe0", b"\xff\0\xe0")
    changed = changed.replace(b"\xff\xfe", b"\xff\0\xfe")
    before = tag(3, changed, flags=0x80)
    after = filled(before)
    assert after[5] == 0x80 and b"\xff\xe0" not in after[10:]
    read = by_mutagen(after)
    assert read["APIC:"].data == b"\xff\xe0\xff\0\xff" and str(read["TIT2"]) == "T"


def test_a_writer_that_forgot_that_sizes_of_2_4_are_syncsafe_is_understood():
    long = b"\x03" + b"x" * 200
    wrong = b"TIT2" + struct.pack(">I", len(long)) + b"\0\0" + long
    part = Id3(tag(4, wrong, frame("TALB", b"\x03A", 4)), "a.mp3")
    assert {key: len(text.text) for key, text in part.texts()} == {"TIT2": 200, "TALB": 1}


@pytest.mark.parametrize(
    "data",
    [
        tag(5, frame("TIT2", b"\0x")),
        tag(3, b"TIT2" + struct.pack(">I", 1 << 20) + b"\0\0\0x"),
        tag(3, b"\x01\x02\x03"),
        tag(3, struct.pack(">IHI", 10, 0x8000, 0) + b"\1\2\3\4", frame("TIT2", b"\0x"), flags=0x40),
    ],
    ids=["version", "size", "junk", "checksum"],
)
def test_what_is_damaged_or_has_a_checksum_is_refused_and_stays(data):
    part = Id3(data, "a.mp3")
    with pytest.raises(InputError, match=r"ID3 tag of a\.mp3"):
        part.put("TCON", "x")
    with pytest.raises(InputError, match=r"ID3 tag of a\.mp3"):
        part.get("TCON")
    assert part.data() == data


def test_compressed_texts_count_as_there_and_other_comments_do_not():
    part = Id3(
        tag(
            3,
            frame("TXXX", b"\0KEYWORDS\0x", flags=b"\0\x80"),
            frame("COMM", b"\0engiTunNORM\0 0000"),
            frame("TCON", b"\0", flags=b"\0\x40"),
        ),
        "a.mp3",
    )
    assert part.get("COMM") is None  # what a program calls a comment, and gives a name
    assert part.get("TCON").text is None


def test_mutagen_agrees_on_what_is_read():
    made = ID3()
    made.add(TIT2(encoding=3, text=["One", "Two"]))
    made.add(COMM(encoding=1, lang="deu", desc="note", text=["Flasche"]))
    made.add(TCON(encoding=0, text=["Doors"]))
    made.add(GEOB(encoding=0, mime="x", filename="", desc="", data=b"\0\1"))
    file = io.BytesIO(bytes(100))
    made.save(file)
    data = file.getvalue()
    found = {key: text.text for key, text in Id3(data[: tag_size(data)], "a").texts()}
    assert found == {"TIT2": "One; Two", "COMM:note:deu": "Flasche", "TCON": "Doors"}
    assert id3.ID3(io.BytesIO(data)).getall("GEOB")
