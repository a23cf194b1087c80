"""Cue points of a source, at the same moments of what is made of it."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.handover.door import hand_over
from engine.handover.forms import Form
from engine.handover.order import Order, Rendering
from engine.metadata.riff import find_chunks, read_chunk

RATE = 48000
POINTS = {7: 0, 2: 48_000, 9: 72_000, 4: 120_000}


def chunk(chunk_id: bytes, data: bytes) -> bytes:
    return chunk_id + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return three seconds with a named cue point at 0, 1, 1.5 and 2.5 s."""
    path = tmp_path / "cued.wav"
    soundfile.write(path, np.zeros(3 * RATE), RATE, "PCM_24")
    points = struct.pack("<I", len(POINTS)) + b"".join(
        struct.pack("<II4sIII", number, 0, b"data", 0, 0, place) for number, place in POINTS.items()
    )
    names = b"".join(chunk(b"labl", struct.pack("<I", n) + b"cue %d\0" % n) for n in POINTS)
    region = chunk(b"ltxt", struct.pack("<II4sHHHH", 9, 24_000, b"rgn ", 0, 0, 0, 0))
    data = path.read_bytes() + chunk(b"cue ", points) + chunk(b"LIST", b"adtl" + names + region)
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return path


def cues(path: Path) -> tuple[dict[int, int], bytes]:
    """Return the points of a file, and its chunk of names."""
    points, names = {}, b""
    for found in find_chunks(path).chunks:
        data = read_chunk(path, found)
        if found.id == b"cue ":
            assert struct.unpack_from("<I", data)[0] == (len(data) - 4) // 24
            rows = struct.iter_unpack("<II4sIII", data[4:])
            points = {row[0]: row[5] for row in rows}
        if found.id == b"LIST" and data[:4] == b"adtl":
            names = data
    return points, names


def made(source: Path, tmp_path: Path, *what, **more) -> Path:
    return hand_over(Order(source, *what, **more), tmp_path / "out")


def test_points_of_a_part_count_from_its_beginning(source, tmp_path):
    points, names = cues(made(source, tmp_path, (0.75, 2.0)))
    assert points == {2: 12_000, 9: 36_000}
    assert b"cue 2\0" in names and b"cue 9\0" in names
    assert b"cue 7" not in names and b"cue 4" not in names


def test_points_follow_rate_speed_and_direction(source, tmp_path):
    faster = Rendering(speed=2.0)
    points, names = cues(made(source, tmp_path, form=Form("wav", 96_000), rendering=faster))
    assert points == POINTS  # twice the rate, twice the speed
    half, names = cues(made(source, tmp_path, rendering=faster))
    assert half == {number: place // 2 for number, place in POINTS.items()}
    assert struct.pack("<II4s", 9, 12_000, b"rgn ") in names
    turned, _ = cues(made(source, tmp_path, rendering=Rendering(reverse=True)))
    assert turned == {number: 3 * RATE - 1 - place for number, place in POINTS.items()}


def test_a_part_without_points_has_no_chunk_for_them(source, tmp_path):
    assert cues(made(source, tmp_path, (0.1, 0.9))) == ({}, b"")


def test_damaged_cue_points_do_not_keep_a_sound_from_leaving(source, tmp_path):
    data = source.read_bytes()
    place = data.index(b"cue ")
    source.write_bytes(data[: place + 20])
    assert soundfile.info(made(source, tmp_path, (0.5, 1.0))).frames == RATE // 2
