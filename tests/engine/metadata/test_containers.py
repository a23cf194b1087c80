"""What a file is by its first bytes, which parts it has, and what is told of damaged ones."""

import io
import struct
from pathlib import Path

import pytest

from engine.errors import AudioError, InputError
from engine.metadata.broadcast import Bext, Info
from engine.metadata.containers import id3_before, id3_chunk, info_chunk
from engine.metadata.copying import copy_bytes
from engine.metadata.formats import kind_of, open_container
from engine.metadata.id3 import Id3
from engine.metadata.ixml import IXml
from engine.metadata.mp4_atoms import Items, make
from engine.metadata.riff import find_chunks
from engine.metadata.vorbis_comments import Comments
from tests.engine.metadata.test_id3 import frame, tag
from tests.engine.metadata.test_riff import chunk, form, riff
from tests.engine.metadata.test_vorbis_comments import INFO, OPUS, flac, ogg, packet

MPEG = b"\xff\xfb\x90\x64" + bytes(20)
MP4 = make(b"ftyp", b"M4A \0\0\0\0") + make(b"moov", b"") + make(b"mdat", b"audio")
TAG = tag(3, frame("TIT2", b"\0a"))


def laid(tmp_path: Path, data: bytes, name: str = "a.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (riff(chunk(b"data", b"")), "wav"),
        (riff(kind=b"RF64"), "wav"),
        (form(), "aiff"),
        (form(kind=b"AIFC"), "aiff"),
        (MP4, "mp4"),
        (b"ftypftyp" + bytes(8), "mp4"),
        (b"OggS" + bytes(20), "ogg"),
        (flac((0, INFO)), "flac"),
        (TAG + flac((0, INFO)), "flac"),
        (MPEG, "mp3"),
        (TAG + MPEG, "mp3"),
        (b"\xff\xe2" + bytes(9), "mp3"),
        (b"\xff\xf1" + bytes(9), None),  # AAC
        (b"\xff\xdb" + bytes(9), None),
        (b"\xfe\xfb" + bytes(9), None),
        (b"\xff", None),
        (b"\xff\xfb", "mp3"),
        (b"", None),
        (b"words, nothing else", None),
        (TAG, None),
        (b"xOggS" + bytes(20), None),
        (b"fLaX" + bytes(20), None),
    ],
)
def test_what_a_file_is_its_first_bytes_say(tmp_path, data, kind):
    assert kind_of(laid(tmp_path, data)) == kind
    assert kind_of(laid(tmp_path, data, "a.MP3")) == (kind or "mp3")


def test_what_is_no_sound_file_is_told(tmp_path):
    with pytest.raises(AudioError) as told:
        open_container(laid(tmp_path, b"words"))
    assert str(told.value) == "a.bin is not a sound file, or its header is damaged"


@pytest.mark.parametrize(
    ("data", "kinds", "may_choose"),
    [
        (riff(chunk(b"data", b"")), [Bext, IXml, Info], True),
        (form(chunk(b"SSND", b"", order=">")), [Id3], True),
        (flac((0, INFO)), [Comments], False),
        (ogg(OPUS, packet()), [Comments], False),
        (MP4, [Items], False),
        (MPEG, [Id3], False),
    ],
)
def test_every_kind_of_file_has_its_parts(tmp_path, data, kinds, may_choose):
    container = open_container(laid(tmp_path, data))
    assert [type(part) for part in container.parts] == kinds
    assert (container.may_choose, container.only_before) == (may_choose, False)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (flac((0, INFO), (4, b"\1")), "its comments are cut off"),
        (ogg(OPUS, b"\1"), "its comments are cut off"),
        (
            make(b"ftyp", b"")
            + make(
                b"moov", make(b"udta", make(b"meta", bytes(4) + make(b"ilst", b"\0\0\0\x09abcd")))
            ),
            "its atom abcd does not fit into it",
        ),
    ],
)
def test_damaged_metadata_are_told(tmp_path, data, why):
    with pytest.raises(AudioError) as told:
        open_container(laid(tmp_path, data))
    assert str(told.value) == f"a.bin has damaged metadata: {why}"


def written(path: Path, before_audio: bool = False, **texts: str) -> bytes:
    """Return a file as its container writes it with texts in its first part that has their key."""
    container, out = open_container(path), io.BytesIO()
    for key, text in texts.items():
        part = next(p for p in container.parts if key in [k for _, k in p.slots])
        part.put(key, text)
    container.write(out, before_audio)
    return out.getvalue()


FMT, DATA = chunk(b"fmt ", b"abcd"), chunk(b"data", b"1234")


def test_parts_of_wav_go_into_their_own_chunks(tmp_path):
    other = chunk(b"LIST", b"adtlmine")
    info = chunk(b"LIST", b"INFO" + chunk(b"IART", b"me"))
    bext, ixml = (
        chunk(b"bext", b"old".ljust(602, b"\0")),
        chunk(b"iXML", b"<BWFXML><USER/></BWFXML>"),
    )
    new = chunk(b"bext", b"new".ljust(602, b"\0"))
    longer = chunk(b"LIST", b"INFO" + chunk(b"IART", b"me") + chunk(b"ICMT", b"n\0"))
    path = laid(tmp_path, riff(bext, other, DATA, ixml, info))
    assert written(path) == path.read_bytes()
    assert written(path, description="new") == riff(new, other, DATA, ixml, info)
    assert written(path, ICMT="n") == riff(bext, other, DATA, ixml, longer)
    plain = laid(tmp_path, riff(FMT, DATA))
    fresh = chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"n\0"))
    assert written(plain, ICMT="n") == riff(FMT, DATA, fresh)
    assert written(plain, before_audio=True, ICMT="n") == riff(FMT, fresh, DATA)


@pytest.mark.parametrize("name", [b"ID3 ", b"id3 "])
def test_the_part_of_aiff_is_an_id3_chunk(tmp_path, name):
    old = tag(3, frame("TCON", b"\0a"), padding=9)
    new = tag(3, frame("TCON", b"\0b"), padding=9)
    sound = chunk(b"SSND", b"1234", order=">")
    path = laid(tmp_path, form(chunk(name, old, order=">"), sound))
    assert written(path, TCON="b") == form(chunk(name, new, order=">"), sound)
    fresh = tag(4, frame("TCON", b"\3b", 4), padding=1024)
    path = laid(tmp_path, form(sound))
    assert written(path, TCON="b") == form(sound, chunk(b"ID3 ", fresh, order=">"))


def test_the_other_kinds_are_written_with_their_one_part(tmp_path):
    old, new = tag(3, frame("TCON", b"\0a")), tag(3, frame("TCON", b"\0b"))
    assert written(laid(tmp_path, old + MPEG), TCON="b") == new + MPEG
    assert written(laid(tmp_path, MPEG)) == MPEG
    fresh = tag(4, frame("TCON", b"\3b", 4), padding=1024)
    assert written(laid(tmp_path, MPEG), TCON="b") == fresh + MPEG
    before, after = packet(b"CATID=a"), packet(b"CATID=b")
    path = laid(tmp_path, flac((0, INFO), (4, before)))
    assert written(path, CATID="b") == flac((0, INFO), (4, after))
    made = tmp_path / "made"
    path = laid(tmp_path, ogg(OPUS, before, b"audio"))
    container = open_container(path)
    container.parts[0].put("CATID", "b")
    with made.open("w+b") as out:
        container.write(out, False)
    assert made.read_bytes() == ogg(OPUS, after, b"audio")


def test_a_recording_that_was_cut_off_takes_chunks_before_its_audio_alone(tmp_path):
    path = laid(tmp_path, riff(FMT, b"data" + struct.pack("<I", 0xFFFFFFFF) + b"1234"))
    container = open_container(path)
    assert container.may_choose and container.only_before


@pytest.mark.parametrize("name", [b"bext", b"iXML", b"LIST"])
def test_a_chunk_that_is_too_large_refuses_the_file(tmp_path, monkeypatch, name):
    monkeypatch.setattr("engine.metadata.containers.LONGEST_BYTES", 2 << 20)
    head = b"INFO" if name == b"LIST" else b""
    fits = chunk(name, head + bytes((2 << 20) - len(head)))
    open_container(laid(tmp_path, riff(fits, DATA)))
    too_large = chunk(name, head + bytes((2 << 20) - len(head) + 1))
    with pytest.raises(InputError) as told:
        open_container(laid(tmp_path, riff(too_large, DATA)))
    assert str(told.value) == (
        f"the {name.decode()} chunk of a.bin is larger than 2 MB: the file is unchanged"
    )


def test_the_chunk_of_aiff_may_be_too_large_too(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.metadata.containers.LONGEST_BYTES", 1 << 20)
    large = chunk(b"ID3 ", bytes((1 << 20) + 1), order=">")
    with pytest.raises(InputError, match=r"^the ID3 chunk of a\.bin is larger than 1 MB: "):
        open_container(laid(tmp_path, form(large, chunk(b"SSND", b"", order=">"))))


def test_the_chunk_of_type_info_is_found_among_others(tmp_path):
    lists = [chunk(b"JUNK", b"INFO"), chunk(b"LIST", b"adtl"), chunk(b"LIST", b"INF")]
    infos = [chunk(b"LIST", b"INFO"), chunk(b"LIST", b"INFOmore")]
    path = laid(tmp_path, riff(*lists, *infos))
    layout = find_chunks(path)
    assert info_chunk(path, layout) == layout.chunks[3]
    path = laid(tmp_path, riff(*lists))
    assert info_chunk(path, find_chunks(path)) is None


@pytest.mark.parametrize("name", [b"ID3 ", b"id3 "])
def test_the_chunk_of_an_id3_tag_is_found(tmp_path, name):
    layout = find_chunks(laid(tmp_path, riff(FMT, chunk(name, b""), chunk(name, b"x"))))
    assert id3_chunk(layout) == layout.chunks[1]
    assert id3_chunk(find_chunks(laid(tmp_path, riff(FMT, chunk(b"Id3 ", b""))))) is None


def test_the_tag_that_a_file_begins_with_is_read_if_it_is_whole(tmp_path):
    assert id3_before(laid(tmp_path, TAG + MPEG)) == TAG == id3_before(laid(tmp_path, TAG))
    assert id3_before(laid(tmp_path, MPEG)) is None
    with pytest.raises(AudioError) as told:
        id3_before(laid(tmp_path, TAG[:-1]))
    assert str(told.value) == "a.bin is cut off inside its ID3 tag"


@pytest.mark.parametrize("count", [0, 1, 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_bytes_are_copied_from_where_a_file_stands(count):
    data = bytes(range(256)) * ((count >> 8) + 1)
    source, target = io.BytesIO(b"head" + data), io.BytesIO()
    source.seek(4)
    copy_bytes(source, target, count)
    assert target.getvalue() == data[:count] and source.tell() == 4 + count


def test_a_file_that_became_shorter_is_noticed():
    target = io.BytesIO()
    with pytest.raises(OSError) as told:
        copy_bytes(io.BytesIO(b"abc"), target, 4)
    assert str(told.value) == "the file became shorter while it was copied"
    assert target.getvalue() == b"abc"
