"""Loudness against the signals of EBU Tech 3341 and 3342, made by their definition, and FFmpeg."""

import math

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.loudness import (
    SILENT_LUFS,
    Loudness,
    LoudnessMeter,
    channel_weights,
    gain_db,
    loudness_of,
)

RATE = 48000


def sines(*parts, rate_hz=RATE, channels=2, frequency_hz=1000.0):
    """Return (level dBFS, seconds) one after another, the same in all channels."""
    total = round(sum(seconds for _, seconds in parts) * rate_hz)
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(total) / rate_hz)
    gain = np.concatenate([np.full(round(s * rate_hz), 10 ** (level / 20)) for level, s in parts])
    return np.repeat((wave * gain[:total])[:, None], channels, axis=1).astype(np.float32)


def measured(frames, rate_hz=RATE, block=None):
    meter = LoudnessMeter(rate_hz, frames.shape[1])
    for start in range(0, len(frames), block or len(frames)):
        meter.add(frames[start : start + (block or len(frames))])
    return meter


TECH_3341 = {  # test cases 1 to 5, all to be read as -23 LUFS but the second
    1: (-23.0, sines((-23, 20))),
    2: (-33.0, sines((-33, 20))),
    3: (-23.0, sines((-36, 10), (-23, 60), (-36, 10))),
    4: (-23.0, sines((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10))),
    5: (-23.0, sines((-26, 20), (-20, 20.1), (-26, 20))),
}


@pytest.mark.parametrize("case", TECH_3341)
def test_the_signals_of_tech_3341_read_as_they_should(case):
    wanted, frames = TECH_3341[case]
    assert measured(frames).loudness().lufs == pytest.approx(wanted, abs=0.1)


def test_surround_channels_count_more():
    """Tech 3341, case 6: 5.0, and the same as 5.1 whatever its LFE plays."""
    levels = (-28, -28, -24, -30, -30)
    frames = np.concatenate([sines((level, 20), channels=1) for level in levels], axis=1)
    assert measured(frames).loudness().lufs == pytest.approx(-23.0, abs=0.1)
    with_lfe = np.insert(frames, 3, sines((-6, 20), channels=1)[:, 0], axis=1)
    assert measured(with_lfe).loudness().lufs == pytest.approx(-23.0, abs=0.1)
    assert channel_weights(8)[3] == 0 and channel_weights(8)[7] > 1 == channel_weights(8)[5]


def test_short_term_and_momentary_meters_stand_still_where_they_should():
    """Tech 3341, cases 9 and 12: constant -23 after 3 s, and after 1 s."""
    frames = sines(*[(-20, 1.34), (-30, 1.66)] * 5)
    assert np.allclose(measured(frames).short_term, -23.0, atol=0.1)
    frames = sines(*[(-20, 0.18), (-30, 0.22)] * 25)
    assert np.allclose(measured(frames).momentary[6:], -23.0, atol=0.1)


@pytest.mark.parametrize("tone_s", [0.4, 0.8, 1.6])
def test_a_tone_between_silences_reaches_its_momentary_loudness(tone_s):
    """Tech 3341, case 13 in kind: whatever silence comes before it."""
    for before_s in (0.0, 0.1, 0.5, 1.3):
        frames = np.concatenate([np.zeros((round(before_s * RATE), 2)), sines((-23, tone_s))])
        frames = np.concatenate([frames, np.zeros((RATE, 2))]).astype(np.float32)
        assert measured(frames).momentary.max() == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("of_rate", "phase_deg", "amplitude", "wanted_db"),
    [  # Tech 3341, cases 15 to 19
        (4, 0.0, 0.5, -6.0),
        (4, 45.0, 0.5, -6.0),
        (6, 60.0, 0.5, -6.0),
        (8, 67.5, 0.5, -6.0),
        (4, 45.0, 1.41, 3.0),
    ],
)
@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_peaks_between_samples_are_seen(of_rate, phase_deg, amplitude, wanted_db, rate_hz):
    t = np.arange(rate_hz)
    wave = amplitude * np.sin(2 * np.pi * t / of_rate + math.radians(phase_deg))
    fade = np.minimum(1, np.minimum(t, t[::-1]) / (0.1 * rate_hz))  # a sudden end rings
    frames = np.repeat((wave * fade)[:, None], 2, axis=1).astype(np.float32)
    found = measured(frames, rate_hz).loudness().peak_db
    assert wanted_db - 0.4 <= found <= wanted_db + 0.2
    if (of_rate, phase_deg) == (4, 45.0):  # where the samples alone are 3 dB below
        assert found > 20 * math.log10(np.abs(frames).max()) + 2.5


@pytest.mark.parametrize("offset", range(4))
def test_a_peak_is_seen_wherever_it_lies_between_samples(offset):
    """Tech 3341, cases 20 to 23: a burst at full scale, four times oversampled, moved by each."""
    n = np.arange(4 * RATE) + offset
    wave = np.sin(2 * np.pi * n / 24) * np.exp(-(((n - 2 * RATE) / 2000) ** 2))
    wave /= np.abs(wave).max()
    spectrum = np.fft.rfft(wave)  # of which nothing lies above the new half rate
    frames = np.fft.irfft(spectrum[: RATE // 2 + 1], RATE)[:, None] / 4
    found = measured(np.repeat(frames, 2, axis=1).astype(np.float32)).loudness().peak_db
    assert -0.4 <= found <= 0.2


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)],
)
def test_the_signals_of_tech_3342_have_their_range(levels, wanted):
    frames = sines(*((level, 20) for level in levels))
    assert measured(frames).loudness().range_lu == pytest.approx(wanted, abs=0.1)


def by_ffmpeg(frames, rate_hz, layout):
    """Return integrated loudness, range and true peak as FFmpeg's filter ebur128 measures them."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate_hz, format="fltp", layout=layout)
    meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    found = {}
    for start in range(0, len(frames), rate_hz):
        block = np.ascontiguousarray(frames[start : start + rate_hz].T)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, start
        source.push(frame)
        while True:
            try:
                found |= sink.pull().metadata
            except (av.error.BlockingIOError, av.error.EOFError):
                break
    return found


@settings(max_examples=12)
@given(
    seed=st.integers(0, 1000),
    rate_hz=st.sampled_from([22050, 44100, 48000, 96000]),
    channels=st.sampled_from([1, 2, 6]),
    seconds=st.floats(1.0, 12.0),
)
def test_noise_that_comes_and_goes_reads_as_in_ffmpeg(seed, rate_hz, channels, seconds):
    random = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    level = np.repeat(10 ** (random.uniform(-50, -6, 40) / 20), -(-count // 40))[:count]
    frames = (random.uniform(-1, 1, (count, channels)) * level[:, None]).astype(np.float32)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    theirs = by_ffmpeg(frames, rate_hz, layout)
    whole = frames[
        : count // (rate_hz // 10) * (rate_hz // 10)
    ]  # it leaves a last part of 100 ms out
    ours = measured(whole, rate_hz).loudness()
    assert ours.lufs == pytest.approx(float(theirs["lavfi.r128.I"]), abs=0.1)


def test_any_blocks_give_the_same():
    random = np.random.default_rng(1)
    frames = (random.uniform(-1, 1, (4 * 11025, 2)) * 0.3).astype(np.float32)
    whole = measured(frames, 11025).loudness()
    for block in (1, 37, 1102, 40000)[1:]:
        parts = measured(frames, 11025, block).loudness()
        assert parts.lufs == pytest.approx(whole.lufs, abs=1e-6)
        assert parts.peak_db == pytest.approx(whole.peak_db, abs=1e-4)


def test_a_sound_shorter_than_a_block_is_measured_as_one():
    frames = sines((-20, 0.2))
    assert measured(frames).loudness().lufs == pytest.approx(-20 - 3.01, abs=0.1)
    assert measured(frames).loudness().range_lu is None


def test_silence_is_at_the_gate_and_has_no_peak():
    frames = np.zeros((RATE, 2), np.float32)
    assert measured(frames).loudness() == Loudness(SILENT_LUFS, None, -120.0)


def test_the_gain_that_matches_never_lifts_a_true_peak_above_full_scale():
    assert gain_db(Loudness(-30.0, None, -20.0), -23.0) == 7.0
    assert gain_db(Loudness(-40.0, None, -6.0), -23.0) == 6.0
    assert gain_db(Loudness(-10.0, None, 1.5), -8.0) == -1.5


def test_a_file_is_measured_with_all_its_channels(tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, sines((-23, 3.5)), RATE, subtype="PCM_24")
    found = loudness_of(path)
    assert found.lufs == pytest.approx(-23.0, abs=0.1)
    assert found.peak_db == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("rate_hz", [1, 7, 99, 1000, 384_000])
def test_whatever_rate_a_header_claims_there_is_a_figure(rate_hz):
    frames = np.random.default_rng(0).uniform(-1, 1, (5000, 3)).astype(np.float32)
    found = measured(frames, rate_hz, 700).loudness()
    assert -70 <= found.lufs < 30 and -1 < found.peak_db < 6
