"""Speed without pitch, pitch without speed: to the cent, to the frame, as sharp as it was."""

import numpy as np
import pytest

from engine.audio.onsets import Onsets
from engine.audio.stretch import stretch

RATE = 48000
WAYS = [(0.5, 0), (2.0, 0), (1.0, 7), (1.0, -12), (0.75, 3), (1.5, -5), (4.0, 0), (0.25, 0)]


def stretched(frames, speed, semitones, rate_hz=RATE, block=10_007):
    blocks = (frames[start : start + block] for start in range(0, len(frames), block))
    return np.concatenate(list(stretch(blocks, rate_hz, frames.shape[1], speed, semitones)))


def sine(frequency_hz, seconds=3.0, rate_hz=RATE, channels=1):
    wave = 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def frequency_of(samples, rate_hz=RATE):
    """Return the frequency of a tone, by how far its phase turns: to a hundredth of a cent."""
    spectrum = np.fft.rfft(samples * np.hanning(len(samples)))
    coarse = np.abs(spectrum).argmax() * rate_hz / len(samples)
    turned = samples * np.exp(-2j * np.pi * coarse * np.arange(len(samples)) / rate_hz)
    half = len(samples) // 2
    window = np.hanning(half)
    a, b = (turned[:half] * window).sum(), (turned[half : 2 * half] * window).sum()
    return coarse + np.angle(b * np.conj(a)) / (2 * np.pi * half) * rate_hz


@pytest.mark.parametrize(("speed", "semitones"), WAYS)
@pytest.mark.parametrize("frequency_hz", [60.0, 440.0, 3000.0])
def test_a_tone_has_the_pitch_that_was_asked_for_to_the_cent(speed, semitones, frequency_hz):
    out = stretched(sine(frequency_hz), speed, semitones)[:, 0]
    part = out[len(out) // 5 : -len(out) // 5]
    wanted = frequency_hz * 2 ** (semitones / 12)
    assert abs(1200 * np.log2(frequency_of(part) / wanted)) < 1.0
    level = np.sqrt(2 * np.mean(part.astype(float) ** 2))
    assert level == pytest.approx(0.5, rel=0.06)


@pytest.mark.parametrize(("speed", "semitones"), WAYS)
@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_it_lasts_as_long_as_was_asked_for_to_the_frame(speed, semitones, rate_hz):
    for seconds in (0.001, 0.3, 2.0):
        frames = sine(440.0, seconds, rate_hz, channels=2)
        out = stretched(frames, speed, semitones, rate_hz)
        assert abs(len(out) - len(frames) / speed) <= 1
        assert out.dtype == np.float32 and np.isfinite(out).all()


def clicks(gap_s=0.4, count=8, rate_hz=RATE):
    frames = np.zeros((round(gap_s * count * rate_hz), 1), np.float32)
    places = np.round((np.arange(count) + 0.5) * gap_s * rate_hz).astype(int)
    for number in range(60):
        frames[places + number] = (-1) ** number * 0.9 * np.exp(-number / 12)
    return frames, places


@pytest.mark.parametrize(("speed", "semitones"), [(0.5, 0), (2.0, 0), (0.8, 4), (1.25, -3)])
def test_what_is_struck_stays_in_time_and_sharp(speed, semitones):
    frames, places = clicks()
    out = stretched(frames, speed, semitones)[:, 0]
    wanted = places / speed
    reach = round(0.1 * RATE)
    for place in wanted:
        near = out[round(place) - reach : round(place) + reach].astype(float)
        at = round(place) - reach + np.abs(near).argmax()
        assert abs(at - place) < 0.0015 * RATE  # 1.5 ms, wherever it lies in the file
        energy = near**2
        core = energy[reach - 144 : reach + 240].sum()  # 3 ms before to 5 ms behind
        assert core > 0.95 * energy.sum()


def test_speed_is_right_over_a_long_time():
    frames, places = clicks(count=40)
    out = stretched(frames, 0.7, 0)[:, 0]
    first, last = (
        int(np.abs(out[a : a + RATE // 4]).argmax()) + a
        for a in (round(places[0] / 0.7) - RATE // 8, round(places[-1] / 0.7) - RATE // 8)
    )
    assert (places[-1] - places[0]) / (last - first) == pytest.approx(0.7, rel=0.001)


def test_channels_keep_their_places_between_the_speakers():
    random = np.random.default_rng(0)
    mono = random.normal(0, 0.1, (2 * RATE, 1)).astype(np.float32)
    frames = np.concatenate([mono, 0.5 * mono, -mono], axis=1)
    out = stretched(frames, 0.6, 0)
    assert np.allclose(out[:, 1], 0.5 * out[:, 0], atol=1e-4)
    assert np.allclose(out[:, 2], -out[:, 0], atol=1e-4)


def test_noise_keeps_its_level_and_its_colour():
    random = np.random.default_rng(0)
    frames = random.normal(0, 0.1, (4 * RATE, 1)).astype(np.float32)
    for speed in (0.5, 2.0):
        out = stretched(frames, speed, 0)[:, 0]
        assert np.std(out) == pytest.approx(0.1, rel=0.15)
        power = np.abs(np.fft.rfft(out)) ** 2
        bands = [band.mean() for band in np.array_split(power[: len(power) * 9 // 10], 8)]
        assert max(bands) < 1.3 * min(bands)


def test_blocks_of_any_size_give_the_same():
    random = np.random.default_rng(0)
    frames = (random.normal(0, 0.1, (RATE, 2)) * np.linspace(0, 1, RATE)[:, None]).astype(
        np.float32
    )
    whole = stretched(frames, 0.8, 2, block=RATE)
    for block in (480, 4999):
        assert np.allclose(stretched(frames, 0.8, 2, block=block), whole, atol=1e-5)


def test_what_is_not_changed_comes_back_as_it_is():
    frames = sine(440.0, 0.5, channels=2)
    assert np.array_equal(stretched(frames, 1.0, 0), frames)


def test_nothing_gives_nothing():
    assert list(stretch([], RATE, 2, 0.5, 0)) == []
    assert list(stretch([np.zeros((0, 2), np.float32)], RATE, 2, 0.5, 3)) == []


def test_onsets_are_found_to_the_millisecond_and_noise_has_none():
    frames, places = clicks()
    for block in (100, 5000, len(frames)):
        onsets, found = Onsets(RATE, 1), []
        for start in range(0, len(frames), block):
            onsets.listen(frames[start : start + block])
        while (place := onsets.first(found[-1] + 1 if found else 0, len(frames))) is not None:
            found.append(place)
        assert len(found) == len(places)
        assert np.abs(np.array(found) - places).max() <= 48
    noise = np.random.default_rng(0).normal(0, 0.1, (2 * RATE, 2)).astype(np.float32)
    onsets = Onsets(RATE, 2)
    onsets.listen(noise)
    assert onsets.first(1000, 2 * RATE) is None
