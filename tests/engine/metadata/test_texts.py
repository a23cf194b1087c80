"""Texts are decoded by what the container says, then by what they look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.metadata.texts import clean, joined, read_text, shown, without, words_of


@pytest.mark.parametrize(
    ("said", "encoding"),
    [
        ("It’s a door’s creak", "cp1252"),
        ("Café au lait – schön", "cp1252"),
        ("naïve", "cp1252"),
        ("Tür", "cp1252"),
        ("ÜBER DIE BRÜCKE", "cp1252"),
        ("Café schön", "mac_roman"),
        ("don’t slam", "mac_roman"),
        ("Tür", "mac_roman"),
        ("100°C “hot”", "mac_roman"),
        ("ドアのきしむ音", "cp932"),
        ("雨の音 rain", "cp932"),
        ("дверь скрипит", "cp1251"),
        ("soft\u00adhyphen", "utf-8"),
        ("joi\u200dner", "utf-8"),
        ("ドア", "utf-8"),
    ],
)
def test_older_encodings_are_read(said, encoding):
    found = read_text(said.encode(encoding))
    assert found is not None and found.text == said
    assert found.raw == said.encode(encoding)


def test_what_the_container_says_comes_first():
    assert read_text("дверь".encode("cp1251"), "cp1251").text == "дверь"
    assert read_text("Tür".encode("utf-16"), "utf-16").text == "Tür"
    assert read_text(b"don\x92t", "latin-1").text == "don’t"  # which has no such character


@pytest.mark.parametrize("raw", [b"", b"\0\0\0", b"  \0\r\n"])
def test_blank_is_absent(raw):
    assert read_text(raw) is None


@pytest.mark.parametrize("raw", [bytes(range(1, 32)) * 3, b"\xff\xfe\x00\x01\x02\x03\x90\x81"])
def test_binary_is_there_but_cannot_be_read(raw):
    found = read_text(raw)
    assert found is not None and found.text is None and found.raw == raw


def test_a_control_character_does_not_hide_a_text():
    found = read_text(b"door\x01creak and more\x1b[31m")
    assert shown(found.text) == "door creak and more [31m"


@given(st.binary(max_size=80), st.sampled_from(["utf-8", "latin-1", "utf-16"]))
def test_whatever_bytes_there_are_count_as_there_unless_blank(raw, declared):
    found = read_text(raw, declared)
    if found is None:
        text = raw.decode(declared, "replace")
        assert not shown(text).strip("\ufeff\ufffe") or not raw.strip(b"\0 \t\r\n")
    else:
        assert found.raw == raw


def test_lists_keep_their_manner():
    assert words_of("door, wood; creak\0long,,") == ["door", "wood", "creak", "long"]
    assert joined("a; b", ["c", "d"]) == "; c; d" and joined("a", ["b"]) == ", b"
    assert joined("", ["b", "c"]) == "b, c"
    assert without("Door; wood; creak", ["door", "CREAK"]) == "wood"


def told(raw: bytes, declared: str = "utf-8") -> tuple[str | None, str | None] | None:
    found = read_text(raw, declared)
    return None if found is None else (found.text, found.encoding)


@pytest.mark.parametrize(
    ("raw", "declared", "expected"),
    [
        (b"words", "utf-8", ("words", "utf-8")),
        (b"\0 \t\r\nwords\n\r\t \0", "utf-8", ("words", "utf-8")),
        (b"a\0b", "utf-8", ("a\0b", "utf-8")),
        (b"T\xfcr", "latin-1", ("Tür", "latin-1")),
        ("Tür".encode(), "ascii", ("Tür", "utf-8")),
        (b"words", "no such codec", ("words", "utf-8")),
        (b"\x80uro", "latin-1", ("€uro", "cp1252")),
        ("Tür ".encode("utf-16-le"), "utf-16-le", ("Tür ", "utf-16-le")),
        (b"\0\0\0\0", "utf-16", None),
        (" \t".encode("utf-16-le"), "utf-16-le", None),
        (b"abc", "utf-16", ("abc", "utf-8")),
        (b"\xff\xfea", "utf-16", (None, None)),
        (b"\x01", "utf-8", (None, None)),
        (b"a" * 4 + b"\x01", "utf-8", ("aaaa\x01", "utf-8")),
        (b"a" * 3 + b"\x01", "utf-8", (None, None)),
        (b"a\0\t\r\n\0\tb", "utf-8", ("a\0\t\r\n\0\tb", "utf-8")),
        (b"\x1b\xfc" + b"a" * 8, "utf-8", ("\x1büaaaaaaaa", "cp1252")),
        (b"\x1b\x1b\x1b\xfc" + b"a" * 8, "utf-8", (None, None)),
        (b"T\xfcr\n\n\r\r\t\t\0\0r", "utf-8", ("Tür\n\n\r\r\t\t\0\0r", "cp1252")),
    ],
)
def test_what_bytes_say_is_decoded_in_order(raw, declared, expected):
    assert told(raw, declared) == expected


def test_a_text_that_is_too_long_is_there_but_not_read(monkeypatch):
    monkeypatch.setattr("engine.metadata.texts.LONGEST_BYTES", 10)
    assert told(b"x" * 10) == ("x" * 10, "utf-8") and told(b"x" * 11) == (None, None)
    assert told(b"x" * 9 + b"  ") == (None, None) and told(bytes(11)) is None


@pytest.mark.parametrize(
    ("text", "one_line"),
    [
        ("a\r\n b\t\tc ", "a b c"),
        ("a\x07b\x85c", "a b c"),
        ("a\u00adb\u200dc", "a\u00adb\u200dc"),
        ("a\ud800b", "a b"),
        ("\x07", ""),
    ],
)
def test_a_text_is_shown_on_one_line(text, one_line):
    assert shown(text) == one_line


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("a\rb\x1fc\0", "abc"),
        ("a ~\x7f\x80\x9f\xa0", "a ~\xa0"),
        ("\ud7ff\ud800\udfff\ue000", "\ud7ff\ue000"),
        ("\ufffd\ufffe\uffff\U0001fffd\U0001fffe\U0010ffff", "\ufffd\U0001fffd"),
    ],
)
def test_a_text_is_cleaned_of_what_no_metadata_can_hold(text, kept):
    assert clean(text) == kept


def test_lists_are_joined_and_parted():
    assert joined(" ", ["a", "b\x07"]) == "a, b" and joined(";", ["a", "b"]) == "; a; b"
    assert joined("a", []) == ", " and joined("", []) == ""
    assert words_of(" a b ;c\n\n,d\0") == ["a b", "c", "d"] and words_of("") == []
    assert without("a, B ,c", ["b"]) == "a, c" and without("a;STRASSE", ["straße"]) == "a"
    assert without("a", ["a"]) == "" and without(" a , b", []) == "a, b"
