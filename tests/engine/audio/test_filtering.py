"""Filters in blocks against SciPy's, which goes from frame to frame."""

from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import sosfilt

from engine.audio import scratch as scratching
from engine.audio.filtering import BlockFilter, BlockForm
from engine.audio.loudness import k_sections
from engine.audio.scratch import scratch


def section(random):
    """Return a stable section: a pair of poles inside the unit circle, any zeros."""
    radius, angle = random.uniform(0, 0.999), random.uniform(0, np.pi)
    return [*random.normal(size=3), 1.0, -2 * radius * np.cos(angle), radius**2]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sections=st.integers(1, 4),
    lanes=st.integers(1, 3),
    blocks=st.lists(
        st.sampled_from([1, 31, 32, 33, 100, 4095, 4096, 4097, 9000]), min_size=1, max_size=5
    ),
)
def test_consecutive_blocks_are_filtered_as_one_signal_is(seed, sections, lanes, blocks):
    random = np.random.default_rng(seed)
    filters = np.array([section(random) for _ in range(sections)])
    given_frames = random.normal(size=(lanes, sum(blocks)))
    expected = sosfilt(filters, given_frames)
    in_blocks, place, found = BlockFilter(BlockForm(filters), lanes), 0, []
    for frames in blocks:
        found.append(in_blocks(given_frames[:, place : place + frames]).copy())
        place += frames
    assert [part.shape for part in found] == [(lanes, frames) for frames in blocks]
    assert np.abs(np.concatenate(found, axis=1) - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("rate_hz", [100, 8000, 44100, 48000, 192000])
def test_the_k_filter_remembers_as_long_as_it_should(rate_hz):
    """A step, and silence for seconds: what is left of it is SciPy's."""
    step = np.concatenate([np.ones(rate_hz), np.zeros(3 * rate_hz)])[None]
    expected = sosfilt(k_sections(rate_hz), step)
    found = BlockFilter(BlockForm(k_sections(rate_hz)), 1)(step)
    assert np.abs(found - expected).max() < 1e-6


def test_what_is_far_below_a_rumble_is_measured_all_the_same():
    """Sums of single precision: a noise 60 dB below a rumble is found within a thousandth of it."""
    random, t = np.random.default_rng(0), np.arange(4 * 48000) / 48000
    noise = random.normal(0, 5e-4, len(t))
    rumble = 0.7 * np.sin(2 * np.pi * 12 * t)
    given_frames = (rumble + noise).astype(np.float32)[None]
    expected = sosfilt(k_sections(48000), given_frames.astype(np.float64))[0, 48000:]
    found = BlockFilter(BlockForm(k_sections(48000)), 1)(given_frames)[0, 48000:]
    of_noise = sosfilt(k_sections(48000), noise)[48000:]
    assert np.sqrt(np.mean((found - expected) ** 2)) < 1e-3 * np.sqrt(np.mean(of_noise**2))


def test_two_filters_of_a_thread_do_not_disturb_each_other():
    sections = k_sections(8000)
    random = np.random.default_rng(0)
    signals = random.normal(size=(2, 2, 1, 500))
    first, second = BlockFilter(BlockForm(sections), 1), BlockFilter(BlockForm(sections), 1)
    found = [
        [heard(block).copy() for heard, block in zip((first, second), pair, strict=True)]
        for pair in signals
    ]
    for which in range(2):
        whole = np.concatenate([signals[0, which], signals[1, which]], axis=1)
        parts = np.concatenate([found[0][which], found[1][which]], axis=1)
        assert np.abs(parts - sosfilt(sections, whole)).max() < 1e-6


def test_memory_is_used_again_by_its_thread_alone_and_not_kept_if_it_is_large():
    def address(size: int) -> int:
        return scratch("a test", size).ctypes.data

    first = address(1000)
    assert address(500) == first
    elsewhere = []
    thread = Thread(target=lambda: elsewhere.append(scratch("a test", 500)))
    thread.start()
    thread.join()
    assert elsewhere[0].ctypes.data != first
    large = scratch("a test", scratching._LARGE + 1)
    assert large.size == scratching._LARGE + 1
    assert address(500) == first
