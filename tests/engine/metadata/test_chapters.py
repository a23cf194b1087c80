"""Chapters and cue sheets, shown as markers are; and what channels are for."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from engine.metadata.chapters import read_chapters
from engine.metadata.layouts import read_layout
from engine.metadata.markers import Marker, read_markers
from engine.metadata.vorbis_comments import Comments, FlacFile, OggFile
from tests.conftest import encode

RATE = 48000


def with_chapters(source, target, *chapters):
    """Write a file again with chapters: (start, end, title) in seconds."""
    rows = [
        {
            "id": number,
            "start": round(1000 * start),
            "end": round(1000 * end),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, (start, end, title) in enumerate(chapters)
    ]
    with av.open(str(source)) as read, av.open(str(target), "w") as made:
        stream = made.add_stream_from_template(read.streams.audio[0])
        made.set_chapters(rows)
        for packet in read.demux(read.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    return target


@pytest.mark.parametrize(("ending", "codec"), [("mp3", "libmp3lame"), ("m4a", "aac")])
def test_chapters_are_markers_with_their_names(tmp_path, ending, codec):
    plain = encode(tmp_path / f"plain.{ending}", codec)
    assert read_markers(plain) == ()
    chapters = (0.0, 0.5, "slam"), (0.5, 1.25, "größer"), (1.25, 2.0, "end")
    marked = read_markers(with_chapters(plain, tmp_path / f"marked.{ending}", *chapters))
    assert [(marker.name, marker.end_s) for marker in marked] == [
        ("slam", None),  # it ends where the next begins
        ("größer", None),
        ("end", None),
    ]
    assert [marker.start_s for marker in marked] == pytest.approx([0, 0.5, 1.25], abs=0.03)


def test_chapters_may_be_comments(tmp_path):
    comments = Comments(None)
    for number, (at, name) in enumerate((("00:00:00.500", "slam"), ("00:00:01.250", "größer"))):
        comments.put(f"CHAPTER{number:03}", at)
        comments.put(f"CHAPTER{number:03}NAME", name)
    source, path = encode(tmp_path / "a.opus", "libopus"), tmp_path / "b.opus"
    with path.open("w+b") as out:
        OggFile(source).rewrite(out, comments.data())
    assert read_markers(path) == (Marker(0.5, "slam"), Marker(1.25, "größer"))


def test_a_chapter_that_ends_before_the_next_says_where(tmp_path):
    plain = encode(tmp_path / "plain.mp3", "libmp3lame")
    chapters = (0.25, 0.5, "one"), (1.0, 1.5, "two")
    first, _ = read_chapters(with_chapters(plain, tmp_path / "marked.mp3", *chapters))
    assert first == (0.25, "one", 0.5)


def flac(path):
    soundfile.write(path, np.zeros((RATE, 2)), RATE)
    return path


def with_block(path, kind, body):
    """Put a block of metadata behind the first one of a FLAC file."""
    data = path.read_bytes()
    end = 4 + 4 + int.from_bytes(data[5:8], "big")
    first = data[4] & 0x7F
    block = bytes([kind]) + len(body).to_bytes(3, "big") + body
    path.write_bytes(data[:4] + bytes([first]) + data[5:end] + block + data[end:])
    return path


def track(start, number, *indexes):
    head = struct.pack(">QB12sB13xB", start, number, b"", 0, len(indexes))
    return head + b"".join(struct.pack(">QB3x", at, index) for index, at in indexes)


def sheet(*tracks):
    return bytes(395) + bytes([len(tracks)]) + b"".join(tracks)


def test_tracks_of_a_cue_sheet_begin_behind_their_gaps(tmp_path):
    tracks = track(0, 1, (1, 0)), track(12000, 2, (0, 0), (1, 2400)), track(RATE, 170)
    path = with_block(flac(tmp_path / "a.flac"), 5, sheet(*tracks))
    assert FlacFile(path).rate_hz() == RATE
    assert read_markers(path) == (Marker(0.0, "01"), Marker(0.3, "02"))
    cut = with_block(flac(tmp_path / "b.flac"), 5, sheet(*tracks)[:-70])
    assert read_markers(cut)[0] == Marker(0.0, "01")


def test_a_cue_sheet_may_be_a_comment(tmp_path):
    comments = Comments(None)
    comments.put(
        "CUESHEET",
        'TITLE "the disc"\nTRACK 01 AUDIO\n TITLE "slam"\n INDEX 01 00:00:15\n'
        "TRACK 02 AUDIO\n INDEX 00 00:00:30\n INDEX 01 00:00:45\n",
    )
    source, path = flac(tmp_path / "a.flac"), tmp_path / "b.flac"
    with path.open("wb") as out:
        FlacFile(source).rewrite(out, comments.data())
    assert read_markers(path) == (Marker(0.2, "slam"), Marker(0.6))


def test_damaged_files_mark_nothing_and_raise_nothing(tmp_path):
    path = with_chapters(
        encode(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "b.mp3", (0.0, 1.0, "one")
    )
    data = path.read_bytes()
    noise = np.random.default_rng(0)
    for _ in range(50):
        broken = bytearray(data)
        for place in noise.integers(0, 400, 8):
            broken[place] = noise.integers(256)
        path.write_bytes(broken)
        assert isinstance(read_markers(path), tuple)
        path.write_bytes(data[: noise.integers(len(data))])
        assert isinstance(read_markers(path), tuple)


# Layouts


def extensible(path, channels, mask, kind=b"\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"):
    """Write a WAV file that says which loudspeakers its channels are for."""
    about = struct.pack("<HHIIHH", 0xFFFE, channels, RATE, 2 * channels * RATE, 2 * channels, 16)
    body = about + struct.pack("<HHI", 22, 16, mask) + b"\1\0\0\0" + kind
    audio = bytes(2 * channels * 100)
    chunks = b"fmt " + struct.pack("<I", len(body)) + body
    chunks += b"data" + struct.pack("<I", len(audio)) + audio
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks)
    return path


@pytest.mark.parametrize(
    ("channels", "mask", "said"),
    [
        (6, 0x3F, "5.1"),
        (6, 0x60F, "5.1"),
        (8, 0x63F, "7.1"),
        (12, 0x2D63F, "7.1.4"),
        (4, 0x33, "quad"),
        (6, 0, ""),
        (6, 0x63F, ""),  # eight loudspeakers for six channels
    ],
)
def test_a_wav_file_says_which_loudspeakers_it_is_for(tmp_path, channels, mask, said):
    assert read_layout(extensible(tmp_path / "a.wav", channels, mask)) == said


def test_ambisonics_are_told_with_their_order(tmp_path):
    kind = bytes.fromhex("2107d3118644c8c1ca000000")
    for channels, said in ((4, "ambisonic 1"), (9, "ambisonic 2"), (3, "ambisonic")):
        assert read_layout(extensible(tmp_path / "a.wav", channels, 0, kind)) == said


def test_other_formats_say_it_too_and_files_of_one_or_two_channels_nothing(tmp_path):
    six = tmp_path / "six.flac"
    soundfile.write(six, np.zeros((RATE, 6)), RATE)
    assert read_layout(six) == "5.1"
    plain = tmp_path / "plain.wav"
    soundfile.write(plain, np.zeros((100, 6)), RATE)
    assert read_layout(flac(tmp_path / "two.flac")) == ""
    (tmp_path / "no.flac").write_bytes(b"fLaC")
    assert read_layout(tmp_path / "no.flac") == read_layout(tmp_path / "none.wav") == ""
