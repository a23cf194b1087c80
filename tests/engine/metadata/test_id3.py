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
            part.put(key, {"COMM": "Größe", "POPM": "196"}.get(key, "plain"))
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
    longer = b"\x03" + b"x" * 0x17F
    wrong = b"TIT2" + struct.pack(">I", len(longer)) + b"\0\0" + longer
    assert texts(tag(4, wrong, padding=200)) == [("TIT2", "x" * 0x17F)]


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


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"ID3\x03\0\0\0\0\0\0", 10),
        (b"ID3\x04\0\xef\1\2\3\4more", 10 + (1 << 21) + (2 << 14) + (3 << 7) + 4),
        (b"ID3\x04\0\x10\0\0\0\x7f", 20 + 127),
        (b"ID3\xfe\xff\0\0\0\0\1", 11),
        (b"ID3\xff\0\0\0\0\0\1", 0),
        (b"ID3\x03\0\0\x80\0\0\0", 0),
        (b"ID3\x03\0\0\0\0\0\x80", 0),
        (b"id3\x03\0\0\0\0\0\1", 0),
        (b"ID3\x03\0\0\0\0\0", 0),
        (b"", 0),
    ],
)
def test_how_long_a_tag_is_its_head_says(head, size):
    assert tag_size(head) == size


def texts(data: bytes) -> list[tuple[str, str | None]]:
    return [(key, text.text) for key, text in Id3(data, "a.mp3").texts()]


WIDE = "\ufeffTür".encode("utf-16-le")
BIG = "\ufeffTür".encode("utf-16-be")


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("TIT2", b"\0T\xfcr", [("TIT2", "Tür")]),
        ("TIT2", b"\1" + WIDE, [("TIT2", "Tür")]),
        ("TIT2", b"\1" + BIG + b"\0\0", [("TIT2", "Tür")]),
        ("TIT2", b"\2" + BIG[2:], [("TIT2", "Tür")]),
        ("TIT2", b"\3T\xc3\xbcr\0", [("TIT2", "Tür")]),
        ("TIT2", b"\1" + WIDE + b"\0\0" + WIDE, [("TIT2", "Tür; Tür")]),
        ("TIT2", b"\0one\0\0two\0", [("TIT2", "one; two")]),
        ("TIT2", b"\4x", [("TIT2", None)]),
        ("TIT2", b"\0", []),
        ("TIT2", b"", []),
        ("TIT2", b"\0" + bytes(range(1, 32)), [("TIT2", None)]),
        ("TXXX", b"\0KEY\0a", [("TXXX:KEY", "a")]),
        ("TXXX", b"\1K\0\0\1\0\0" + WIDE, [("TXXX:KĀ", "Tür")]),
        ("TXXX", b"\1K\0", []),
        ("TXXX", b"\3K\xff\0a", [("TXXX:K\ufffd", "a")]),
        ("TXXX", b"\7", [("TXXX", None)]),
        ("WXXX", b"\1K\0\0\0http://a", [("WXXX:K", "http://a")]),
        ("COMM", b"\0eng\0words", [("COMM::eng", "words")]),
        ("COMM", b"\3d\xfcunote\0words", [("COMM:note:d\xfcu", "words")]),
        ("USLT", b"\2eng\0n\0\0\0w", [("USLT:n:eng", "w")]),
        ("TXXX", b"\0KEY", []),
        ("WCOM", b"http://a", []),
        ("PRIV", b"\0x", []),
    ],
)
def test_frames_are_read_by_name(name, data, expected):
    behind = frame("TALB", b"\0A")
    assert texts(tag(3, frame(name, data), behind)) == [*expected, ("TALB", "A")]
    assert texts(tag(4, frame(name, data, 4), behind)) == [*expected, ("TALB", "A")]


@pytest.mark.parametrize(
    ("name", "data", "key"),
    [
        ("TXX", b"\0KEY\0a", "TXXX:KEY"),
        ("COM", b"\0eng\0a", "COMM::eng"),
        ("ULT", b"\0engx\0a", "USLT:x:eng"),
        ("WXX", b"\0x\0a", "WXXX:x"),
        ("TCO", b"\0a", "TCON"),
        ("TT2", b"\0a", "TIT2"),
        ("TT3", b"\0a", "TIT3"),
        ("TAL", b"\0a", "TAL"),
    ],
)
def test_old_frames_are_known_by_their_new_names(name, data, key):
    data = tag(2, frame(name, data, 2))
    assert texts(data) == [(key, "a")]
    part = Id3(data, "a.mp3")
    part.put("TCON", "b")
    assert texts(part.data())[0] == (key, "b" if key == "TCON" else "a")


def test_names_of_old_frames_mean_nothing_in_new_tags():
    assert texts(tag(3, frame("TXX1", b"\0a"))) == [("TXX1", "a")]
    assert texts(tag(4, frame("TT2X", b"\0a"))) == [("TT2X", "a")]


@pytest.mark.parametrize(
    ("flags", "data", "expected"),
    [
        (0x00, b"\3a\xff\0", [("TIT2", "aÿ")]),
        (0x01, b"\0\0\0\2\3a", [("TIT2", "a")]),
        (0x02, b"\1\xff\0\xfea\0", [("TIT2", "a")]),
        (0x03, b"\0\0\0\2\1\xff\0\xfea\0", [("TIT2", "a")]),
        (0x04, b"\3a", [("TIT2", None)]),
        (0x08, b"\3a", [("TIT2", None)]),
        (0x40, b"\3a", [("TIT2", None)]),
        (0x80, b"\3a", [("TIT2", "a")]),
        (0x41, b"\0\0\0\2\3a", [("TIT2", None)]),
    ],
)
def test_flags_of_frames_of_2_4_are_heeded(flags, data, expected):
    whole = tag(4, frame("TIT2", data, 4, bytes([0, flags])), flags=0x80)
    assert texts(whole) == expected


@pytest.mark.parametrize("flag", [0x80, 0x40, 0x20, 0x01])
def test_what_has_flags_in_2_3_is_there_but_not_read(flag):
    assert texts(tag(3, frame("TIT2", b"\0a", flags=bytes([0, flag])))) == [("TIT2", None)]
    assert texts(tag(3, frame("TIT2", b"\0a", flags=bytes([flag, 0])))) == [("TIT2", "a")]


def test_a_frame_that_is_too_long_is_there_but_not_read(monkeypatch):
    monkeypatch.setattr("engine.metadata.id3.LONGEST_BYTES", 10)
    held = tag(3, frame("TIT2", b"\0" + b"x" * 9), frame("TIT3", b"\0" + b"x" * 10))
    assert texts(held) == [("TIT2", "x" * 9), ("TIT3", None)]


SENTENCE = "the ID3 tag of a.mp3 is damaged, and is left as it is: "
UNFIT = "its frames do not fit into it"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (tag(5), "version 2.5 is unknown"),
        (tag(1), "version 2.1 is unknown"),
        (tag(2, flags=0x40), "it is compressed as a whole"),
        (tag(3, b"TIT2\0\0\0\x03\0\0\0a"), UNFIT),
        (tag(3, frame("tit2", b"\0a")), UNFIT),
        (tag(3, frame("TI-2", b"\0a")), UNFIT),
        (tag(3, frame("TIT2", b"\0a"), b"\0\0\0x"), UNFIT),
        (tag(3, frame("TIT2", b"\0a"), b"TALB\0\0\0\0\0"), UNFIT),
        (tag(2, frame("TT2", b"\0a", 2), b"TAL\0\0"), UNFIT),
        (tag(4, b"TIT2\0\0\x02\x03\0\0" + b"x" * 300), UNFIT),
    ],
)
def test_why_a_tag_is_damaged_is_told(data, why):
    part = Id3(data, "a.mp3")
    assert part.is_damaged and texts(data) == [("id3", None)]
    assert next(part.texts())[1].raw == data
    for change in (lambda: part.get("TIT2"), lambda: part.put("TIT2", "a")):
        with pytest.raises(InputError) as told:
            change()
        assert str(told.value) == SENTENCE + why
    with pytest.raises(InputError):
        part.add("TIT2", ["a"])
    assert part.data() == data


def test_what_fits_just_is_not_damaged():
    assert texts(tag(3, frame("TIT2", b"\0a"), frame("TALB", b""))) == [("TIT2", "a")]
    assert texts(tag(2, frame("TT2", b"\0a", 2), frame("TAL", b"", 2))) == [("TIT2", "a")]
    assert texts(tag(3)) == texts(tag(3, padding=9)) == [] == texts(tag(4, padding=30))
    assert texts(tag(2, flags=0x20)) == [] == texts(tag(3, b"\0\0\0\6" + bytes(6), flags=0x40))


EXTENDED = {
    3: lambda flags: struct.pack(">IHI", 6, flags << 8, 0),
    4: lambda flags: sized(6) + bytes([1, flags]),
}


@pytest.mark.parametrize(
    ("version", "flags", "has_checksum"),
    [
        (3, 0, False),
        (3, 0x80, True),
        (3, 0x7F, False),
        (4, 0, False),
        (4, 0x20, True),
        (4, 0xDF, 0),
    ],
)
def test_a_checksum_is_not_falsified_and_other_extensions_stay(version, flags, has_checksum):
    extended, title = EXTENDED[version](flags), frame("TIT2", b"\0a", version)
    data = tag(version, extended, title, flags=0x40, padding=30)
    assert texts(data) == [("TIT2", "a")]
    part = Id3(data, "a.mp3")
    if has_checksum:
        with pytest.raises(InputError) as told:
            part.put("TIT2", "b")
        assert str(told.value) == (
            "the ID3 tag of a.mp3 has a checksum, and is left as it is: save it without one "
            "in the program that wrote it"
        )
        return
    part.put("TIT2", "b")
    title = frame("TIT2", b"\0b" if version == 3 else b"\3b", version)
    assert part.data() == tag(version, extended, title, flags=0x40, padding=30)


def changed(data: bytes | None, key: str, text: str) -> bytes | None:
    part = Id3(data, "a.mp3")
    part.put(key, text)
    return part.data()


@pytest.mark.parametrize(
    ("version", "key", "text", "name", "data"),
    [
        (2, "TCON", "a", "TCO", b"\0a"),
        (3, "TCON", "a\x07", "TCON", b"\0a"),
        (4, "TCON", "a", "TCON", b"\3a"),
        (2, "TCON", "ü", "TCO", b"\1\xff\xfe\xfc\0"),
        (3, "TCON", "ü", "TCON", b"\1\xff\xfe\xfc\0"),
        (4, "TCON", "ü", "TCON", b"\3\xc3\xbc"),
        (3, "COMM", "a", "COMM", b"\0eng\0a"),
        (2, "COMM", "ü", "COM", b"\1eng\xff\xfe\0\0\xff\xfe\xfc\0"),
        (4, "COMM", "ü", "COMM", b"\3eng\0\xc3\xbc"),
        (2, "TXXX:KEY", "a", "TXX", b"\0KEY\0a"),
        (3, "TXXX:K", "ü", "TXXX", b"\1\xff\xfeK\0\0\0\xff\xfe\xfc\0"),
        (3, "TXXX:ü", "a", "TXXX", b"\1\xff\xfe\xfc\0\0\0\xff\xfea\0"),
        (4, "TXXX:KEY", "ü", "TXXX", b"\3KEY\0\xc3\xbc"),
    ],
)
def test_a_new_frame_is_as_its_version_wants_it(version, key, text, name, data):
    other = frame("TAL" if version == 2 else "TALB", b"\0A", version)
    made = changed(tag(version, other, padding=100), key, text)
    new = frame(name, data, version)
    assert made == tag(version, other, new, padding=100 - len(new))
    again = Id3(made, "a.mp3").get(key)
    assert again is not None and again.text == text.strip("\x07")


def test_a_tag_grows_by_padding_and_keeps_its_revision_and_flags():
    new = frame("TCON", b"\0a")
    for padding in (len(new), len(new) - 1):
        before = tag(3, padding=padding, flags=0x20)
        before = before[:4] + b"\7" + before[5:]
        left = 0 if padding == len(new) else 1024
        after = tag(3, new, padding=left, flags=0x20)
        assert changed(before, "TCON", "a") == after[:4] + b"\7" + after[5:]
    assert changed(None, "TCON", "a") == tag(4, frame("TCON", b"\3a", 4), padding=1024)
    assert Id3(None, "a.mp3").data() is None and not Id3(None, "a.mp3").is_damaged
    large = tag(3, frame("TALB", b"\0A"), padding=3 << 20)
    assert changed(large, "TALB", "B") == tag(3, frame("TALB", b"\0B"), padding=3 << 20)


def test_large_frames_say_how_large_they_are():
    text = "x" * 70_000
    for version, code in ((2, b"\0"), (3, b"\0"), (4, b"\3")):
        name = "TCO" if version == 2 else "TCON"
        made = changed(tag(version, padding=90_000), "TCON", text)
        new = frame(name, code + text.encode(), version)
        assert made == tag(version, new, padding=90_000 - len(new))
        assert texts(made) == [("TCON", text)]


@pytest.mark.parametrize("version", [3, 4])
def test_a_tag_with_a_footer_keeps_one_and_has_no_padding(version):
    title = frame("TIT2", b"\0a", version)
    before = tag(version, title, flags=0x10)
    before += b"3DI" + before[3:10]
    made = changed(before, "TCON", "a")
    added = frame("TCON", b"\0a" if version == 3 else b"\3a", version)
    if version == 4:
        after = tag(4, title, added, flags=0x10)
        assert made == after + b"3DI" + after[3:10] and tag_size(made) == len(made)
    else:  # where it is no footer
        assert made[:6] == before[:6] and title + added in made and b"3DI" not in made


def test_a_frame_takes_the_place_of_the_one_that_speaks_or_of_a_blank_one():
    blank, said, other = (frame("TCON", b"\0" + text) for text in (b"", b"old", b"more"))
    foreign, new = frame("PRIV", b"x"), frame("TCON", b"\0new")
    for before, after in (
        ((foreign,), (foreign, new)),
        ((foreign, blank), (foreign, new)),
        ((blank, frame("TCON", b"\0 "), foreign), (new, frame("TCON", b"\0 "), foreign)),
        ((foreign, blank, said, other), (foreign, blank, new, other)),
    ):
        made = changed(tag(3, *before, padding=50), "TCON", "new")
        left = 50 + len(b"".join(before)) - len(b"".join(after))
        assert made == tag(3, *after, padding=left)


def test_descriptions_are_told_apart_without_regard_to_case():
    part = Id3(
        tag(
            3,
            frame("COMM", b"\0engnote\0not it"),
            frame("USLT", b"\0eng\0nor this"),
            frame("COMM", b"\0deu\0words"),
            frame("TXXX", b"\0other\0no"),
            frame("TXXX", b"\0Catid\0yes"),
        ),
        "a.mp3",
    )
    assert part.get("COMM").text == "words"
    assert part.get("COMM:NOTE").text == "not it"
    assert part.get("TXXX:CATID").text == "yes"
    assert part.get("TXXX:KEYWORDS") is None and part.get("TCON") is None


@pytest.mark.parametrize(
    ("held", "words", "after"),
    [
        (b"\0a", ["b", "c"], b"\0a, b, c"),
        (b"\0a; b\0", ["c"], b"\0a; b; c\0"),
        (b"\0T\xfcr", ["wei\xdf"], b"\0T\xfcr, wei\xdf"),
        (b"\0\xc3\x9f", ["音"], b"\0\xc3\x9f, " + "音".encode()),
        (b"\0T\xfcr", ["音"], None),
        (b"\1\xff\xfea\0", ["音"], b"\1\xff\xfea\0" + ", 音".encode("utf-16-le")),
        (b"\1\xff\xfea\0\0\0", ["b"], b"\1\xff\xfea\0,\0 \0b\0\0\0"),
        (b"\1\xfe\xff\0a\0\0", ["b"], b"\1\xfe\xff\0a\0,\0 \0b\0\0"),
        (b"\1a\0", ["b"], b"\1a\0,\0 \0b\0"),
        (b"\1\xff\xfe\0\1", ["b"], b"\1\xff\xfe\0\1,\0 \0b\0"),
        (b"\2\0a", ["音"], b"\2\0a" + ", 音".encode("utf-16-be")),
        (b"\2\0a\0\0", ["b"], b"\2\0a\0,\0 \0b\0\0"),
        (b"\3T\xc3\xbcr\0", ["音"], b"\3T\xc3\xbcr, " + "音".encode() + b"\0"),
        (b"\1abc", ["d"], b"\1abc, d"),  # neither UTF-16 nor what it says
        (b"\1abc\0\0", ["d"], b"\1abc\0, d\0"),
        (b"\3T\xfcr", ["wei\xdf"], b"\3T\xfcr, wei\xdf"),
    ],
)
def test_words_are_added_in_the_encoding_in_which_the_others_are(held, words, after):
    foreign = frame("PRIV", b"x")
    before = tag(3, foreign, frame("TIT3", held), foreign, padding=100)
    part = Id3(before, "a.mp3")
    assert part.add("TIT3", words) == (after is not None)
    if after is None:
        assert part.data() == before
        return
    left = 100 + len(held) - len(after)
    assert part.data() == tag(3, foreign, frame("TIT3", after), foreign, padding=left)


def test_words_go_where_there_were_none_and_are_taken_out():
    part = Id3(tag(3, frame("TIT3", b"\0"), padding=100), "a.mp3")
    assert part.add("TIT3", ["a", "b"]) and part.get("TIT3").text == "a, b"
    part.drop("TIT3", ["A"])
    assert part.data() == tag(3, frame("TIT3", b"\0b"), padding=99)


@pytest.mark.parametrize("version", [2, 3])
def test_what_looks_like_audio_is_parted(version):
    name = "TAL" if version == 2 else "TALB"
    plain = frame("XYZ" if version == 2 else "XYZQ", b"\xff\xff\xe0\xff\xdf\xff\0\xff", version)
    parted = plain.replace(b"\xff\xff\xe0", b"\xff\0\xff\0\xe0").replace(
        b"\xff\0\xff", b"\xff\0\xff"
    )
    parted = parted[: -len(b"\xff\xdf\xff\0\xff")] + b"\xff\xdf\xff\0\0\xff\0"
    old, new = frame(name, b"\0A", version), frame(name, b"\0B", version)
    before = tag(version, old, parted, flags=0x80)
    assert changed(before, name if version == 3 else "TAL", "B") == tag(
        version, new, parted, flags=0x80
    )


def test_what_looks_like_audio_stays_in_other_tags():
    for version, flags in ((3, 0x20), (4, 0x80)):
        odd = frame("PRIV", b"\xff\xe0\xff\0", version)
        before = tag(version, odd, flags=flags, padding=50)
        assert odd in changed(before, "TCON", "a")
