import itertools
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from engine.audio.decode import decode, probe, stream
from engine.audio.ffmpeg import Ffmpeg
from engine.audio.libsndfile import Libsndfile
from engine.errors import AudioError
from tests.conftest import encode, tone

FORMATS = [
    ("wav", "PCM_U8"),
    ("wav", "PCM_16"),
    ("wav", "PCM_24"),
    ("wav", "PCM_32"),
    ("wav", "FLOAT"),
    ("wav", "DOUBLE"),
    ("aiff", "PCM_24"),
    ("flac", "PCM_24"),
    ("ogg", "VORBIS"),
    ("opus", "OPUS"),
    ("mp3", "MPEG_LAYER_III"),
    ("w64", "PCM_24"),
    ("rf64", "PCM_16"),
    ("caf", "PCM_16"),
    ("au", "PCM_16"),
]


def write(path: Path, samples: np.ndarray, rate_hz: int, subtype: str) -> Path:
    container = {"aiff": "AIFF", "opus": "OGG"}.get(path.suffix[1:], path.suffix[1:].upper())
    soundfile.write(path, samples, rate_hz, subtype=subtype, format=container)
    return path


def loudest_hz(samples: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax()) * rate_hz / len(samples)


@pytest.mark.parametrize(("extension", "subtype"), FORMATS)
def test_every_format_is_heard_at_one_rate_in_mono(tmp_path, extension, subtype):
    rate = 48000
    stereo = np.stack([tone(1000, 2.0, rate), tone(1000, 2.0, rate)], axis=1)
    path = write(tmp_path / f"x.{extension}", stereo, rate, subtype)
    samples = decode(path, 32000)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(64000, abs=2500)
    assert loudest_hz(samples, 32000) == pytest.approx(1000, abs=2)
    steady = samples[8000:-8000]  # codecs overshoot at hard edges
    assert np.abs(steady).max() == pytest.approx(0.5, abs=0.06)
    facts = probe(path)
    assert (facts.rate_hz, facts.channels) == (rate, 2)
    assert facts.duration_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(("name", "codec"), [("x.m4a", "aac"), ("x.wma", "wmav2")])
def test_what_soundfile_cannot_read_is_read_by_ffmpeg(tmp_path, name, codec):
    path = encode(tmp_path / name, codec)
    samples = decode(path, 32000)
    assert len(samples) == pytest.approx(64000, abs=4000)
    assert loudest_hz(samples, 32000) == pytest.approx(440, abs=3)
    assert probe(path).rate_hz == 48000
    assert probe(path).bits is None


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 96000, 192000])
def test_every_rate_is_resampled_to_the_right_length_and_pitch(tmp_path, rate):
    path = write(tmp_path / "x.wav", tone(1000, 1.5, rate), rate, "PCM_24")
    samples = decode(path, 32000)
    assert len(samples) == pytest.approx(48000, abs=64)
    assert loudest_hz(samples, 32000) == pytest.approx(1000, abs=2)


def test_what_lies_above_the_new_limit_does_not_fold_back(tmp_path):
    path = write(tmp_path / "x.wav", tone(20000, 1.0, 96000), 96000, "PCM_24")
    assert np.abs(decode(path, 32000)[2000:-2000]).max() < 0.01


def test_channels_are_mixed_to_their_mean(tmp_path):
    channels = np.stack([tone(500, 1.0), np.zeros(32000), tone(500, 1.0)], axis=1)
    path = write(tmp_path / "x.wav", channels, 32000, "FLOAT")
    assert np.allclose(decode(path, 32000), channels.mean(1), atol=1e-6)


def test_a_long_file_comes_in_blocks(tmp_path):
    path = write(tmp_path / "x.flac", tone(100, 65, 8000), 8000, "PCM_16")
    lengths = [len(block) for block in stream(path, 32000)]
    assert len(lengths) >= 6
    assert max(lengths) <= 33 * 10_000
    assert sum(lengths) == pytest.approx(65 * 32000, abs=64)


def test_a_click_is_heard(tmp_path):
    path = write(tmp_path / "x.wav", tone(1000, 0.05), 32000, "PCM_16")
    assert len(decode(path, 32000)) == 1600


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "is empty"),
        (b"these are words, not a sound\n" * 100, "is not a sound file"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "is not a sound file|holds no s"),
        (bytes(5000), "is not a sound file"),
    ],
)
def test_what_is_no_sound_is_told_in_a_sentence(tmp_path, contents, words):
    path = tmp_path / "x.wav"
    path.write_bytes(contents)
    with pytest.raises(AudioError, match=words):
        decode(path, 32000)


def test_a_header_without_samples_is_told(tmp_path):
    path = write(tmp_path / "x.wav", np.zeros(0), 32000, "PCM_16")
    with pytest.raises(AudioError, match="holds no samples"):
        decode(path, 32000)


def test_truncated_files_give_what_is_there_or_a_sentence(tmp_path):
    for extension, subtype in FORMATS:
        whole = write(tmp_path / f"whole.{extension}", tone(440, 2.0, 48000), 48000, subtype)
        cut = tmp_path / f"cut.{extension}"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        try:
            assert len(decode(cut, 32000))
        except AudioError as error:
            assert str(error)


def test_random_damage_never_ends_in_anything_but_a_sentence(tmp_path):
    random = np.random.default_rng(0)
    whole = write(tmp_path / "whole.flac", tone(440, 0.5), 32000, "PCM_16").read_bytes()
    path = tmp_path / "x.flac"
    for _ in range(60):
        damaged = bytearray(whole)
        for at in random.integers(0, len(whole), 8):
            damaged[at] = int(random.integers(256))
        path.write_bytes(damaged)
        try:
            list(itertools.islice(stream(path, 32000), 20))
        except AudioError as error:
            assert "x.flac" in str(error)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(AudioError, match="does not exist"):
        decode(tmp_path / "none.wav", 32000)
    with pytest.raises(AudioError, match="is a folder"):
        decode(tmp_path, 32000)


def test_decoding_leaves_the_file_as_it_was(tmp_path):
    path = write(tmp_path / "x.wav", tone(440, 1.0), 44100, "PCM_16")
    before, facts = path.read_bytes(), path.stat()
    path.chmod(0o444)
    decode(path, 32000)
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == facts.st_mtime_ns


def test_bw64_is_read(tmp_path):
    path = write(tmp_path / "x.rf64", tone(440, 2.0, 48000), 48000, "PCM_24")
    data = bytearray(path.read_bytes())
    data[:4] = b"BW64"  # RF64 by its later name
    (tmp_path / "x.wav").write_bytes(data)
    facts = probe(tmp_path / "x.wav")
    assert (facts.rate_hz, facts.channels, facts.bits) == (48000, 1, 24)
    assert facts.duration_s == pytest.approx(2.0)
    assert loudest_hz(decode(tmp_path / "x.wav", 32000), 32000) == pytest.approx(440, abs=2)


def test_a_stream_may_begin_inside_a_file(tmp_path):
    for name, codec in (("x.wav", None), ("x.flac", None), ("x.m4a", "aac")):
        path = tmp_path / name
        if codec is None:
            soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 44100 * 30), 44100)
        else:
            encode(path, codec, 44100, duration_s=30.0)
        whole = decode(path, 32000)
        rest = np.concatenate(list(stream(path, 32000, start_s=15.0)))
        assert len(rest) == len(whole) - 15 * 32000
        assert np.allclose(rest, whole[15 * 32000 :], atol=1e-4)
        assert list(stream(path, 32000, start_s=40.0)) == []


def header(rate_hz: int = 48000, channels: int = 1, size: int = 96, bits: int = 16) -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * frame % 2**32, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", 36 + size) + body + bytes(96)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (header(rate_hz=768_000), "768000 samples a second"),
        (header(rate_hz=0), "damaged|a second|sound"),
        (header(channels=0), "damaged|channels|sound"),
        (header(channels=600), "channels|damaged|sound"),
    ],
    ids=["768 kHz", "0 Hz", "0 channels", "600 channels"],
)
def test_absurd_headers_are_told(tmp_path, contents, words):
    (tmp_path / "x.wav").write_bytes(contents)
    with pytest.raises(AudioError, match=words):
        probe(tmp_path / "x.wav")


def test_a_size_that_is_larger_than_the_file_costs_nothing(tmp_path):
    (tmp_path / "x.wav").write_bytes(header(size=0x7FFFFFF0))
    try:
        assert probe(tmp_path / "x.wav").duration_s < 1.0
    except AudioError as error:
        assert "x.wav" in str(error)


def test_hours_of_nothing_in_a_few_bytes_are_refused(tmp_path):
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
        silence = np.zeros(8000 * 600, np.int16)
        for _ in range(30):
            file.write(silence)
    with pytest.raises(AudioError, match=r"5 hours in .* bytes a second"):
        probe(path)


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("samples", [1, 2, 5, 40])
def test_a_click_of_a_few_samples_is_heard(tmp_path, rate_hz, samples):
    """It is shorter than the filter that converts its rate, and gave nothing at all."""
    path = tmp_path / "click.wav"
    soundfile.write(path, np.full(samples, 0.5), rate_hz)
    heard = decode(path, 32000)
    assert len(heard) and abs(len(heard) - samples * 32000 / rate_hz) <= 3
    assert np.abs(heard).max() > 0.05


def surround(path: Path, codec: str, layout: str, channels: int) -> Path:
    """Write low noises, one channel 3 dB below the one before, as Vorbis or Opus."""
    noise = np.random.default_rng(0).normal(0, 0.2, (channels, 48000)).astype(np.float32)
    noise = np.cumsum(noise, axis=1)
    noise -= noise.mean(1, keepdims=True)  # low: also an LFE keeps it
    samples = noise / np.abs(noise).max() * 0.7 ** np.arange(channels, dtype=np.float32)[:, None]
    if codec == "vorbis":  # in its own order, whichever that is
        soundfile.write(path, samples.T, 48000, format="OGG", subtype="VORBIS")
        return path
    with av.open(str(path), "w") as container:
        audio = container.add_stream(codec, rate=48000, layout=layout)
        audio.bit_rate = 96_000 * channels
        size = audio.codec_context.frame_size or 960
        for start in range(0, samples.shape[1] - size, size):
            block = np.ascontiguousarray(samples[:, start : start + size])
            block = np.ascontiguousarray(block.T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
            frame.sample_rate, frame.pts = 48000, start
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("codec", ["vorbis", "libopus"])
@pytest.mark.parametrize(
    ("layout", "channels"), [("3.0", 3), ("5.0", 5), ("5.1", 6), ("6.1", 7), ("7.1", 8)]
)
def test_channels_stand_in_the_order_of_wav_files_whoever_reads_them(
    tmp_path, codec, layout, channels
):
    path = surround(tmp_path / "x.ogg", codec, layout, channels)
    heard = []
    for source in (Libsndfile(path, None), Ffmpeg(path)):
        frames = source.read(4800, 24000)
        assert frames.shape == (24000, channels)
        heard.append(frames)
        source.close()
    own, others = heard
    alike = np.corrcoef(own.T, others.T)[:channels, channels:]
    assert alike.argmax(axis=1).tolist() == list(range(channels))
    assert alike.diagonal().min() > 0.95
