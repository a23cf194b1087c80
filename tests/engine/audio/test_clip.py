"""Files read from anywhere, and drawn."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.clip import Clip
from engine.audio.peaks import EACH, THUMBNAIL, PeaksCache, make_thumbnail, read_peaks
from engine.audio.peaks import thumbnail_peaks as columns_of
from engine.errors import AudioError
from engine.progress import Cancelled, Control
from tests.conftest import encode

RATE = 48000


@settings(max_examples=50)
@given(reads=st.lists(st.tuples(st.integers(0, 3 * RATE), st.integers(0, 5000)), max_size=6))
def test_any_place_reads_as_the_whole_file_does(ramp, reads):
    whole, _ = soundfile.read(ramp, dtype="float32")
    with Clip(ramp) as clip:
        assert (clip.rate_hz, clip.channels, clip.frames) == (RATE, 2, 3 * RATE)
        for start, count in reads:
            assert np.array_equal(clip.read(start, count), whole[start : start + count])


@pytest.mark.parametrize("codec", ["aac", "wmav2"])
def test_what_ffmpeg_reads_can_be_read_from_anywhere(tmp_path, codec):
    path = tmp_path / f"tone.{'wma' if codec == 'wmav2' else 'm4a'}"
    encode(path, codec, duration_s=6.0)
    with Clip(path) as clip:
        whole = clip.read(0, clip.frames + RATE)
    assert len(whole) > 5.5 * RATE
    with Clip(path) as clip:
        for start in (4 * RATE, RATE // 2, 3 * RATE + 17, 0):
            part = clip.read(start, 4800)
            assert part.shape == (4800, 2)
            near = whole[max(0, start - 48) : start + 4800 + 48, 0]  # timestamps may count in ms
            products = np.correlate(near, part[:, 0], "valid")
            assert products.max() > 0.99 * (part[:, 0] ** 2).sum()


def test_a_file_ends_where_it_ends(ramp):
    with Clip(ramp) as clip:
        assert clip.read(3 * RATE - 10, 100).shape == (10, 2)
        assert clip.read(3 * RATE + 5, 100).shape == (0, 2)
        assert sum(map(len, clip.blocks(0, 10 * RATE, 1000))) == 3 * RATE


def test_samples_that_are_no_numbers_are_silent(tmp_path):
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.array([0.5, np.nan, np.inf]), RATE, subtype="FLOAT")
    with Clip(path) as clip:
        assert clip.read(0, 3)[:, 0].tolist() == [0.5, 0.0, 0.0]


def test_what_is_no_sound_is_told(tmp_path):
    path = tmp_path / "words.wav"
    path.write_text("words")
    for read in (Clip, make_thumbnail, lambda p: read_peaks(p, Control())):
        with pytest.raises(AudioError, match=r"words\.wav"):
            read(path)


def test_peaks_are_the_lowest_and_highest_of_every_stretch(ramp):
    whole, _ = soundfile.read(ramp, dtype="float32")
    peaks = read_peaks(ramp, Control())
    assert (peaks.frames, peaks.rate_hz) == (3 * RATE, RATE)
    stretches = whole[: 500 * EACH].reshape(500, EACH, 2)
    assert np.abs(peaks.high[:500] / 127 - stretches.max(1)).max() <= 1 / 127
    assert np.abs(peaks.low[:500] / 127 - stretches.min(1)).max() <= 1 / 127


@pytest.mark.parametrize("count", [1, 7, 100, 400])
def test_columns_cover_what_lies_between_two_frames(ramp, count):
    whole, _ = soundfile.read(ramp, dtype="float32")
    start, stop = RATE, 2 * RATE
    low, high = read_peaks(ramp, Control()).columns(start, stop, count)
    assert low.shape == high.shape == (count, 2)
    edges = np.linspace(start, stop, count + 1).astype(int)
    for column in range(count):
        part = whole[edges[column] : edges[column + 1]]
        slack = 0.02 + 2 * EACH * 1.8 / len(whole)
        assert abs(high[column, 0] / 127 - part[:, 0].max()) < slack
        assert abs(low[column, 1] / 127 - part[:, 1].min()) < slack


def test_nothing_is_drawn_outside_the_file(ramp):
    low, high = read_peaks(ramp, Control()).columns(-RATE, 4 * RATE, 50)
    assert not low[:9].any() and not high[-9:].any() and high[12:38].any()


def test_a_thumbnail_shows_where_the_sound_is(tmp_path):
    samples = np.zeros(96_000)
    samples[48_000:72_000] = np.random.default_rng(0).normal(0, 0.3, 24_000).clip(-1, 1)
    path = tmp_path / "middle.wav"
    soundfile.write(path, samples, 48_000)
    low, high = columns_of(make_thumbnail(path))
    assert len(low) == len(high) == THUMBNAIL
    loud = np.flatnonzero(high > 30)
    assert loud.min() == THUMBNAIL // 2 and loud.max() == 3 * THUMBNAIL // 4 - 1
    assert (low[loud] < -30).all()


def test_a_long_file_gets_its_thumbnail_from_excerpts(tmp_path):
    path = tmp_path / "long.wav"
    t = np.arange(200 * 8000)
    soundfile.write(path, np.where(t < 100 * 8000, 0.0, 0.5 * np.sin(t)), 8000)
    _, high = columns_of(make_thumbnail(path))
    assert not high[: THUMBNAIL // 2].any() and (high[THUMBNAIL // 2 + 1 :] > 50).all()


def test_peaks_that_took_long_are_kept_until_the_file_changes(ramp, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.audio.peaks._WORTH_KEEPING_S", -1.0)
    cache = PeaksCache(tmp_path / "peaks")
    first = cache.peaks(ramp, Control())
    monkeypatch.setattr("engine.audio.peaks.read_peaks", lambda *a: pytest.fail("read again"))
    again = cache.peaks(ramp, Control())
    assert np.array_equal(first.high, again.high) and again.frames == first.frames
    other = tmp_path / "other.wav"
    other.write_bytes(ramp.read_bytes())
    with pytest.raises(pytest.fail.Exception):
        cache.peaks(other, Control())


def test_the_cache_makes_room_and_survives_damage(ramp, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.audio.peaks._WORTH_KEEPING_S", -1.0)
    cache = PeaksCache(tmp_path / "peaks", most_bytes=0)
    cache.peaks(ramp, Control())
    assert not list((tmp_path / "peaks").iterdir())
    cache = PeaksCache(tmp_path / "peaks")
    cache.peaks(ramp, Control())
    (kept,) = (tmp_path / "peaks").iterdir()
    kept.write_bytes(b"damaged")
    assert cache.peaks(ramp, Control()).frames == 3 * RATE


def test_damaged_peaks_are_read_and_kept_anew(ramp, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.audio.peaks._WORTH_KEEPING_S", -1.0)
    cache = PeaksCache(tmp_path / "peaks")
    truth = cache.peaks(ramp, Control())
    (kept,) = (tmp_path / "peaks").iterdir()
    whole = kept.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x21
        kept.write_bytes(damaged)
        found = cache.peaks(ramp, Control())
        assert np.array_equal(found.low, truth.low) and np.array_equal(found.high, truth.high)
        assert kept.read_bytes() != damaged
    kept.write_bytes(whole[: len(whole) // 2])
    assert np.array_equal(cache.peaks(ramp, Control()).high, truth.high)


def test_the_peaks_of_one_file_are_not_shown_for_another(ramp, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.audio.peaks._WORTH_KEEPING_S", -1.0)
    other = tmp_path / "other.wav"
    soundfile.write(other, np.zeros((100, 1)), RATE)
    cache = PeaksCache(tmp_path / "peaks")
    cache.peaks(ramp, Control())
    (first,) = (tmp_path / "peaks").iterdir()
    truth = cache.peaks(other, Control())
    (second,) = set((tmp_path / "peaks").iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    assert cache.peaks(other, Control()).frames == truth.frames == 100


def test_reading_peaks_can_be_stopped(ramp):
    with pytest.raises(Cancelled):
        read_peaks(ramp, Control(cancel=lambda: True))


def test_any_place_of_an_ogg_file_is_what_is_there(tmp_path):
    """libsndfile (1.2.2) arrives beside the place, or nowhere, once it has gone to a few."""
    path = tmp_path / "noise.ogg"
    samples = np.random.default_rng(0).normal(0, 0.2, 96_000).clip(-1, 1)
    soundfile.write(path, samples, 32_000, format="OGG", subtype="VORBIS")
    whole = soundfile.read(path, dtype="float32", always_2d=True)[0]
    with Clip(path) as clip:
        for start in np.linspace(1000, len(whole) - 3000, 9).astype(int).tolist():
            part = clip.read(start, 2048)
            assert part == pytest.approx(whole[start : start + 2048], abs=1e-4)
        assert clip.read(0, len(whole) + 10) == pytest.approx(whole, abs=1e-4)


def test_an_ogg_file_that_is_read_in_order_stays_with_its_decoder(tmp_path):
    path = tmp_path / "noise.ogg"
    soundfile.write(path, np.zeros(50_000), 32_000, format="OGG", subtype="VORBIS")
    with Clip(path) as clip:
        blocks = list(clip.blocks(0, clip.frames, 4096))
        assert sum(map(len, blocks)) == clip.frames
        assert type(clip._source).__name__ == "Libsndfile"
