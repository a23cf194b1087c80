"""Damaged files: what is in them is heard in its place, and what is lost is told."""

import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from mutagen.mp4 import MP4, MP4FreeForm

from engine.audio.clip import Clip
from engine.audio.decode import decode, probe, stream
from engine.audio.ffmpeg import flac_place
from engine.audio.ogg import missing_pages
from engine.audio.peaks import read_peaks
from engine.errors import AudioError
from engine.progress import Control
from tests.conftest import encode, tone

RATE = 44100
LIST = b"LIST\x14\0\0\0INFOICMT\x08\0\0\0a door\0\0"


def noise(duration_s: float, channels: int = 2) -> np.ndarray:
    """Return noise that tells every moment from every other."""
    shape = (round(duration_s * RATE), channels)
    return np.random.default_rng(0).normal(0, 0.1, shape).clip(-1, 1).astype(np.float32)


def write(path: Path, samples: np.ndarray, subtype: str = "PCM_16") -> bytes:
    container = {"opus": "OGG", "aiff": "AIFF"}.get(path.suffix[1:], path.suffix[1:].upper())
    rate = 48000 if subtype == "OPUS" else RATE
    soundfile.write(path, samples, rate, subtype=subtype, format=container)
    return path.read_bytes()


def heard(path: Path) -> tuple[np.ndarray, str | None]:
    """Return all of a file at its own rate, as it is listened to, and the note of damage."""
    sound = stream(path, probe(path).rate_hz)
    blocks = list(sound)
    return np.concatenate(blocks), sound.damage


def mono(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)


def unfinished(data: bytes, riff: int, size: int) -> bytearray:
    """Return a WAV file with other sizes in its header."""
    changed = bytearray(data)
    changed[4:8] = struct.pack("<I", riff)
    changed[data.index(b"data") + 4 : data.index(b"data") + 8] = struct.pack("<I", size)
    return changed


@pytest.mark.parametrize("claimed", [0, 1 << 35])
def test_a_flac_file_of_unknown_or_impossible_length_is_heard_wholly(tmp_path, claimed):
    path = tmp_path / "x.flac"
    data = bytearray(write(path, noise(5.0)))
    expected = mono(path)
    data[21] = data[21] & 0xF0 | claimed >> 32
    data[22:26] = struct.pack(">I", claimed & 0xFFFFFFFF)
    path.write_bytes(data)
    found, damage = heard(path)
    assert np.array_equal(found, expected)
    assert damage is None
    facts = probe(path)
    assert (facts.duration_s, facts.bits, facts.format) == (5.0, 16, "flac")
    with Clip(path) as clip:
        assert clip.frames == 5 * RATE
        assert np.array_equal(clip.read(3 * RATE, 500).mean(1), expected[3 * RATE :][:500])


@pytest.mark.parametrize(
    ("riff", "size", "words"),
    [
        (0, 0, "never finished, 3.0 s"),
        (36, 0, "never finished, 3.0 s"),
        (0xFFFFFFFF, 0xFFFFFFFF, None),
        (0, None, None),
    ],
)
@pytest.mark.parametrize("tail", [b"", LIST], ids=["bare", "with texts behind"])
def test_a_wav_file_without_sizes_is_heard_wholly_and_no_text_as_sound(
    tmp_path, riff, size, words, tail
):
    path = tmp_path / "x.wav"
    data = write(path, noise(3.0))
    expected = mono(path)
    size = len(data) - 44 if size is None else size
    path.write_bytes(unfinished(data, riff, size) + tail)
    found, damage = heard(path)
    assert np.array_equal(found, expected)
    assert words in damage if words else damage is None
    facts = probe(path)
    assert (facts.duration_s, facts.bits, facts.format) == (3.0, 16, "wav")
    with Clip(path) as clip:
        assert clip.frames == 3 * RATE
        assert np.array_equal(clip.read(RATE, 100).mean(1), expected[RATE : RATE + 100])


def test_an_rf64_file_whose_sizes_were_never_written_is_heard(tmp_path):
    path = tmp_path / "x.rf64"
    data = bytearray(write(path, noise(2.0)))
    expected = mono(path)
    at = data.index(b"ds64") + 8
    data[at : at + 24] = bytes(24)
    path.write_bytes(data)
    found, damage = heard(path)
    assert np.array_equal(found, expected)
    assert "never finished" in damage


def test_a_wav_file_that_holds_texts_alone_is_no_sound(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(unfinished(write(path, noise(0.0)), 36, 0) + LIST * 400)
    with pytest.raises(AudioError, match="holds no samples"):
        decode(path, RATE)


@pytest.mark.parametrize(("extension", "head"), [("wav", 44), ("aiff", 54)])
def test_a_file_shorter_than_its_header_says_is_heard_as_far_as_it_goes(tmp_path, extension, head):
    path = tmp_path / f"x.{extension}"
    data = write(path, noise(4.0))
    expected = mono(path)
    path.write_bytes(data[: head + 4 * RATE + 2])
    found, damage = heard(path)
    assert np.array_equal(found, expected[: len(found)])
    assert len(found) == RATE
    assert damage == "damaged: 1.0 of about 4.0 s could be read"


@pytest.mark.parametrize(
    ("extension", "subtype"),
    [("flac", "PCM_16"), ("ogg", "VORBIS"), ("opus", "OPUS"), ("mp3", "MPEG_LAYER_III")],
)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_heard_up_to_there(tmp_path, extension, subtype, share):
    path = tmp_path / f"x.{extension}"
    data = write(path, noise(6.0), subtype)
    whole, damage = heard(path)
    assert damage is None
    path.write_bytes(data[: round(len(data) * share)])
    found, damage = heard(path)
    assert damage.startswith("damaged: ")
    assert (share - 0.25) * len(whole) < len(found) < (share + 0.15) * len(whole)
    before = len(found) - 4800  # of the last frame or page, a part may be there
    assert np.abs(found[:before] - whole[:before]).max(initial=0) < 1e-4
    with Clip(path) as clip:
        assert clip.frames == pytest.approx(len(found), abs=4800)
        assert len(clip.read(0, len(whole))) == len(found)
    assert read_peaks(path, Control()).frames == len(found)


def test_a_cut_m4a_file_without_its_table_is_refused_in_a_sentence(tmp_path):
    path = encode(tmp_path / "x.m4a", "aac")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(AudioError, match=r"x\.m4a is not a sound file, or its header is damaged"):
        decode(path, RATE)


@pytest.mark.parametrize("bytes_lost", [0, 3000], ids=["bytes changed", "bytes missing"])
@pytest.mark.parametrize(
    ("extension", "subtype"), [("flac", "PCM_16"), ("ogg", "VORBIS"), ("opus", "OPUS")]
)
def test_what_follows_damage_is_heard_in_its_place(tmp_path, extension, subtype, bytes_lost):
    path = tmp_path / f"x.{extension}"
    data = bytearray(write(path, noise(8.0), subtype))
    whole, _ = heard(path)
    middle = len(data) // 2
    if bytes_lost:
        del data[middle : middle + bytes_lost]
    for place in range(middle, middle + 20):
        data[place] ^= 0x5A
    path.write_bytes(data)
    found, damage = heard(path)
    assert len(found) == len(whole)
    wrong = np.flatnonzero(np.abs(found - whole) > 1e-3)
    assert wrong.min() / RATE > 3.0 and wrong.max() / RATE < 6.0
    assert len(wrong) < 1.5 * RATE
    assert damage.startswith("damaged: ") and "s could" in damage
    with Clip(path) as clip:
        late = clip.read(7 * RATE, 1000).mean(1)
    assert np.abs(late - whole[7 * RATE : 7 * RATE + 1000]).max() < 1e-3


def test_an_m4a_file_with_a_damaged_packet_is_heard_before_and_behind_it(tmp_path):
    path = encode(tmp_path / "x.m4a", "aac", RATE, 8.0)
    whole, damage = heard(path)
    assert damage is None
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = b"\xff" * 300
    path.write_bytes(data)
    found, damage = heard(path)
    assert len(found) == len(whole) and damage is not None
    wrong = np.flatnonzero(np.abs(found - whole) > 1e-3)
    assert wrong.min() / RATE > 2.0 and wrong.max() / RATE < 6.0


def test_mp3_files_with_junk_in_front_or_a_hole_are_heard(tmp_path):
    path = tmp_path / "x.mp3"
    data = write(path, noise(6.0), "MPEG_LAYER_III")
    whole, _ = heard(path)
    path.write_bytes(np.random.default_rng(1).bytes(5000).replace(b"\xff", b"\0") + data)
    found, damage = heard(path)
    assert damage is None and len(whole) <= len(found) < len(whole) + 4 * 1152
    shifted = found[len(found) - len(whole) :]
    best = max(np.dot(np.roll(shifted, -n)[:RATE], whole[:RATE]) for n in range(-3500, 3500))
    assert best > 0.9 * np.dot(whole[:RATE], whole[:RATE])
    middle = len(data) // 2
    path.write_bytes(data[:middle] + data[middle + 4000 :])
    found, damage = heard(path)
    assert damage is not None
    assert np.abs(found[: 2 * RATE] - whole[: 2 * RATE]).max() < 1e-4
    assert len(whole) - RATE < len(found) < len(whole)


def test_an_mp3_file_is_as_long_and_begins_where_its_encoder_says(tmp_path):
    path = tmp_path / "x.mp3"
    samples = np.zeros((3 * RATE, 1), np.float32)
    samples[10_000:10_010] = 0.9
    write(path, samples, "MPEG_LAYER_III")
    found, damage = heard(path)
    assert (len(found), damage) == (3 * RATE, None)
    assert abs(int(np.abs(found).argmax()) - 10_005) < 8
    assert probe(path).format == "mp3"
    with Clip(path) as clip:
        assert clip.frames == 3 * RATE


@pytest.mark.parametrize(("rate", "bits_a_second"), [(44100, 128_000), (22050, 24_000)])
@pytest.mark.parametrize("tagged", [True, False])
def test_an_mp3_file_reads_the_same_from_anywhere(tmp_path, rate, bits_a_second, tagged):
    path = tmp_path / "x.mp3"
    options = {} if tagged else {"write_xing": "0", "id3v2_version": "0"}
    samples = noise(12.0, 1)[:, 0]
    with av.open(str(path), "w", options=options) as container:
        audio = container.add_stream("libmp3lame", rate=rate, layout="mono")
        audio.bit_rate = bits_a_second
        for start in range(0, len(samples) - 1152, 1152):
            block = np.ascontiguousarray(samples[None, start : start + 1152])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    with Clip(path) as clip:
        whole = clip.read(0, 1 << 30)
        assert clip.frames == len(whole)
    random = np.random.default_rng(0)
    with Clip(path) as clip:
        for start in random.integers(0, len(whole), 30):
            assert np.abs(clip.read(int(start), 3000) - whole[start : start + 3000]).max() < 1e-4


def test_samples_that_are_not_numbers_are_silent_and_told(tmp_path):
    path = tmp_path / "x.wav"
    samples = noise(2.0, 1)[:, 0]
    samples[RATE : RATE + RATE // 2] = np.nan
    samples[10] = np.inf
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    found, damage = heard(path)
    assert np.array_equal(found, np.nan_to_num(samples, nan=0.0, posinf=0.0))
    assert damage == "damaged: 1.5 of about 2.0 s could be read"
    samples[RATE] = 3e38  # a number, but no sound: a byte of its exponent was damaged
    samples[RATE + 1 :] = -0.5
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    found, damage = heard(path)
    assert np.abs(found).max() < 1 and (found[RATE : RATE + 2] == [0.0, -0.5]).all()
    assert damage == "damaged: less than 0.1 of 2.0 s could not be read"
    samples[:] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="none of it could be read"):
        decode(path, RATE)


def test_a_click_is_heard_but_not_the_splinter_of_a_damaged_file(tmp_path):
    path = tmp_path / "x.wav"
    data = write(path, noise(0.05))
    assert heard(path)[1] is None
    path.write_bytes(unfinished(data, 0, 0x7FFFFFF0))
    with pytest.raises(AudioError, match="none of it could be read"):
        decode(path, RATE)


@pytest.mark.parametrize(
    ("true", "lie"), [("wav", "mp3"), ("mp3", "wav"), ("flac", "wav"), ("ogg", "aiff")]
)
def test_an_extension_may_lie(tmp_path, true, lie):
    subtype = {"mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}.get(true, "PCM_16")
    path = tmp_path / f"x.{true}"
    write(path, noise(2.0), subtype)
    expected, _ = heard(path)
    liar = path.rename(tmp_path / f"x.{lie}")
    found, damage = heard(liar)
    assert np.array_equal(found, expected) and damage is None
    assert probe(liar).format == true


def test_what_is_lost_before_the_start_of_a_stream_is_told_too(tmp_path):
    path = tmp_path / "x.flac"
    data = bytearray(write(path, noise(30.0)))
    data[len(data) // 4 : len(data) // 4 + 9] = b"\xff" * 9
    path.write_bytes(data)
    whole, damage = heard(path)
    rest = stream(path, RATE, start_s=15.0)
    assert np.array_equal(np.concatenate(list(rest)), whole[15 * RATE :])
    assert rest.damage == damage is not None


def test_the_pages_of_an_ogg_file_are_counted(tmp_path):
    path = tmp_path / "x.ogg"
    data = bytearray(write(path, noise(6.0), "VORBIS"))
    whole = missing_pages(path, RATE)
    assert (whole.lost_s, whole.is_cut) == (0.0, False)
    path.write_bytes(data[: data.rindex(b"OggS")])
    assert missing_pages(path, RATE).is_cut
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = missing_pages(path, RATE)
    assert 0.05 < found.lost_s < 3.0 and not found.is_cut


@pytest.mark.parametrize("number", [0, 1, 127, 128, 2047, 2048, 65535, 65536, (1 << 31) - 1])
def test_a_flac_frame_tells_its_place(number):
    if number < 128:
        coded = bytes([number])
    else:
        count = next(n for n in range(2, 8) if number < 1 << (5 * n + 1))
        more = [0x80 | number >> 6 * n & 0x3F for n in reversed(range(count - 1))]
        coded = bytes([0xFF & ~(0xFF >> count) | number >> 6 * (count - 1), *more])
    assert flac_place(b"\xff\xf8\xc9\x98" + coded + bytes(12), 4096) == number * 4096
    assert flac_place(b"\xff\xf9\xc9\x98" + coded + bytes(12), 4096) == number
    assert flac_place(b"\xff\xf0\xc9\x98" + coded + bytes(12), 4096) is None


def test_decoders_say_nothing_themselves(tmp_path):
    for extension, subtype in (
        ("mp3", "MPEG_LAYER_III"),
        ("flac", "PCM_16"),
        ("ogg", "VORBIS"),
        ("opus", "OPUS"),
    ):
        path = tmp_path / f"x.{extension}"
        data = write(path, noise(3.0), subtype)
        middle = len(data) // 2
        (tmp_path / f"cut.{extension}").write_bytes(data[:middle])
        (tmp_path / f"hole.{extension}").write_bytes(data[:middle] + data[middle + 3001 :])
        (tmp_path / f"early.{extension}").write_bytes(data[:700] + data[2500:])
    random = np.random.default_rng(0)
    for number in range(5):  # begins as an MP3 file does, but FFmpeg does not take it for one
        (tmp_path / f"no{number}.mp3").write_bytes(b"\xff\xfb\x90\x64" + random.bytes(3000))
    wave = header_of_mpeg() + (tmp_path / "hole.mp3").read_bytes()
    (tmp_path / "mpeg.wav").write_bytes(wave)
    m4a = encode(tmp_path / "x.m4a", "aac")
    data = bytearray(m4a.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    m4a.write_bytes(data)
    script = (
        "import pathlib, sys\n"
        "from engine.audio.decode import probe, stream\n"
        "from engine.audio.clip import Clip\n"
        "from engine.errors import AudioError\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try:\n"
        "        probe(path)\n"
        "        list(stream(path, 32000))\n"
        "        with Clip(path) as clip:\n"
        "            clip.read(clip.frames // 2, 1000)\n"
        "    except AudioError:\n"
        "        pass\n"
        "print('done')\n"
    )
    run = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("done\n", "")


def header_of_mpeg() -> bytes:
    """Return the beginning of a WAV file that holds MPEG audio."""
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 2, RATE, 16000, 1, 0, 12, 1, 2, 417, 1, 1393)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 1 << 20)
    return b"RIFF" + struct.pack("<I", 1 << 20) + body


def test_a_long_hole_costs_no_memory_and_no_invented_time(tmp_path):
    """A packet that claims to be hours away does not make hours of silence."""
    path = tmp_path / "x.flac"
    write(path, np.stack([tone(440, 2.0, RATE)] * 2, 1))
    data = bytearray(path.read_bytes())
    data[21:26] = bytes([data[21] & 0xF0]) + bytes(4)  # of unknown length
    at = data.index(b"\xff\xf8", 8000)
    path.write_bytes(data[:at] + data[at:].replace(b"\xff\xf8", b"\xff\xf9"))
    try:
        found, _ = heard(path)
        assert len(found) < 3 * RATE
    except AudioError as error:
        assert "x.flac" in str(error)


def test_tags_in_an_older_encoding_do_not_hide_a_sound(tmp_path):
    path = encode(tmp_path / "a.m4a", "aac")
    data = path.read_bytes()
    tagged = MP4(path)
    tagged["----:mine:thing"] = [MP4FreeForm(b"It\x92s \xff")]
    tagged.save()
    assert path.read_bytes() != data
    assert abs(len(decode(path, 48000)) / 48000 - 2.0) < 0.05


@pytest.mark.parametrize("name", ["a.mp3", "A.MP3", "a.au", "a.snd"])
def test_what_is_called_a_sound_and_is_none_is_refused_without_a_word_in_the_terminal(
    tmp_path, capfd, name
):
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(20_000))
    with pytest.raises(AudioError, match="is not a sound file"):
        probe(tmp_path / name)
    assert capfd.readouterr() == ("", "")
