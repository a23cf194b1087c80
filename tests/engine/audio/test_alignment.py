from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.alignment import (
    RATE_HZ,
    Excerpt,
    compare,
    longest_s,
    read_excerpts,
    same_recording,
)
from tests.conftest import tone


def noise(seed: int, duration_s: float = 2.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Return noise with a course of its own, as recordings have."""
    random = np.random.default_rng(seed)
    steps = np.exp(random.normal(0, 1, 12))
    course = np.interp(np.linspace(0, 11, round(duration_s * rate_hz)), np.arange(12), steps)
    return (0.05 * course * random.normal(0, 1, len(course))).astype(np.float32)


def hum(seed: int, floor: float, duration_s: float = 5.0) -> np.ndarray:
    """Return a mains hum over the noise of a room."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ + seed * 0.0031
    tones = sum(np.sin(2 * np.pi * f * t) / n for n, f in enumerate((150, 250, 350, 450), start=1))
    return (0.2 * tones + floor * noise(seed, duration_s)).astype(np.float32)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    apart_s = abs(len(one) - len(other)) / RATE_HZ
    return same_recording((Excerpt(0, one),), (Excerpt(0, other),), apart_s)


@pytest.mark.parametrize("duration_s", [0.15, 0.6, 2.0, 12.0])
@pytest.mark.parametrize(
    "change",
    [
        lambda x: x * 0.1,
        lambda x: -x,
        lambda x: x[400:],
        lambda x: x[:-400],
        lambda x: np.concatenate([np.zeros(130, np.float32), x, np.zeros(300, np.float32)]),
        lambda x: x + 0.05 * np.std(x) * np.random.default_rng(9).normal(0, 1, len(x)),
        lambda x: x + 0.6 * np.roll(x, 3),
    ],
    ids=["level", "polarity", "start", "end", "padded", "codec noise", "mono sum"],
)
def test_a_changed_copy_is_the_same_recording(change, duration_s):
    original = noise(1, duration_s)
    assert same(original, change(original).astype(np.float32))


def test_a_delay_of_a_fraction_of_a_sample_is_found():
    original = noise(1)
    spectrum = np.fft.rfft(original)
    turns = np.arange(len(spectrum)) * (7.47 / len(original))
    delayed = np.fft.irfft(spectrum * np.exp(-2j * np.pi * turns), len(original))
    assert same(original, delayed.astype(np.float32))
    found = compare(Excerpt(0, original), Excerpt(0, delayed.astype(np.float32)), 0.0)
    assert found is not None and found.lag_s * RATE_HZ == pytest.approx(-7.47, abs=0.07)


@pytest.mark.parametrize("duration_s", [0.15, 0.6, 2.0, 12.0])
def test_other_recordings_are_not_the_same(duration_s):
    assert not any(same(noise(1, duration_s), noise(n, duration_s)) for n in range(2, 12))


def test_what_is_the_same_only_in_part_is_not_the_same():
    one, other = noise(1), noise(1)
    other[len(other) // 2 :] = noise(2)[len(other) // 2 :]
    assert not same(one, other)
    assert not same(one, one + noise(3))


def test_half_a_second_of_something_else_is_enough_to_differ():
    one = np.random.default_rng(1).normal(0, 0.1, 15 * RATE_HZ).astype(np.float32)
    other = one.copy()
    other[5 * RATE_HZ : 11 * RATE_HZ // 2] = one[: RATE_HZ // 2]
    assert not same(one, other)


def test_beeps_of_other_pitch_are_not_the_same():
    beep = tone(440, 0.3, RATE_HZ).astype(np.float32)
    assert same(beep, 0.5 * beep)
    assert not same(beep, tone(445, 0.3, RATE_HZ).astype(np.float32))


def test_two_moments_of_a_steady_hum_are_not_the_same():
    assert same(hum(1, 0.01), -0.3 * hum(1, 0.01))
    assert not same(hum(1, 0.01), hum(2, 0.01))
    assert not same(hum(1, 0.1), hum(2, 0.1))


def test_a_steady_tone_must_be_nearly_as_long():
    long, short = (tone(440, length_s, RATE_HZ).astype(np.float32) for length_s in (1.0, 0.88))
    assert not same(long, short)


def test_silence_is_never_the_same():
    silence = np.zeros(RATE_HZ, np.float32)
    assert not same(silence, silence)
    assert not same(silence, noise(1, 1.0))
    assert not same(np.zeros(0, np.float32), np.zeros(0, np.float32))


def test_long_files_are_compared_in_several_places(tmp_path):
    whole = noise(1, 60.0)
    other = whole.copy()
    other[30 * RATE_HZ :] = noise(2, 60.0)[30 * RATE_HZ :]

    def read(name: str, samples: np.ndarray) -> tuple[Excerpt, ...]:
        path = Path(tmp_path / name)
        soundfile.write(path, samples, RATE_HZ)
        return read_excerpts(path)

    first = read("whole.wav", whole)
    assert sum(len(excerpt.samples) for excerpt in first) <= 25 * RATE_HZ
    assert same_recording(first, read("cut.wav", whole[RATE_HZ:]), 1.0)
    assert not same_recording(first, read("other.wav", other), 0.0)
    # One is just short enough to be read as a whole, the other is not.
    longer, shorter = whole[: 20 * RATE_HZ + 200], whole[: 20 * RATE_HZ - 200]
    assert same_recording(read("longer.wav", longer), read("shorter.wav", shorter), 0.05)


def test_what_is_silent_in_one_and_loud_in_the_other_is_not_the_same():
    parts = [Excerpt(start, noise(start, 6.0)) for start in (6, 21, 36, 51)]
    hole = [*parts[:3], Excerpt(51, 0.0001 * parts[3].samples)]
    assert not same_recording(parts, hole, 0.0) and not same_recording(hole, parts, 0.0)
    assert same_recording(hole, hole, 0.0)


def test_what_lies_in_another_order_is_not_the_same():
    parts = [Excerpt(start, noise(start, 6.0)) for start in (6, 21, 36, 51)]
    moved = [Excerpt(e.start_s, np.roll(e.samples, n * 300)) for n, e in enumerate(parts)]
    assert same_recording(parts, parts, 0.0)
    assert not same_recording(parts, moved, 0.5)


def test_lengths_may_differ_by_little():
    assert longest_s(0.1) < 0.3 and longest_s(10) == pytest.approx(10.35)
    assert longest_s(3600) < 3603
