import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.windows import windows


def cut(samples: int, block: int) -> list[tuple[float, float, int]]:
    signal = np.arange(samples, dtype=np.float32)
    blocks = [signal[start : start + block] for start in range(0, samples, block)]
    return [
        (round(w.start_s * 10), round(w.end_s * 10), w.samples)
        for w in windows(blocks, 10, 10.0, 5.0)
    ]


@pytest.mark.parametrize("samples", [1, 40, 99, 100])
def test_a_short_sound_is_one_window(samples):
    assert [(start, end) for start, end, _ in cut(samples, 30)] == [(0, samples)]


def test_a_long_sound_is_cut_every_hop():
    assert [(start, end) for start, end, _ in cut(230, 60)] == [
        (0, 100),
        (50, 150),
        (100, 200),
        (150, 230),
    ]


@given(samples=st.integers(1, 1000), block=st.integers(1, 400))
def test_every_sample_is_heard_and_windows_hold_what_they_say(samples, block):
    found = cut(samples, block)
    covered = set()
    for start, end, held in found:
        assert held.tolist() == list(range(start, end))
        assert end - start <= 100
        covered |= set(range(start, end))
    assert covered == set(range(samples))
    if len(found) > 1:
        assert all(end - start > 50 for start, end, _ in found)


def test_no_samples_give_no_window():
    assert list(windows([], 10, 10.0, 5.0)) == []
