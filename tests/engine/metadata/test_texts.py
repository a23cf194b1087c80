"""Texts are decoded by what the container says, then by what they look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.metadata.texts import joined, read_text, shown, without, words_of


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
