"""The places that files mark, as they lie in their chunks."""

import struct

import numpy as np
import pytest
import soundfile

from engine.metadata.markers import Marker, read_markers
from engine.metadata.riff import find_chunks
from tests.engine.metadata.test_cue_labels import adtl, label
from tests.engine.metadata.test_riff import chunk

RATE = 48000


def with_chunks(path, *chunks, **how):
    """Write a second of sound, and chunks behind it."""
    soundfile.write(path, np.zeros((RATE, 2)), RATE, **how)
    data = path.read_bytes() + b"".join(chunks)
    order = ">" if data[:4] == b"FORM" else "<"
    path.write_bytes(data[:4] + struct.pack(f"{order}I", len(data) - 8) + data[8:])
    return path


def cue(*places):
    rows = [
        struct.pack("<II4sIII", number, 0, b"data", 0, 0, at) for number, at in enumerate(places, 1)
    ]
    return chunk(b"cue ", struct.pack("<I", len(rows)) + b"".join(rows))


def test_cue_points_are_named_by_their_labels_and_last_as_long_as_they_say(tmp_path):
    ltxt = chunk(b"ltxt", struct.pack("<II4s4H", 2, 4800, b"rgn ", 0, 0, 0, 0))
    path = with_chunks(
        tmp_path / "a.wav",
        cue(24000, 12000, 6000),
        adtl(label(1, b"slam\0"), label(2, b"creak\0"), ltxt),
    )
    assert read_markers(path) == (
        Marker(0.125),
        Marker(0.25, "creak", 0.35),
        Marker(0.5, "slam"),
    )


def test_loops_of_samplers_are_marked_from_end_to_end(tmp_path):
    body = bytes(28) + struct.pack("<II", 1, 0) + struct.pack("<6I", 0, 0, 4800, 9599, 0, 0)
    path = with_chunks(tmp_path / "a.wav", chunk(b"smpl", body))
    assert read_markers(path) == (Marker(0.1, "loop", 0.2),)


@pytest.mark.parametrize("name", [b"go", b"odd"])
def test_markers_of_aiff_files_are_read(tmp_path, name):
    text = bytes([len(name)]) + name
    text += b"\0" * (len(text) % 2)
    rows = struct.pack(">HI", 1, 12000) + text + struct.pack(">HI", 2, 24000) + b"\0\0"
    body = struct.pack(">H", 2) + rows
    mark = b"MARK" + struct.pack(">I", len(body)) + body
    path = with_chunks(tmp_path / "a.aiff", mark, format="AIFF")
    assert find_chunks(path).first(b"MARK") is not None
    assert read_markers(path) == (Marker(0.25, name.decode()), Marker(0.5))


def test_whatever_is_damaged_or_no_such_file_marks_nothing(tmp_path):
    words = tmp_path / "a.txt"
    words.write_text("words")
    flac = tmp_path / "a.flac"
    soundfile.write(flac, np.zeros(100), RATE)
    for path in (words, flac, tmp_path / "none.wav"):
        assert read_markers(path) == ()
    whole = cue(4800, 9600)
    cut = with_chunks(tmp_path / "cut.wav", whole[:-10])
    assert read_markers(cut) == (Marker(0.1),)
    empty = with_chunks(tmp_path / "empty.wav", chunk(b"cue ", b""), chunk(b"smpl", b"\1"))
    assert read_markers(empty) == ()


def test_no_more_than_a_thousand_are_read(tmp_path):
    path = with_chunks(tmp_path / "many.wav", cue(*range(1500)))
    assert len(read_markers(path)) == 1000
