"""Vorbis comments: packets, blocks of FLAC and pages of Ogg, to the byte."""

import io
import struct
from pathlib import Path

import pytest
from mutagen.ogg import OggPage

from engine.errors import AudioError, InputError
from engine.metadata.texts import Text
from engine.metadata.vorbis_comments import Comments, FlacFile, OggFile


def packet(*comments: bytes, vendor: bytes = b"me", rest: bytes = b"") -> bytes:
    counted = b"".join(struct.pack("<I", len(c)) + c for c in comments)
    return (
        struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(comments)) + counted + rest
    )


def texts(*comments: bytes) -> list[tuple[str, str | None]]:
    return [(name, text.text) for name, text in Comments(packet(*comments)).texts()]


def test_comments_are_read_by_name():
    assert texts(b"Title=a", b"TITLE=b=c", b"ARTIST=", b"no equals sign", b"X=T\xfcr") == [
        ("title", "a"),
        ("title", "b=c"),
        ("x", "Tür"),
    ]
    assert texts(b"\xff=a", b"X=" + bytes(range(1, 32))) == [("\ufffd", "a"), ("x", None)]


@pytest.mark.parametrize("name", [b"METADATA_BLOCK_PICTURE", b"coverart"])
def test_pictures_are_no_texts(name):
    assert texts(name + b"=AAAA", b"A=b") == [("a", "b")]


@pytest.mark.parametrize("cut", [1, 4, 5, 9, 12, 15])
def test_comments_that_are_cut_off_are_told(cut):
    with pytest.raises(ValueError) as told:
        Comments(packet(b"A=b", b"C=")[:-cut])
    assert str(told.value) == "its comments are cut off"


def test_comments_may_be_none_or_new():
    assert Comments(packet()).data() == packet()
    assert Comments(packet(rest=b"\1")).data() == packet(rest=b"\1")
    new = Comments(None)
    assert list(new.texts()) == [] and new.data() == packet(vendor=b"Soundsift")
    new.put("A", "ü")
    assert new.data() == packet("A=ü".encode(), vendor=b"Soundsift")


def test_comments_of_one_name_are_joined_and_unreadable_if_one_is():
    held = Comments(
        packet(b"a=one", b"B=x", b"A=", b"A=T\xfcr", b"c=y", b"C=" + bytes(range(1, 32)))
    )
    assert held.get("A") == Text(b"one; T\xfcr", "one; Tür", "utf-8")
    assert held.get("C") == Text(b"y; " + bytes(range(1, 32)), None, "utf-8")
    assert held.get("D") is None and held.get("a") is None


def test_a_text_takes_the_place_of_all_that_its_name_had():
    held = Comments(packet(b"X=1", b"a=one", b"Y=2", b"A=", b"A=two", b"Z=3", rest=b"\1"))
    held.put("A", "n\x07ëw")
    assert held.data() == packet(b"X=1", "A=nëw".encode(), b"Y=2", b"Z=3", rest=b"\1")
    held.put("B", "more")
    wanted = packet(b"X=1", "A=nëw".encode(), b"Y=2", b"Z=3", b"B=more", rest=b"\1")
    assert held.data() == wanted


def test_every_word_is_a_comment():
    held = Comments(packet(b"K=a"))
    assert held.add("K", ["b\x07", "ü"]) is True
    assert held.data() == packet(b"K=a", b"K=b", "K=ü".encode())


def test_words_are_taken_out_and_the_rest_is_untouched():
    odd = b"k=wet,  dry ;cold"  # its own manner stays where no word of it goes
    held = Comments(packet(b"K=Door", odd, b"K=door; x; y", b"K=T\xfcr, DOOR", b"L=door"))
    held.drop("K", ["dOOr", "none"])
    assert held.data() == packet(odd, b"K=x; y", b"K=T\xfcr", b"L=door")


# FLAC


def block(kind: int, held: bytes, last: bool = False) -> bytes:
    return bytes([kind | (0x80 if last else 0)]) + len(held).to_bytes(3, "big") + held


INFO, AUDIO = bytes(34), b"\xff\xf8audio"


def flac(*blocks: tuple[int, bytes], before: bytes = b"", audio: bytes = AUDIO) -> bytes:
    made = [block(k, held, n == len(blocks) - 1) for n, (k, held) in enumerate(blocks)]
    return before + b"fLaC" + b"".join(made) + audio


def laid(tmp_path: Path, data: bytes, name: str = "a.flac") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def rewritten(tmp_path: Path, data: bytes, comments: bytes) -> bytes:
    out = io.BytesIO()
    FlacFile(laid(tmp_path, data)).rewrite(out, comments)
    return out.getvalue()


TAG = b"ID3\3\0\0\0\0\0\x05title"
NEW_PADDING = (1, bytes(1024))


def test_the_comments_of_a_file_are_found(tmp_path):
    assert FlacFile(laid(tmp_path, flac((0, INFO)))).comments() is None
    two = flac((0, INFO), (2, b"mine"), (4, b"first"), (4, b"second"), before=TAG)
    assert FlacFile(laid(tmp_path, two)).comments() == b"first"
    assert FlacFile(laid(tmp_path, flac((4, b""), audio=b""))).comments() == b""


@pytest.mark.parametrize("data", [b"", b"RIFF" + bytes(20), b"fLa", TAG + b"flac", TAG[:-1]])
def test_what_is_no_flac_is_told(tmp_path, data):
    with pytest.raises(AudioError) as told:
        FlacFile(laid(tmp_path, data))
    assert str(told.value) == "a.flac is not a FLAC file"


@pytest.mark.parametrize(
    "data",
    [
        flac((0, INFO), audio=b"")[:-1],
        b"fLaC" + block(0, INFO),
        b"fLaC" + block(0, INFO) + b"\x84\0\0",
        b"fLaC" + block(0, INFO) + b"\x84\0\1\0" + bytes(255),
        b"fLaC",
    ],
)
def test_blocks_that_do_not_fit_are_told(tmp_path, data):
    with pytest.raises(AudioError) as told:
        FlacFile(laid(tmp_path, data))
    assert str(told.value) == "a.flac has damaged metadata: it is unchanged"


@pytest.mark.parametrize(
    ("before", "comments", "after"),
    [
        # padding gives way, and takes what is left over
        (
            ((0, INFO), (4, b"ab"), (1, bytes(10))),
            b"abcd",
            ((0, INFO), (4, b"abcd"), (1, bytes(8))),
        ),
        (((0, INFO), (4, b"ab"), (1, bytes(2))), b"abcd", ((0, INFO), (4, b"abcd"), (1, b""))),
        (((0, INFO), (1, bytes(5)), (4, b"abcd")), b"ab", ((0, INFO), (1, bytes(7)), (4, b"ab"))),
        (((0, INFO), (1, bytes(20))), b"abcd", ((0, INFO), (4, b"abcd"), (1, bytes(12)))),
        (((0, INFO), (1, bytes(8))), b"abcd", ((0, INFO), (4, b"abcd"), (1, b""))),
        # what is too small stays
        (((0, INFO), (4, b"ab"), (1, b"\0")), b"abcd", ((0, INFO), (4, b"abcd"), (1, b"\0"))),
        (((0, INFO), (1, bytes(7))), b"abcd", ((0, INFO), (4, b"abcd"), (1, bytes(7)))),
        # where there is none, some is made
        (((0, INFO), (4, b"ab")), b"abc", ((0, INFO), (4, b"abc"), NEW_PADDING)),
        (((0, INFO),), b"ab", ((0, INFO), (4, b"ab"), NEW_PADDING)),
        (((0, INFO), (2, b"m")), b"ab", ((0, INFO), (4, b"ab"), (2, b"m"), NEW_PADDING)),
        # and none where nothing grows
        (((0, INFO), (4, b"ab")), b"xy", ((0, INFO), (4, b"xy"))),
        (((0, INFO), (4, b"ab")), b"x", ((0, INFO), (4, b"x"))),
        # the first of two of a kind
        (
            ((0, INFO), (4, b"ab"), (4, b"cd"), (1, b"\0"), (1, b"\0\0")),
            b"abc",
            ((0, INFO), (4, b"abc"), (4, b"cd"), (1, b""), (1, b"\0\0")),
        ),
        # whatever the kind, and up to the most that a block can hold
        (((0, INFO), (127, b"odd"), (4, b"a")), b"b", ((0, INFO), (127, b"odd"), (4, b"b"))),
    ],
)
def test_blocks_change_as_little_as_they_can(tmp_path, before, comments, after):
    for front in (b"", TAG):
        made = rewritten(tmp_path, flac(*before, before=front), comments)
        assert made == flac(*after, before=front)


def test_the_length_of_a_block_has_three_bytes(tmp_path):
    long = bytes(range(256)) * 300
    before = flac((0, INFO), (2, long), (4, b"ab"))
    made = rewritten(tmp_path, before, long)
    assert made == flac((0, INFO), (2, long), (4, long), NEW_PADDING)
    assert FlacFile(laid(tmp_path, made)).comments() == long


def test_padding_grows_to_the_most_that_a_block_can_hold_and_no_further(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.metadata.vorbis_comments._LARGEST_BLOCK", 20)
    before = flac((0, INFO), (4, b"abcdef"), (1, bytes(17)))
    assert rewritten(tmp_path, before, b"abc") == flac((0, INFO), (4, b"abc"), (1, bytes(20)))
    assert rewritten(tmp_path, before, b"ab") == flac((0, INFO), (4, b"ab"), (1, bytes(17)))


def test_comments_larger_than_a_block_are_refused(tmp_path):
    file = FlacFile(laid(tmp_path, flac((0, INFO))))
    file.rewrite(io.BytesIO(), bytes((1 << 24) - 1))
    with pytest.raises(InputError) as told:
        file.rewrite(io.BytesIO(), bytes(1 << 24))
    assert str(told.value) == "a.flac cannot hold more than 16 MB of tags"


# Ogg


def page(*packets: bytes, number: int, serial: int = 7, complete: bool = True) -> bytes:
    made = OggPage()
    made.packets, made.sequence, made.serial = list(packets), number, serial
    made.first, made.complete = number == 0, complete
    return made.write()


VORBIS = (b"\x01vorbis" + bytes(23), b"\x03vorbis")
OPUS = (b"OpusHead" + bytes(11), b"OpusTags")
FLAC = (b"\x7fFLAC\1\0\0\1fLaC" + bytes(38), b"\x04")


def ogg(kind: tuple[bytes, bytes], comments: bytes, *behind: bytes) -> bytes:
    first, mark = kind
    if mark == b"\x04":
        mark = b"\x84" + len(comments).to_bytes(3, "big")
    rest = b"".join(page(held, number=2 + n) for n, held in enumerate(behind))
    return page(first, number=0) + page(mark + comments, number=1) + rest


def packets_of(data: bytes, serial: int = 7) -> list[bytes]:
    pages, file = [], io.BytesIO(data)
    while file.tell() < len(data):
        one = OggPage(file)
        if one.serial == serial:
            pages.append(one)
    assert [one.sequence for one in pages] == list(range(len(pages)))
    return [bytes(held) for held in OggPage.to_packets(pages)]


@pytest.mark.parametrize("kind", [VORBIS, OPUS, FLAC])
@pytest.mark.parametrize("size", [3, 300, 100_000])
def test_the_packet_of_comments_is_read_and_changed(tmp_path, kind, size):
    path = laid(tmp_path, ogg(kind, b"old comments", b"setup", b"audio"), "a.ogg")
    assert OggFile(path).comments() == b"old comments"
    new = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    made = tmp_path / "made"
    with made.open("w+b") as out:
        OggFile(path).rewrite(out, new)
        assert out.tell() == made.stat().st_size
    mark = b"\x84" + len(new).to_bytes(3, "big") if kind == FLAC else kind[1]
    assert packets_of(made.read_bytes()) == [kind[0], mark + new, b"setup", b"audio"]
    assert OggFile(made).comments() == new


def test_comments_may_share_their_page_and_go_over_several(tmp_path):
    long = b"\x03vorbis" + bytes(range(250)) * 4
    half = 255 * 2
    pages = page(VORBIS[0], number=0) + page(long[:half], number=1, complete=False)
    ended = OggPage()
    ended.packets, ended.sequence, ended.serial, ended.continued = (
        [long[half:], b"setup"],
        2,
        7,
        True,
    )
    other = page(b"other stream", number=1, serial=8)
    path = laid(tmp_path, pages + other + ended.write() + page(b"audio", number=3), "a.ogg")
    assert OggFile(path).comments() == long[7:]
    made = tmp_path / "made"
    with made.open("w+b") as out:
        OggFile(path).rewrite(out, b"short")
    assert packets_of(made.read_bytes())[1:] == [b"\x03vorbisshort", b"setup", b"audio"]
    assert other in made.read_bytes()


NO_COMMENTS = "its second packet holds no comments"


@pytest.mark.parametrize(
    ("packets", "why"),
    [
        ((b"Speex   ", b"x"), "it holds neither Vorbis nor Opus nor FLAC"),
        ((VORBIS[0], b"\x05vorbis"), NO_COMMENTS),
        ((OPUS[0], b"\x03vorbis"), NO_COMMENTS),
        ((FLAC[0], b"\x03\0\0\0"), NO_COMMENTS),
        ((FLAC[0], b"\x83\0\0\0"), NO_COMMENTS),
    ],
)
def test_what_holds_no_comments_is_told(tmp_path, packets, why):
    data = b"".join(page(held, number=n) for n, held in enumerate(packets))
    with pytest.raises(AudioError) as told:
        OggFile(laid(tmp_path, data, "a.ogg"))
    assert str(told.value) == f"a.ogg has damaged metadata: {why}"


@pytest.mark.parametrize(
    "data", [b"", b"OggS", page(VORBIS[0], number=0), page(VORBIS[0], number=0) + b"junk" * 20]
)
def test_damaged_pages_are_told(tmp_path, data):
    with pytest.raises(AudioError, match=r"^a\.ogg has damaged metadata: "):
        OggFile(laid(tmp_path, data, "a.ogg"))


def test_the_first_block_of_comments_of_ogg_flac_may_not_be_the_last(tmp_path):
    data = page(FLAC[0], number=0) + page(b"\x04\0\0\2ab", number=1)
    assert OggFile(laid(tmp_path, data, "a.ogg")).comments() == b"ab"


def test_comments_are_not_looked_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.metadata.vorbis_comments._MOST_PAGES", 3)
    for others, is_found in ((2, True), (3, False)):
        between = b"".join(page(b"x", number=n + 1, serial=8) for n in range(others))
        data = page(OPUS[0], number=0) + between + page(b"OpusTagsab", number=1)
        path = laid(tmp_path, data, "a.ogg")
        if is_found:
            assert OggFile(path).comments() == b"ab"
        else:
            with pytest.raises(AudioError, match="damaged metadata"):
                OggFile(path)
