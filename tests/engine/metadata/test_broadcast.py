"""bext and INFO: what is read of them, and what they become, to the byte."""

import struct

import pytest

from engine.metadata.broadcast import Bext, Info, cut_utf8
from engine.metadata.texts import Text


def fields(*parts: bytes) -> bytes:
    return b"INFO" + b"".join(parts)


def part(name: bytes, text: bytes, pad: bytes = b"\0") -> bytes:
    return name + struct.pack("<I", len(text)) + text + (pad if len(text) % 2 else b"")


def test_the_texts_of_bext_have_their_places():
    lengths = {"description": 256, "originator": 32, "originator_ref": 32, "originator_date": 10}
    lengths["originator_time"] = 8
    data = b"".join(bytes([97 + n]) * size for n, size in enumerate(lengths.values()))
    data += b"?" * (602 - len(data)) + b"A=PCM\r\n"
    expected = {f"bext.{n}": chr(97 + k) * s for k, (n, s) in enumerate(lengths.items())}
    expected["bext.coding_history"] = "A=PCM\r\n"
    found = {name: text.raw.decode() for name, text in Bext(data).texts()}
    assert found == expected
    assert Bext(None).get("description") is None and list(Bext(b"").texts()) == []
    assert Bext(b"short").get("description").text == "short"


def test_only_the_description_of_bext_changes():
    old = bytes(range(256)) * 3
    bext = Bext(old)
    bext.put("description", "ü" * 200)
    assert bext.data() == ("ü" * 128).encode() + old[256:]
    short = Bext(b"old")
    short.put("description", "n\x07ew")
    assert short.data() == b"new".ljust(602, b"\0")
    new = Bext(None)
    assert new.data() is None
    new.put("description", "new")
    assert new.data() == b"new".ljust(346, b"\0") + b"\1\0" + bytes(254)


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [("abc", 3, b"abc"), ("abcd", 3, b"abc"), ("aü", 3, "aü".encode()), ("aaü", 3, b"aa")],
)
def test_a_text_is_cut_between_characters(text, count, expected):
    assert cut_utf8(text, count) == expected


def test_fields_of_info_are_read_by_name():
    data = fields(
        part(b"ICMT", b"words\0"),
        part(b"IART", b"me"),
        part(b"XYZW", b"odd"),
        part(b"\xff\xfeAB", b"strange"),
        part(b"ISBJ", b"\0 "),
        part(b"IKEY", bytes(range(1, 32))),
    )
    assert [(name, text.text) for name, text in Info(data).texts()] == [
        ("info.comment", "words"),
        ("info.artist", "me"),
        ("info.XYZW", "odd"),
        ("info.\ufffd\ufffdAB", "strange"),
        ("info.keywords", None),
    ]
    info = Info(data)
    assert info.get("IART") == Text(b"me", "me", "utf-8") and info.get("ISBJ") is None
    assert info.data() == data and Info(None).data() is None and Info(b"INFO").data() == b"INFO"


@pytest.mark.parametrize(
    ("body", "names", "rest"),
    [
        (part(b"ICMT", b"odd") + part(b"IART", b"me"), ["ICMT", "IART"], b""),
        (part(b"ICMT", b"odd", b"\x7f") + part(b"IART", b"me"), ["ICMT", "IART"], b""),
        (part(b"ICMT", b"odd", b"") + part(b"IART", b"me"), ["ICMT", "IART"], b""),
        (part(b"ICMT", b"odd", b"") + part(b"I1RT", b"me"), ["ICMT", "I1RT"], b""),
        (part(b"ICMT", b"odd", b""), ["ICMT"], b""),
        (part(b"ICMT", b"odd", b"") + b"IART", ["ICMT"], b"ART"),
        (part(b"ICMT", b"even") + b"\0\0", ["ICMT"], b"\0\0"),
        (part(b"ICMT", b"even") + b"IART\2\0\0", ["ICMT"], b"IART\2\0\0"),
        (part(b"ICMT", b"even") + part(b"IART", b""), ["ICMT", "IART"], b""),
        (b"ICMT\x63\0\0\0cut", ["ICMT"], b"ICMT\x63\0\0\0cut"),
    ],
)
def test_fields_are_found_with_and_without_padding(body, names, rest):
    info = Info(fields(body))
    info.put("IGNR", "a")
    new = part(b"IGNR", b"a\0")
    made = info.data()
    found = [name for name in ("ICMT", "IART", "I1RT") if info.get(name) is not None]
    silent = ["IART"] if part(b"IART", b"") in body else []
    assert found == [name for name in names if name not in silent]
    whole = body[: len(body) - len(rest)]
    if whole.endswith(b"odd"):
        whole += b"\0"  # which its writer forgot
    assert made == fields(whole, new, rest)


def test_a_field_takes_the_place_of_the_one_that_speaks_or_of_a_blank_one():
    blank, said, other = (part(b"IGNR", text) for text in (b"\0\0", b"old\0", b"more"))
    foreign, new = part(b"IART", b"me"), part(b"IGNR", "nëw\0".encode())
    for before, after in (
        ((foreign,), (foreign, new)),
        ((foreign, blank), (foreign, new)),
        ((blank, blank, foreign), (new, blank, foreign)),
        ((foreign, blank, said, other), (foreign, blank, new, other)),
    ):
        info = Info(fields(*before))
        info.put("IGNR", "nëw\x07")
        assert info.data() == fields(*after)
    empty = Info(None)
    empty.put("IGNR", "nëw")
    assert empty.data() == fields(new)


@pytest.mark.parametrize(
    ("held", "words", "after"),
    [
        (b"a\0", ["b", "c"], b"a, b, c\0"),
        (b"a; b  \0\0", ["c"], b"a; b; c\0"),
        (b"T\xfcr", ["wei\xdf"], b"T\xfcr, wei\xdf\0"),
        (b"T\xfcr", ["音"], None),
        ("ü".encode(), ["音"], "ü, 音\0".encode()),
    ],
)
def test_words_are_added_in_the_encoding_in_which_the_others_are(held, words, after):
    before = fields(part(b"IKEY", held), part(b"IART", b"me"))
    info = Info(before)
    assert info.add("IKEY", words) == (after is not None)
    wanted = held if after is None else after
    assert info.data() == fields(part(b"IKEY", wanted), part(b"IART", b"me"))


def test_words_go_where_there_were_none_and_are_taken_out():
    info = Info(None)
    assert info.add("IKEY", ["a", "b"]) and info.data() == fields(part(b"IKEY", b"a, b\0"))
    info.drop("IKEY", ["A"])
    assert info.data() == fields(part(b"IKEY", b"b\0"))
    latin = Info(fields(part(b"IKEY", b"T\xfcr; a")))
    latin.drop("IKEY", ["a"])
    assert latin.data() == fields(part(b"IKEY", b"T\xfcr\0"))
