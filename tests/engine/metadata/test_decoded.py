"""Before a written file replaces the old one, both readers must hear the same."""

import hashlib
import struct
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from engine.errors import AudioError
from engine.metadata import write as writing
from engine.metadata.decoded import Decoded, Decodings, _Packer, decodings_of
from engine.metadata.journal import Journal
from engine.metadata.read import read_header
from engine.metadata.ucs_names import categories
from engine.metadata.write import SoundTags, write_tags
from tests.conftest import encode, tone

TAGS = SoundTags("A heavy door", categories()["doorwood"], "Creak", ("door", "wood"))
RATE = 48000


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def plain(path: Path) -> bytes:
    soundfile.write(path, tone(440, 0.3, RATE), RATE)
    return path.read_bytes()


def ffmpeg_hears(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


@pytest.mark.parametrize("sizes", [(0, 0), (0, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_a_recording_whose_sizes_were_never_filled_in_is_heard_as_before(tmp_path, sizes):
    path = tmp_path / "a.wav"
    data = bytearray(plain(path))
    riff, audio = sizes
    data[4:8], data[40:44] = struct.pack("<I", riff), struct.pack("<I", audio)
    path.write_bytes(data)
    before = decodings_of(path)
    assert ffmpeg_hears(path) == 14400
    write_tags(path, TAGS, Journal(tmp_path / "journal"))
    assert before.is_kept_by(decodings_of(path)) and ffmpeg_hears(path) == 14400
    written = path.read_bytes()
    assert written.endswith(bytes(data[44:])) and written[4:8] == struct.pack("<I", riff)
    assert read_header(path).category == "DOORWood"


def mp3_in_wav(path: Path, *behind: bytes) -> bytes:
    mp3 = encode(path.with_suffix(".mp3"), "mp3")
    with av.open(str(mp3)) as container:
        frames = b"".join(bytes(p) for p in container.demux(container.streams.audio[0]) if p.size)
        rate = container.streams.audio[0].rate
    head = struct.pack("<HHIIHHHHIHHH", 0x55, 1, rate, 16000, 1, 0, 12, 1, 2, 1152, 1, 1393)
    body = chunk(b"fmt ", head) + chunk(b"fact", struct.pack("<I", rate)) + chunk(b"data", frames)
    body += b"".join(behind)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    return path.read_bytes()


@pytest.mark.parametrize("behind", [(), (chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"mine\0")),)])
def test_mp3_in_wav_is_heard_as_before_or_refused(tmp_path, behind):
    path = tmp_path / "a.wav"
    old = mp3_in_wav(path, *behind)
    before = decodings_of(path)
    assert before.ffmpeg is not None
    try:
        write_tags(path, TAGS, Journal(tmp_path / "journal"))
    except AudioError as error:
        assert "would sound different" in str(error) and path.read_bytes() == old
    else:
        assert before.is_kept_by(decodings_of(path)) and path.read_bytes() != old


def test_a_chunk_without_size_is_heard_as_before_or_refused(tmp_path):
    path = tmp_path / "a.wav"
    data = plain(path)
    refused = 0
    for name in (b"LIST", b"acid", b"inst", b"cue ", b"fact", b"smpl", b"bext", b"PEAK", b"JUNK"):
        for place in (36, len(data)):
            made = data[:place] + name + bytes(4) + data[place:]
            made = made[:4] + struct.pack("<I", len(made) - 8) + made[8:]
            path.write_bytes(made)
            before = decodings_of(path)
            try:
                write_tags(path, TAGS, Journal(tmp_path / "journal"))
            except AudioError:
                assert path.read_bytes() == made
                refused += 1
            else:
                assert before.is_kept_by(decodings_of(path))
    assert refused < 6


@pytest.mark.parametrize("reader", ["libsndfile", "ffmpeg"])
def test_each_of_the_two_readers_has_a_veto(tmp_path, monkeypatch, reader):
    path = tmp_path / "a.wav"
    old = plain(path)

    def odd(of: Path) -> Decodings:
        found = decodings_of(of)
        heard = {"libsndfile": found.libsndfile, "ffmpeg": found.ffmpeg}
        if of != path:
            heard[reader] = None
        return Decodings(**heard)

    monkeypatch.setattr(writing, "decodings_of", odd)
    with pytest.raises(AudioError, match="would sound different"):
        write_tags(path, TAGS, Journal(tmp_path / "journal"))
    assert path.read_bytes() == old and not list((tmp_path / "journal").glob("*.json"))


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3", "m4a"])
def test_a_change_of_one_sample_is_heard(tmp_path, kind):
    path, other = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    for file, frequency in ((path, 440), (other, 441)):
        if kind in ("mp3", "m4a"):
            encode(file, "mp3" if kind == "mp3" else "aac", duration_s=1.0 + (frequency - 440) / 10)
        else:
            soundfile.write(file, tone(frequency, 0.3, RATE), RATE)
    before = decodings_of(path)
    assert before.is_kept_by(decodings_of(path))
    assert not before.is_kept_by(decodings_of(other))
    assert before.ffmpeg is not None and before.ffmpeg != decodings_of(other).ffmpeg
    if kind != "m4a":
        assert before.libsndfile is not None
        assert before.libsndfile != decodings_of(other).libsndfile
    shorter = np.zeros(10)
    if kind == "wav":
        soundfile.write(other, shorter, RATE)
        assert not before.is_kept_by(decodings_of(other))


def test_what_one_reader_could_not_read_before_it_need_not_read_after(tmp_path):
    heard = decodings_of(encode(tmp_path / "a.m4a", "aac"))
    assert heard.libsndfile is None and heard.is_kept_by(heard)
    assert not Decodings(heard.ffmpeg, heard.ffmpeg).is_kept_by(heard)


def test_what_libmpg123_says_does_not_reach_the_terminal(tmp_path, capfd):
    path = encode(tmp_path / "a.mp3", "mp3")
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + bytes(700) + data[half + 333 : -200])
    heard = decodings_of(path)
    assert heard.libsndfile is not None and heard.ffmpeg is not None
    print("still here", file=sys.stderr)
    assert capfd.readouterr().err == "still here\n"


def test_what_is_heard_is_rate_channels_frames_and_samples(tmp_path):
    both = np.stack([tone(440, 2.0, 44100), tone(441, 2.0, 44100)], 1)
    samples = (both * 30_000).astype(np.int16)
    paths = [tmp_path / name for name in ("a.wav", "a.flac", "a.aiff")]
    for path in paths:
        soundfile.write(path, samples, 44100, subtype="PCM_16")
    wav, flac, aiff = map(decodings_of, paths)
    for heard in (wav.libsndfile, wav.ffmpeg):
        shape = (heard.rate_hz, heard.channels, heard.frames, heard.whole)
        assert shape == (44100, 2, len(samples), True) and len(heard.digest) == 40
    assert wav.libsndfile == flac.libsndfile == aiff.libsndfile
    held = np.ascontiguousarray(soundfile.read(paths[0], dtype="float64")[0]).tobytes()
    assert wav.libsndfile.digest == hashlib.blake2b(held, digest_size=20).hexdigest()
    samples[-1, 1] += 1
    soundfile.write(paths[0], samples, 44100, subtype="PCM_16")
    other = decodings_of(paths[0])
    assert other.libsndfile != wav.libsndfile and other.ffmpeg != wav.ffmpeg
    assert other.libsndfile.frames == wav.libsndfile.frames


def test_what_is_no_sound_is_heard_by_nobody(tmp_path):
    path = tmp_path / "a.wav"
    for data in (b"", b"words", bytes(1000)):
        path.write_bytes(data)
        assert decodings_of(path) == Decodings(None, None)
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 16
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
        out.mux([*stream.encode(frame), *stream.encode(None)])
    assert decodings_of(tmp_path / "a.mp4") == Decodings(None, None)


def test_a_file_that_is_damaged_inside_is_heard_up_to_there(tmp_path):
    path = tmp_path / "a.flac"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, RATE)
    soundfile.write(path, noise, RATE)
    whole = decodings_of(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(data)
    heard = decodings_of(path)
    assert heard.ffmpeg is not None and heard.ffmpeg != whole.ffmpeg
    assert heard.libsndfile is None or heard.libsndfile != whole.libsndfile
    assert heard.is_kept_by(decodings_of(path)) and not heard.is_kept_by(whole)


def test_a_reader_that_stops_at_damage_says_that_it_did(tmp_path):
    path = encode(tmp_path / "a.mp3", "mp3")
    data = bytearray(path.read_bytes())
    assert decodings_of(path).libsndfile.whole and decodings_of(path).ffmpeg.whole
    middle = len(data) // 2
    data[middle : middle + len(data) // 4] = bytes(len(data) // 4)
    path.write_bytes(data)
    heard = decodings_of(path)
    assert not heard.libsndfile.whole and not heard.ffmpeg.whole
    assert 0 < heard.ffmpeg.frames < 60_000


def test_a_change_of_shape_inside_a_stream_is_heard():
    def frame(layout: str, rate: int) -> av.AudioFrame:
        made = av.AudioFrame.from_ndarray(np.zeros((1, 8), np.int16), "s16", layout)
        made.sample_rate = rate
        return made

    packer = _Packer()
    packed = [packer.pack(frame("mono", rate)) for rate in (8000, 16000)]
    assert packed == [b"s16 1 8000" + bytes(16), b"s16 1 16000" + bytes(16)]


def test_both_readers_have_to_hear_what_they_heard():
    one, other = (Decoded(48000, 1, n, "x", True) for n in (1, 2))
    both = Decodings(one, one)
    assert both.is_kept_by(both) and Decodings(None, None).is_kept_by(both)
    assert Decodings(None, one).is_kept_by(both) and Decodings(one, None).is_kept_by(both)
    for worse in (
        Decodings(one, other),
        Decodings(other, one),
        Decodings(None, one),
        Decodings(one, None),
    ):
        assert not both.is_kept_by(worse)
