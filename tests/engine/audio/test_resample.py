"""One resampler for all uses: what each filter keeps, and that models hear what they always did."""

import av
import numpy as np
import pytest

from engine.audio.decode import resampled
from engine.audio.resample import AS_MODELS_HEAR, FOR_COPIES, FOR_LISTENING, Resampler


def tone(frequency_hz: float, rate_hz: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(rate_hz) / rate_hz).astype(np.float32)


def beside(made: np.ndarray, frequency_hz: float, rate_hz: int) -> float:
    """Return the peak of what is there beside a tone of full scale, in dB."""
    place = np.arange(len(made)) / rate_hz
    waves = [f(2 * np.pi * frequency_hz * place) for f in (np.sin, np.cos)]
    basis = np.stack(waves, axis=1)
    rest = made - basis @ np.linalg.lstsq(basis, made, rcond=None)[0]
    return float(20 * np.log10(np.abs(rest).max()))


@pytest.mark.parametrize(
    ("chosen", "least_db"), [(FOR_LISTENING, -90), (FOR_COPIES, -118)], ids=["listening", "copies"]
)
@pytest.mark.parametrize("source_hz", [44_100, 46_722], ids=["a CD", "a CD a semitone higher"])
def test_a_tone_of_20_khz_leaves_no_image(chosen, least_db, source_hz):
    frequency_hz = 20_000 * source_hz / 44_100
    sound = tone(frequency_hz, source_hz)[:, None]
    resampler = Resampler(source_hz, 48_000, chosen)
    made = np.concatenate([resampler(block) for block in np.array_split(sound, 9)])[:, 0]
    assert beside(made[4800:-4800], frequency_hz, 48_000) < least_db


@pytest.mark.parametrize("source_hz", [8000, 22_050, 44_100, 48_000, 96_000, 192_000, 46_722])
@pytest.mark.parametrize("sizes", [[40_000], [1000, 17, 5, 9000], [3], [40, 40]])
def test_models_hear_every_bit_that_they_heard_before(source_hz, sizes):
    noise = np.random.default_rng(0)
    blocks = [noise.standard_normal(size).astype(np.float32) for size in sizes]
    if sum(sizes) < 100:  # less than its filter is long gives nothing: silence goes behind it
        blocks = [np.concatenate([*blocks, np.zeros(source_hz, np.float32)])]
    plain = av.AudioResampler(format="fltp", layout="mono", rate=32_000)
    parts = []
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
        frame.sample_rate = source_hz
        parts += [part.to_ndarray()[0] for part in plain.resample(frame)]
    parts += [part.to_ndarray()[0] for part in plain.resample(None)]
    heard = np.concatenate(list(resampled(iter(blocks), source_hz, 32_000)))
    assert np.array_equal(heard, np.concatenate(parts))


def test_all_channels_are_converted_alike_and_to_the_end():
    both = np.stack([tone(1000, 44_100), -tone(1000, 44_100)], axis=1)
    resampler = Resampler(44_100, 48_000, AS_MODELS_HEAR)
    made = np.concatenate([resampler(both[:20_000]), resampler(both[20_000:], last=True)])
    assert len(made) == 48_000 and np.array_equal(made[:, 0], -made[:, 1])
