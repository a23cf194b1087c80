"""Tags written into generated files of every kind, and what was found in thousands of them."""

import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from benchmarks.writing.encoded import FAMILIES, OTHER, by_ffmpeg, by_libsndfile
from benchmarks.writing.forge import place_files
from benchmarks.writing.readers import problems
from benchmarks.writing.walkers import anatomy
from benchmarks.written_files import examine, reasons, rows_of
from engine.errors import AudioError, InputError
from engine.metadata.decoded import decodings_of
from engine.metadata.journal import Journal
from engine.metadata.riff import read_layout
from engine.metadata.ucs_names import categories
from engine.metadata.vorbis_comments import OggFile
from engine.metadata.write import SoundTags, write_tags

DOOR = categories()["doorwood"]
FULL = SoundTags("new words", DOOR, "New Name", ("door", "wood"))


def chunk(name: bytes, data: bytes, pad: bytes = b"\0") -> bytes:
    return name + struct.pack("<I", len(data)) + data + pad * (len(data) % 2)


def wav(path: Path, *behind: bytes) -> Path:
    body = by_libsndfile("WAV", "PCM_16")[12:] + b"".join(behind)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    return path


def write(path: Path, tags: SoundTags = FULL) -> bool:
    return write_tags(path, tags, Journal(path.parent / "journal")).changed


def test_nothing_else_changes_in_a_few_files_of_every_kind_and_all_are_restored(tmp_path):
    examined = examine(tmp_path, 40, seed=3)
    rows = {row["family"]: row for row in rows_of(examined)}
    assert [one.problems for one in examined.outcomes if one.problems] == []
    assert set(rows) == {*FAMILIES, "total"}
    assert all(row["written"] for family, row in rows.items() if family != OTHER)
    total = rows["total"]
    assert total["restored"] == total["written"] and not total["left over"]
    assert total["tried"] == total["written"] + total["held already"] + total["refused"]
    assert sum(row["files"] for row in reasons(examined)) == total["refused"] > 0


def test_the_same_seed_makes_the_same_files(tmp_path):
    one, other = (place_files(tmp_path / name, 40, 3) for name in "ab")
    assert [f.original.read_bytes() for f in one] == [f.original.read_bytes() for f in other]
    assert [(f.what, f.tags) for f in one] == [(f.what, f.tags) for f in other]


MADE = {
    "wav": lambda: by_libsndfile("WAV", "PCM_16"),
    "aiff": lambda: by_libsndfile("AIFF", "PCM_16"),
    "flac": lambda: by_libsndfile("FLAC", "PCM_16"),
    "mp3": lambda: by_ffmpeg("mp3", "libmp3lame", 44100, 2, 0.4),
    "ogg": lambda: by_libsndfile("OGG", "VORBIS", 44100),
    "m4a": lambda: by_ffmpeg("ipod", "alac"),
}


@pytest.mark.parametrize("kind", MADE)
def test_what_changes_beside_our_fields_is_noticed(tmp_path, kind):
    """One bit of the audio, a foreign field and one of ours that was there."""
    old, new = tmp_path / f"old.{kind}", tmp_path / f"new.{kind}"
    old.write_bytes(MADE[kind]())
    write(old, replace(FULL, description="my own words"))
    shutil.copy(old, new)
    tags = SoundTags(keywords=("creak",))
    write(new, tags)
    assert problems(old, new, tags, ()) == []
    data = new.read_bytes()
    audio = [a if isinstance(a, bytes) else a[-1] for a in anatomy(data).audio]
    longest = max((a for a in audio if isinstance(a, bytes)), key=len)
    flipped = bytearray(data)
    flipped[data.index(longest) + len(longest) // 2] ^= 1
    new.write_bytes(flipped)
    assert problems(old, new, tags, ())
    new.write_bytes(data.replace(b"my own words", b"my own worms"))
    assert problems(old, new, tags, ())


@pytest.mark.parametrize("rest", [b"\0", b"\0\0\0", b"odd", b"IXXX\x50\0\0\0cut off"])
@pytest.mark.parametrize("text", [b"kept", b"odd"])
def test_fields_of_info_are_found_where_something_else_ends_the_list(tmp_path, rest, text):
    old = b"IXXX" + struct.pack("<I", len(text)) + text
    held = b"INFO" + chunk(b"ISFT", b"tool") + old + b"\0" * (len(text) % 2) + rest
    path = wav(tmp_path / "a.wav", chunk(b"LIST", held))
    assert write(path)
    assert chunk(b"IKEY", b"door, wood\0") in path.read_bytes()
    assert old in path.read_bytes() and rest in path.read_bytes()
    own = anatomy(path.read_bytes()).own
    assert own["INFO", "IKEY"] == [b"door, wood\0"] and own["INFO", "ICMT"] == [b"new words\0"]
    assert not write(path)  # it holds them, and says so


def test_a_chunk_behind_one_without_padding_is_found_whatever_its_size(tmp_path):
    """The first byte of a size may be a letter, as if the id began one byte later."""
    kept = b"<BWFXML><USER><OWN>kept</OWN></USER></BWFXML>"
    for longer in range(2 * ord(" "), 2 * 127, 16):
        xml = chunk(b"iXML", kept + b" " * longer)
        path = wav(tmp_path / "a.wav", chunk(b"MINE", b"odd", pad=b""), xml)
        write(path)
        assert [c.id for c in read_layout(path).chunks][2:4] == [b"MINE", b"iXML"]
        assert not write(path)


def test_ogg_that_is_cut_off_or_goes_on_as_something_else_is_refused(tmp_path):
    path = tmp_path / "a.ogg"
    for damage in (lambda data: data[:-40], lambda data: data + b"TAG" + bytes(125)):
        data = damage(by_libsndfile("OGG", "VORBIS", 44100, 1, 0.5))
        path.write_bytes(data)
        tags = replace(FULL, description="long " * 20_000)  # on more pages than there were
        with pytest.raises(AudioError, match=r"a\.ogg has damaged pages"):
            write(path, tags)
        assert path.read_bytes() == data


def test_words_taken_back_leave_the_others_in_their_encoding(tmp_path):
    path = tmp_path / "a.ogg"
    path.write_bytes(by_libsndfile("OGG", "VORBIS", 44100))
    comment = b"keywords=" + "ドア, door, きしむ".encode("cp932")
    packet = struct.pack("<II", 0, 1) + struct.pack("<I", len(comment)) + comment + b"\1"
    with (tmp_path / "made").open("w+b") as out:
        OggFile(path).rewrite(out, packet)
    (tmp_path / "made").replace(path)
    write(path, SoundTags(dropped=("door",)))
    assert "keywords=ドア, きしむ".encode("cp932") in OggFile(path).comments()


def test_id3_without_the_extended_header_that_it_tells_of_is_damaged(tmp_path):
    path = tmp_path / "a.mp3"
    body = b"TCON\0\0\0\7\0\0\0Horror" + bytes(50)
    data = b"ID3\3\0\x40\0\0\0" + bytes([len(body)]) + body + by_ffmpeg("mp3", "libmp3lame")
    path.write_bytes(data)
    with pytest.raises(InputError, match="its extended header does not fit"):
        write(path)
    assert path.read_bytes() == data


def test_a_codec_that_nobody_knows_is_heard_by_nobody(tmp_path):
    path = wav(tmp_path / "a.wav")
    data = bytearray(path.read_bytes())
    data[20:22] = b"\xab\xcd"  # the number of its codec
    path.write_bytes(data)
    assert decodings_of(path).ffmpeg is None
    with pytest.raises(AudioError, match="cannot be decoded"):
        write(path)
    assert path.read_bytes() == data


def test_decoders_stay_quiet_about_what_stands_before_mp3(tmp_path, capfd):
    path = tmp_path / "a.mp3"
    data = bytearray(by_ffmpeg("mp3", "libmp3lame", 8000, 1, 0.4, {"id3v2_version": "0"}))
    path.write_bytes(bytes(300) + data[:-100])
    heard = decodings_of(path)
    assert heard.libsndfile is not None
    assert capfd.readouterr().err == ""
    with soundfile.SoundFile(path) as file:
        file.read()
    assert capfd.readouterr().err != ""  # it had something to say
