"""What is drawn of a sound: tones, spectrograms on two scales, loudness."""

import numpy as np
import pytest
import soundfile

from engine.audio.loudness import SILENT_LUFS
from engine.audio.loudness_curve import read_loudness
from engine.audio.peaks import PeaksCache, read_peaks
from engine.audio.spectrogram import marks_of, place_of, read_spectrogram
from engine.audio.tones import HIGHEST_HZ, LOWEST_HZ, SILENT, hertz_of, tones_of
from engine.progress import Control
from tests.conftest import tone

RATE = 48_000


def sine(hertz: float, seconds: float = 1.0, rate_hz: int = RATE, level: float = 0.5) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * hertz * t))[:, None].astype(np.float32)


@pytest.mark.parametrize("rate_hz", [22_050, 48_000, 96_000])
@pytest.mark.parametrize("hertz", [300.0, 1000.0, 5000.0])
def test_the_tone_of_a_sine_is_its_frequency(hertz, rate_hz):
    found = tones_of(sine(hertz, rate_hz=rate_hz), rate_hz)[2:-2]
    assert hertz_of(np.median(found)) == pytest.approx(hertz, rel=0.12)


def test_tones_end_where_their_scale_ends():
    assert hertz_of(1) == LOWEST_HZ and hertz_of(255) == pytest.approx(HIGHEST_HZ)
    assert np.median(tones_of(sine(30), RATE)) < 20
    assert np.median(tones_of(sine(20_000), RATE)) > 250


def test_silence_has_no_tone_and_opposite_channels_are_not_silent():
    assert set(tones_of(np.zeros((5000, 2), np.float32), RATE)) == {SILENT}
    one = sine(1000)
    assert SILENT not in tones_of(np.concatenate([one, -one], axis=1), RATE)


def test_what_is_loud_colours_a_column(tmp_path):
    path = tmp_path / "low and high.wav"
    soundfile.write(path, np.concatenate([sine(100), sine(8000, level=0.01)]), RATE)
    peaks = read_peaks(path, Control())
    low, high = peaks.column_tones(0, 2 * RATE, 2)
    assert hertz_of(low) < 250 and hertz_of(high) > 5000
    (whole,) = peaks.column_tones(0, 2 * RATE, 1)
    assert abs(int(whole) - int(low)) < 3
    many = peaks.column_tones(0, 2 * RATE, 5000)  # more columns than tones
    assert len(many) == 5000 and many[:2000].max() < many[3000:].min()
    assert (peaks.column_tones(3 * RATE, 4 * RATE, 4) <= 255).all()


def test_kept_peaks_of_an_earlier_version_are_read_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.audio.peaks._WORTH_KEEPING_S", -1.0)
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(1000), RATE)
    cache = PeaksCache(tmp_path / "kept")
    tones = cache.peaks(path, Control()).tones
    savez = np.savez

    def without_tones(file: object, **arrays: np.ndarray) -> None:
        savez(file, **{name: a for name, a in arrays.items() if name != "tones"})

    (kept,) = (tmp_path / "kept").iterdir()
    kept.unlink()
    with monkeypatch.context() as old:
        old.setattr(np, "savez", without_tones)
        cache.peaks(path, Control())
    assert (cache.peaks(path, Control()).tones == tones).all()


@pytest.mark.parametrize("scale", ["mel", "linear"])
@pytest.mark.parametrize("hertz", [200.0, 1000.0, 10_000.0])
def test_a_sine_stands_at_its_place_on_the_scale(tmp_path, scale, hertz):
    path = tmp_path / "sine.wav"
    soundfile.write(path, sine(hertz), RATE)
    shades = read_spectrogram(path, 0.0, 1.0, 20, 200, Control(), scale)
    assert shades.shape == (200, 20)
    row = int(np.median(shades.argmax(0)))
    assert (200 - row - 0.5) / 200 == pytest.approx(place_of(hertz, RATE, scale), abs=0.012)
    assert shades.max() > 230  # −6 dBFS, less what is lost between two bins


def test_a_long_stretch_looks_as_a_short_one_does(tmp_path, monkeypatch):
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    at_once = read_spectrogram(path, 0.2, 0.9, 40, 50, Control())
    monkeypatch.setattr("engine.audio.spectrogram._SHORT_S", 0.0)
    assert (read_spectrogram(path, 0.2, 0.9, 40, 50, Control()) == at_once).all()


def test_mel_gives_low_frequencies_more_room_than_linear():
    assert place_of(1000, RATE, "mel") > 4 * place_of(1000, RATE, "linear")
    assert place_of(RATE / 2, RATE, "mel") == place_of(RATE / 2, RATE, "linear") == 1.0


@pytest.mark.parametrize("scale", ["mel", "linear"])
@pytest.mark.parametrize("most", [2, 5, 12])
def test_marks_of_an_axis_do_not_touch(scale, most):
    marks = marks_of(RATE, scale, most)
    assert 1 <= len(marks) <= most
    places = [place for place, _ in marks]
    assert all(np.diff(places) >= 1 / most - 1e-9)
    assert 0.5 / most <= places[0] and places[-1] <= 1 - 0.5 / most
    assert all(place == place_of(hertz, RATE, scale) for place, hertz in marks)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_a_stereo_sine_is_as_loud_as_its_level(tmp_path, rate_hz):
    """EBU Tech 3341, case 1: 1 kHz at −23 dBFS in both channels reads −23 LUFS."""
    path = tmp_path / "minimum.wav"
    one = sine(1000, 3.0, rate_hz, 10 ** (-23 / 20))
    soundfile.write(path, np.repeat(one, 2, axis=1), rate_hz, subtype="FLOAT")
    curve = read_loudness(path, Control())
    assert len(curve.lufs) == 27
    assert curve.lufs[2:] == pytest.approx(-23.0, abs=0.1)


def test_a_step_in_level_is_where_it_is_heard(tmp_path):
    path = tmp_path / "step.wav"
    quiet, loud = sine(1000, 2.0, level=0.01), sine(1000, 2.0, level=0.1)
    soundfile.write(path, np.concatenate([quiet, loud]), RATE, subtype="FLOAT")
    curve = read_loudness(path, Control())
    at = curve.first_s + curve.step_s * np.arange(len(curve.lufs))
    before, after = curve.lufs[(at > 0.3) & (at < 1.75)], curve.lufs[at > 2.25]
    assert after.mean() - before.mean() == pytest.approx(20.0, abs=0.1)


def test_silence_and_the_shortest_sounds_have_a_loudness(tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(100), RATE)
    assert read_loudness(path, Control()).lufs.tolist() == [SILENT_LUFS]
    soundfile.write(path, tone(1000, 0.1, RATE), RATE)
    (lufs,) = read_loudness(path, Control()).lufs
    assert -20 < lufs < -10
