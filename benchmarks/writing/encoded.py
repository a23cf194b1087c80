"""Short sounds of every codec and container, encoded by libsndfile and FFmpeg."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from benchmarks.writing.ogg_pages import steady

LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1"}
RATES = (8000, 11025, 12345, 22050, 32000, 44100, 48000, 88200, 96000, 192000)
WAV, LONG, AIFF, MP3 = "WAV", "RF64 and BW64", "AIFF and AIFC", "MP3"
FLAC, OGG, MP4, OTHER = "FLAC", "Ogg", "MP4", "other"
FAMILIES = (WAV, LONG, AIFF, MP3, FLAC, OGG, MP4, OTHER)


@dataclass(frozen=True)
class Encoded:
    """A sound as an encoder made it; ``what`` names container and codec."""

    family: str
    what: str
    suffix: str
    data: bytes


def sound(rate_hz: int, channels: int, duration_s: float) -> np.ndarray:
    """Return a tone and noise, another in every channel: (frames, channels)."""
    time_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    noise = np.random.default_rng(channels).normal(0, 0.02, (len(time_s), channels))
    tones = [0.4 * np.sin(2 * np.pi * (300 + 90 * c) * time_s) for c in range(channels)]
    return np.stack(tones, 1) + noise


def by_libsndfile(
    kind: str, codec: str, rate_hz: int = 48000, channels: int = 1, duration_s: float = 0.1
) -> bytes:
    """Let libsndfile encode."""
    samples = sound(rate_hz, channels, duration_s)
    with tempfile.TemporaryDirectory() as folder:  # neither it nor FFmpeg does all in memory
        path = Path(folder) / "sound"
        soundfile.write(path, samples, rate_hz, format=kind, subtype=codec)
        data = bytearray(path.read_bytes())
    peak = data.find(b"PEAK")
    if kind in ("WAV", "WAVEX", "RF64", "AIFF") and peak >= 0:
        data[peak + 12 : peak + 16] = bytes(4)  # when it was written
    return steady(bytes(data)) if kind == "OGG" else bytes(data)


def by_ffmpeg(
    kind: str,
    codec: str,
    rate_hz: int = 48000,
    channels: int = 1,
    duration_s: float = 0.2,
    options: dict[str, str] | None = None,
    streams: int = 1,
) -> bytes:
    """Let FFmpeg encode; several streams are the same sound."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        options = {"fflags": "+bitexact", **(options or {})}
        with av.open(str(path), "w", format=kind, options=options) as container:
            every = [
                container.add_stream(codec, rate=rate_hz, layout=LAYOUTS[channels])
                for _ in range(streams)
            ]
            samples = sound(rate_hz, channels, duration_s).T.astype(np.float32)
            for audio in every:
                audio.bit_rate = 64_000 * channels
                audio.codec_context.open()
            size = every[0].codec_context.frame_size or 1024
            for start in range(0, samples.shape[1] - size + 1, size):
                _encode(container, every, samples[:, start : start + size], rate_hz, start)
            for audio in every:
                container.mux(audio.encode(None))
        return path.read_bytes()


def _encode(
    container: Any, every: list[Any], samples: np.ndarray, rate_hz: int, start: int
) -> None:
    layout = LAYOUTS[len(samples)]
    for audio in every:
        block = np.ascontiguousarray(samples)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, start
        resampler = av.AudioResampler(format=audio.codec_context.format, layout=layout)
        for converted in resampler.resample(frame):
            container.mux(audio.encode(converted))


def all_encoded(some: bool = False) -> list[Encoded]:
    """Return a sound of every make; with ``some`` one or two a family."""
    found: list[Encoded] = []
    for family, makers in (
        (WAV, _wav),
        (LONG, _long),
        (AIFF, _aiff),
        (MP3, _mp3),
        (FLAC, _flac),
        (OGG, _ogg),
        (MP4, _mp4),
        (OTHER, _other),
    ):
        for number, (what, suffix, make, *details) in enumerate(makers()):
            if some and number >= 2:
                break
            arguments, named = (details[0], details[1]) if len(details) == 2 else (details[0], {})
            found.append(Encoded(family, what, suffix, make(*arguments, **named)))
    return found


Plan = tuple[object, ...]


def _channels_and_rates(count: int) -> Iterator[tuple[int, int]]:
    for number in range(count):
        yield RATES[(3 * number) % len(RATES)], number % 6 + 1


def _lossless(kind: str, codecs: Sequence[str], suffixes: Sequence[str]) -> Iterator[Plan]:
    """Yield each codec as mono, and several rates and numbers of channels in between."""
    for number, codec in enumerate(codecs):
        suffix = suffixes[number % len(suffixes)]
        yield f"{kind} {codec}", suffix, by_libsndfile, (kind, codec)
        if codec.startswith(("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW")):
            for rate_hz, channels in list(_channels_and_rates(12))[number::4]:
                what = f"{kind} {codec} {rate_hz} Hz {channels} channels"
                yield what, suffix, by_libsndfile, (kind, codec, rate_hz, channels)


_PCM = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")


def _wav() -> Iterator[Plan]:
    codecs = (*_PCM, "PCM_U8", "IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_32")
    yield from _lossless("WAV", codecs, (".wav", ".WAV", ".wave", ".bwf"))
    yield from _lossless("WAVEX", ("PCM_24", "FLOAT"), (".wav",))
    for codec in ("libmp3lame", "mp2", "adpcm_yamaha", "adpcm_swf", "aac", "ac3", "g722"):
        rate_hz = 16000 if codec == "g722" else 44100
        yield f"{codec} in WAV", ".wav", by_ffmpeg, ("wav", codec, rate_hz, 1, 0.3)


def _long() -> Iterator[Plan]:
    yield from _lossless("RF64", (*_PCM, "PCM_U8"), (".wav", ".rf64", ".bwf"))
    yield "RF64 of FFmpeg", ".wav", by_ffmpeg, ("wav", "pcm_s16le"), {"options": {"rf64": "always"}}


def _aiff() -> Iterator[Plan]:
    codecs = ("PCM_16", "PCM_24", "PCM_32", "PCM_S8", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "ALAW")
    yield from _lossless("AIFF", codecs, (".aiff", ".aif", ".aifc"))
    for codec in ("IMA_ADPCM", "GSM610", "DWVW_16", "DWVW_24"):
        yield f"AIFF {codec}", ".aifc", by_libsndfile, ("AIFF", codec)
    for codec in ("pcm_s16le", "pcm_s24be"):
        yield f"AIFF {codec} of FFmpeg", ".aiff", by_ffmpeg, ("aiff", codec, 44100, 2)


def _mp3() -> Iterator[Plan]:
    for rate_hz, channels in ((44100, 2), (48000, 1), (32000, 2), (22050, 1), (8000, 1)):
        what = f"MP3 {rate_hz} Hz {channels} channels"
        yield what, ".mp3", by_ffmpeg, ("mp3", "libmp3lame", rate_hz, channels, 0.4)
    plain = {"options": {"write_xing": "0", "id3v2_version": "0"}}
    yield "MP3 without a Xing header", ".mp3", by_ffmpeg, ("mp3", "libmp3lame", 44100, 2), plain
    yield "MP3 of libsndfile", ".mp3", by_libsndfile, ("MP3", "MPEG_LAYER_III", 44100, 2, 0.4)
    yield "MP2", ".mp3", by_ffmpeg, ("mp2", "mp2", 48000, 2, 0.3)


def _flac() -> Iterator[Plan]:
    yield from _lossless("FLAC", ("PCM_16", "PCM_24", "PCM_S8"), (".flac",))
    for rate_hz, channels in ((44100, 2), (96000, 6), (12345, 1)):
        what = f"FLAC of FFmpeg {rate_hz} Hz {channels} channels"
        yield what, ".flac", by_ffmpeg, ("flac", "flac", rate_hz, channels)


def _ogg() -> Iterator[Plan]:
    yield "Vorbis", ".ogg", by_libsndfile, ("OGG", "VORBIS", 44100, 2, 0.3)
    yield "Opus", ".opus", by_ffmpeg, ("opus", "libopus", 48000, 2, 0.3)
    yield "Vorbis 22050 Hz", ".oga", by_libsndfile, ("OGG", "VORBIS", 22050, 1, 0.3)
    yield "Vorbis six channels", ".ogg", by_libsndfile, ("OGG", "VORBIS", 48000, 6, 0.3)
    yield "Opus of libsndfile", ".ogg", by_libsndfile, ("OGG", "OPUS", 48000, 1, 0.3)
    yield "FLAC in Ogg", ".oga", by_ffmpeg, ("ogg", "flac", 44100, 2, 0.3)
    yield "FLAC in Ogg, mono", ".ogg", by_ffmpeg, ("ogg", "flac", 96000, 1, 0.2)
    small = {"options": {"page_duration": "20000"}}
    yield "Opus in small pages", ".opus", by_ffmpeg, ("opus", "libopus", 48000, 1, 0.5), small
    yield "two Opus streams in one", ".ogg", by_ffmpeg, ("ogg", "libopus"), {"streams": 2}


def _mp4() -> Iterator[Plan]:
    first = {"options": {"movflags": "+faststart"}}
    yield "AAC", ".m4a", by_ffmpeg, ("ipod", "aac", 44100, 2)
    yield "AAC, moov first", ".m4a", by_ffmpeg, ("ipod", "aac", 44100, 1), first
    yield "AAC in MP4", ".mp4", by_ffmpeg, ("mp4", "aac", 48000, 6)
    yield "AAC in M4B, moov first", ".m4b", by_ffmpeg, ("ipod", "aac", 22050, 1), first
    yield "ALAC", ".m4a", by_ffmpeg, ("ipod", "alac", 48000, 2)
    yield "ALAC, moov first", ".m4a", by_ffmpeg, ("ipod", "alac", 96000, 1), first
    yield "MP3 in MP4", ".mp4", by_ffmpeg, ("mp4", "libmp3lame", 44100, 2), first
    yield "Opus in MP4", ".mp4", by_ffmpeg, ("mp4", "libopus", 48000, 1)
    yield "FLAC in MP4", ".mp4", by_ffmpeg, ("mp4", "flac", 48000, 2), first
    yield "PCM in QuickTime", ".mp4", by_ffmpeg, ("mov", "pcm_s16le", 48000, 2)
    yield "two AAC streams", ".m4a", by_ffmpeg, ("ipod", "aac"), {"streams": 2, **first}
    parts = {
        "options": {
            "movflags": "+frag_keyframe+empty_moov+default_base_moof",
            "frag_duration": "50000",
        }
    }
    yield "AAC in fragments", ".m4a", by_ffmpeg, ("mp4", "aac", 44100, 2), parts


def _other() -> Iterator[Plan]:
    """Yield what is read only, and what is not what its name says."""
    yield "CAF", ".caf", by_libsndfile, ("CAF", "PCM_16")
    yield "WAV called MP3", ".mp3", by_libsndfile, ("WAV", "PCM_16")
    yield "CAF ALAC", ".caf", by_libsndfile, ("CAF", "ALAC_16")
    yield "W64", ".w64", by_libsndfile, ("W64", "PCM_24")
    yield "AU", ".au", by_libsndfile, ("AU", "PCM_16")
    yield "VOC", ".voc", by_libsndfile, ("VOC", "PCM_16")
    yield "WMA", ".wma", by_ffmpeg, ("asf", "wmav2", 44100, 2)
    yield "Matroska", ".mka", by_ffmpeg, ("matroska", "libopus")
    yield "WebM", ".webm", by_ffmpeg, ("webm", "libopus")
    yield "AAC in ADTS", ".aac", by_ffmpeg, ("adts", "aac", 44100, 2)
    yield "AC-3", ".ac3", by_ffmpeg, ("ac3", "ac3", 48000, 2)
    yield "CAF called WAV", ".wav", by_libsndfile, ("CAF", "PCM_16")
    yield "W64 called WAV", ".wav", by_libsndfile, ("W64", "PCM_16")
    yield "AAC in ADTS called MP3", ".mp3", by_ffmpeg, ("adts", "aac", 44100, 2)
    yield "AAC in ADTS called M4A", ".m4a", by_ffmpeg, ("adts", "aac", 44100, 2)
    yield "Matroska called OGG", ".ogg", by_ffmpeg, ("matroska", "libopus", 48000, 2)
    yield "FLAC called WAV", ".wav", by_libsndfile, ("FLAC", "PCM_16")
    yield "MP3 called WAV", ".wav", by_ffmpeg, ("mp3", "libmp3lame", 44100, 2)
    yield "AIFF called WAV", ".wav", by_libsndfile, ("AIFF", "PCM_16")
    yield "Opus called FLAC", ".flac", by_ffmpeg, ("opus", "libopus")
