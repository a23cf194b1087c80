"""What copies say: all that their source says, and where they come from."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.handover.door import hand_over
from engine.handover.forms import Form
from engine.handover.order import Order, Rendering
from engine.metadata.read import read_header
from engine.metadata.riff import find_chunks, read_chunk

RATE = 48000
IXML = (
    b'<?xml version="1.0" encoding="UTF-8"?><BWFXML><IXML_VERSION>2.10</IXML_VERSION>'
    b"<FILE_UID>OLD1</FILE_UID><SCENE>12</SCENE><SPEED><FILE_SAMPLE_RATE>48000</FILE_SAMPLE_RATE>"
    b"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>0</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>"
    b"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>480000</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO></SPEED>"
    b"<TRACK_LIST><TRACK_COUNT>2</TRACK_COUNT></TRACK_LIST>"
    b"<USER><FXNAME>Creak</FXNAME><CATID>DOORWood</CATID></USER></BWFXML>"
)


def bext() -> bytes:
    data = bytearray(602)
    for place, text in ((0, b"old door"), (256, b"Recorder"), (288, b"REF7"), (320, b"2020-01-02")):
        data[place : place + len(text)] = text
    data[338:346] = struct.pack("<Q", 480_000)
    data[346:348] = struct.pack("<H", 2)
    data[348:412] = b"u" * 64
    data[412:422] = struct.pack("<h", -2300) * 5
    return bytes(data) + b"A=PCM,F=48000,W=24,M=stereo,T=Recorder\r\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a WAV file with bext, iXML, INFO and a chunk of somebody's own."""
    path = tmp_path / "Door, creak.wav"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, (4 * RATE, 2)), RATE, "PCM_24")
    info = b"INFOIART\x05\0\0\0Anna\0\0IENG\x04\0\0\0Bert"
    more = b""
    for chunk_id, data in ((b"bext", bext()), (b"iXML", IXML), (b"LIST", info)):
        more += chunk_id + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    data = path.read_bytes() + more
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return path


def chunks(path: Path) -> dict[bytes, bytes]:
    return {chunk.id: read_chunk(path, chunk) for chunk in find_chunks(path).chunks}


def handed(source: Path, tmp_path: Path, *what, **more) -> Path:
    return hand_over(Order(source, *what, **more), tmp_path / "out")


def test_a_part_carries_the_source_and_begins_later(source, tmp_path):
    held = chunks(handed(source, tmp_path, (1.0, 2.0)))
    data = held[b"bext"]
    assert data[:8] == b"old door" and data[256:264] == b"Recorder" and data[288:292] == b"REF7"
    assert struct.unpack("<Q", data[338:346])[0] == 480_000 + RATE
    history = data[602:].decode("ascii").split("\r\n")
    assert history[0] == "A=PCM,F=48000,W=24,M=stereo,T=Recorder"
    assert history[1] == (
        "A=PCM,F=48000,W=24,M=stereo,T=Soundsift; from Door; creak.wav; 1.000-2.000 s"
    )
    assert b"Anna" in held[b"LIST"] and b"Bert" in held[b"LIST"]
    assert list(held)[:2] == [b"bext", b"fmt "]


def test_identity_and_loudness_of_the_source_are_not_those_of_a_part(source, tmp_path):
    whole = chunks(handed(source, tmp_path, form=Form("wav", bits=32)))[b"bext"]
    assert whole[348:412] == b"u" * 64 and struct.unpack("<h", whole[412:414])[0] == -2300
    part = chunks(handed(source, tmp_path, (1.0, 2.0)))[b"bext"]
    assert part[348:412] == bytes(64)
    assert part[412:422] == struct.pack("<h", 0x7FFF) * 5


def test_time_counts_in_samples_of_the_copy(source, tmp_path):
    made = handed(source, tmp_path, (1.0, 2.0), form=Form("wav", 96000))
    held = chunks(made)
    assert struct.unpack("<Q", held[b"bext"][338:346])[0] == 2 * (480_000 + RATE)
    text = held[b"iXML"].decode()
    assert "<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>1056000<" in text
    assert "<FILE_SAMPLE_RATE>96000<" in text


def test_ixml_keeps_what_is_there_and_names_its_files(source, tmp_path):
    text = chunks(handed(source, tmp_path, (1.0, 2.0)))[b"iXML"].decode()
    assert "<SCENE>12</SCENE>" in text and "<TRACK_COUNT>2</TRACK_COUNT>" in text
    assert "<ORIGINAL_FILENAME>Door, creak.wav</ORIGINAL_FILENAME>" in text
    assert "<PARENT_UID>OLD1</PARENT_UID>" in text and "<FILE_UID>OLD1<" not in text
    again = handed(tmp_path / "out" / "Door, creak 0m01.00–0m02.00.wav", tmp_path, (0.2, 0.4))
    text = chunks(again)[b"iXML"].decode()
    assert "<ORIGINAL_FILENAME>Door, creak.wav<" in text
    assert "<PARENT_FILENAME>Door, creak 0m01.00–0m02.00.wav<" in text


def test_tracks_that_are_left_out_are_not_told_of(source, tmp_path):
    made = handed(source, tmp_path, (1.0, 2.0), (0,))
    text = chunks(made)[b"iXML"].decode()
    assert "TRACK_COUNT" not in text and "<FXNAME>Creak</FXNAME>" in text
    assert b"channels 1" in chunks(made)[b"bext"][602:]


@pytest.mark.parametrize("kind", ["flac", "aiff"])
def test_other_formats_say_the_same(source, tmp_path, kind):
    made = handed(source, tmp_path, form=Form(kind), rendering=Rendering(reverse=True))
    header = read_header(made)
    assert header.description and header.description.startswith("old door")
    assert header.category == "DOORWood"
    told = " ".join(header.fields.values())
    assert "Creak" in told and "Soundsift: from Door, creak.wav, reversed" in told


def test_a_flac_file_goes_on_saying_what_it_said(source, tmp_path):
    import mutagen

    first = handed(source, tmp_path, form=Form("flac"))
    tagged = mutagen.File(first)
    tagged["ARTIST"], tagged["COMMENT"] = "Anna", "recorded at night"
    tagged.save()
    second = mutagen.File(handed(first, tmp_path, (1.0, 2.0), form=Form("flac")))
    assert second["ARTIST"] == ["Anna"] and second["FXNAME"] == ["Creak"]
    assert second["COMMENT"][0].startswith("recorded at night; Soundsift: from ")
    text = chunks(handed(first, tmp_path, (1.0, 2.0)))[b"iXML"].decode()
    assert "<FXNAME>Creak</FXNAME>" in text


def test_a_sound_of_which_nothing_is_known_says_where_it_comes_from(tmp_path):
    path = tmp_path / "plain.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    made = handed(path, tmp_path, (0.25, 0.5))
    assert read_header(made).description == "from plain.wav, 0.250–0.500 s"
    data = chunks(made)[b"bext"]
    assert struct.unpack("<Q", data[338:346])[0] == RATE // 4
    assert data[602:].startswith(b"A=PCM,F=48000,W=16,M=mono\r\n")


def test_damaged_metadata_does_not_keep_a_sound_from_leaving(source, tmp_path):
    data = source.read_bytes()
    place = data.index(b"<BWFXML>")
    source.write_bytes(data[:place] + b"<BWFXXL>" + data[place + 8 :])
    text = chunks(handed(source, tmp_path, (1.0, 2.0)))[b"iXML"].decode()
    assert "<ORIGINAL_FILENAME>Door, creak.wav<" in text
    source.write_bytes(data[: data.index(b"iXML") + 6])
    assert soundfile.info(handed(source, tmp_path, (1.0, 1.5))).frames == RATE // 2


def test_another_reader_finds_the_same(source, tmp_path):
    wavinfo = pytest.importorskip("wavinfo")
    read = wavinfo.WavInfoReader(str(handed(source, tmp_path, (1.0, 2.0))))
    assert read.bext.description == "old door" and read.bext.time_reference == 480_000 + RATE
    assert read.ixml is not None and read.info.artist == "Anna"


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_strange_number_in_ixml_is_left_as_it_is(source, tmp_path, digits):
    strange = b"9" * digits
    text = IXML.replace(b">480000<", b">" + strange + b"<")
    plain = tmp_path / "plain.wav"
    soundfile.write(plain, np.zeros(RATE), RATE, "PCM_24")
    data = plain.read_bytes() + b"iXML" + struct.pack("<I", len(text)) + text
    data += b"\0" * (len(text) % 2)
    plain.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    held = chunks(handed(plain, tmp_path, (0.1, 0.5)))
    assert b"MIDNIGHT_LO>" + strange + b"<" in held[b"iXML"]
