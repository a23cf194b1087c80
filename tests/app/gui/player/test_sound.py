"""What is played, sample by sample, through a device that the test pulls."""

import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gui.player.sound.feeder import Feeder
from app.gui.player.sound.order import Order
from app.gui.player.sound.player import Player
from app.gui.player.sound.ring import Ring
from app.gui.player.sound.voice import Voice, to_channels
from engine.audio.clip import Clip
from tests.app.gui.conftest import FakeOutputs
from tests.conftest import tone

RATE = 48000


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    path = tmp_path_factory.mktemp("noise") / "noise.wav"
    samples = np.random.default_rng(0).uniform(-0.8, 0.8, (RATE, 2))
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


def played(order, count=None, rate_hz=RATE, channels=2, block=777):
    """Return what an order plays on a device, ``count`` frames at most."""
    parts = []
    with Clip(order.path) as clip:
        voice = Voice(clip, order, rate_hz, channels)
        while (part := voice.read(block)) is not None:
            parts.append(part)
            if count is not None and sum(map(len, parts)) >= count:
                break
    return np.concatenate(parts)[:count]


@settings(max_examples=60)
@given(
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 90)), max_size=60),
    channels=st.integers(1, 3),
)
def test_what_goes_into_the_ring_comes_out_in_order(steps, channels):
    ring, fed, taken, number = Ring(100, channels), [], [], 0
    for is_write, count in steps:
        if is_write:
            count = min(count, ring.room)
            block = np.arange(number, number + count, dtype=np.float32)[:, None]
            ring.write(np.repeat(block, channels, axis=1))
            fed += list(range(number, number + count))
            number += count
        else:
            out = np.full((count, channels), -1, np.float32)
            got = ring.take(out)
            assert not out[got:].any()
            taken += out[:got, -1].tolist()
    assert taken == fed[: len(taken)]
    assert ring.written - ring.taken == len(fed) - len(taken)


def test_a_cut_fades_and_drops_the_rest():
    ring = Ring(1000, 1)
    ring.write(np.ones((800, 1), np.float32))
    ring.cut(100)
    out = np.empty((300, 1), np.float32)
    assert ring.take(out) == 100
    assert out[0] == 1 and (np.diff(out[:100, 0]) < 0).all() and not out[100:].any()


def test_a_file_is_played_as_it_is(noise):
    whole, _ = soundfile.read(noise, dtype="float32")
    assert np.array_equal(played(Order(noise)), whole)


def test_a_loop_has_no_gap(noise):
    whole, _ = soundfile.read(noise, dtype="float32")
    part = whole[4800:9600]
    looped = played(Order(noise, 0.1, (0.1, 0.2), loop=True), 3 * 4800)
    assert np.array_equal(looped[200:], np.tile(part, (3, 1))[200:])


def test_backwards_is_the_whole_file_turned_round(noise):
    whole, _ = soundfile.read(noise, dtype="float32")
    assert np.array_equal(played(Order(noise, 1e9, reverse=True)), whole[::-1])
    looped = played(Order(noise, 0.2, (0.1, 0.2), loop=True, reverse=True), 2 * 4800)
    assert np.array_equal(looped[200:], np.tile(whole[4800:9600][::-1], (2, 1))[200:])


@pytest.mark.parametrize("rate_hz", [44100, 96000, 8000])
def test_another_rate_is_resampled(tmp_path, rate_hz):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(1000, 1.0, rate_hz), rate_hz, subtype="FLOAT")
    sound = played(Order(path))[:, 0]
    assert abs(len(sound) - RATE) < 100
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(spectrum.argmax() * RATE / len(sound) - 1000) < 3


def test_what_is_played_at_another_rate_has_no_image_of_its_treble(tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.5 * tone(20_000, 1.0, 44_100), 44_100, subtype="FLOAT")
    sound = played(Order(path))[:, 0][2000:-2000]
    spectrum = np.abs(np.fft.rfft(sound * np.blackman(len(sound))))
    places = np.arange(len(spectrum)) * RATE / len(sound)
    image = spectrum[places > 22_050].max() / spectrum.max()
    assert 20 * np.log10(image) < -80


def test_speed_changes_length_and_pitch_together(tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(500, 1.0, RATE), RATE, subtype="FLOAT")
    sound = played(Order(path, speed=2.0))[:, 0]
    assert abs(len(sound) - RATE / 2) < 100
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(spectrum.argmax() * RATE / len(sound) - 1000) < 5


def test_channels_are_folded_or_doubled_without_getting_louder():
    for have in (1, 2, 3, 4, 6, 8, 12):
        frames = np.ones((5, have), np.float32)
        for wanted in (1, 2, 6):
            out = to_channels(frames, wanted)
            assert out.shape == (5, wanted) and np.abs(out).max() <= 1 + 1e-6
    left = np.zeros((1, 6), np.float32)
    left[0, [0, 4]] = 1  # left and left surround
    assert to_channels(left, 2)[0, 0] > 0.5 and to_channels(left, 2)[0, 1] == 0


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.002)


@pytest.fixture
def feeding():
    outputs, told = FakeOutputs(), []
    feeder = Feeder(outputs, told.append)
    feeder.start()
    yield feeder, outputs, told
    feeder.close()


def pull_all(feeder, outputs, count):
    """Pull until so many frames of sound came."""
    parts = []
    end = time.monotonic() + 5
    while sum(map(len, parts)) < count and time.monotonic() < end:
        until(lambda: outputs.opened)
        waiting = feeder._ring.written - feeder._ring.taken
        if waiting:
            parts.append(outputs.last.pull(min(waiting, 512)))
        else:
            time.sleep(0.001)
    return np.concatenate(parts)


def test_the_feeder_plays_the_file_and_knows_where_it_is(feeding, noise):
    feeder, outputs, _ = feeding
    feeder.play(Order(noise))
    sound = pull_all(feeder, outputs, RATE // 2)
    whole, _ = soundfile.read(noise, dtype="float32")
    assert np.array_equal(sound, whole[: len(sound)])
    assert feeder.position_s == pytest.approx(len(sound) / RATE, abs=1e-3)
    assert 0.7 < max(feeder.levels) <= 0.8
    pull_all(feeder, outputs, RATE - len(sound))
    until(lambda: feeder.wish is None)
    assert feeder.position_s is None


def test_a_new_order_starts_at_once(feeding, noise):
    feeder, outputs, _ = feeding
    feeder.play(Order(noise, serial=1))
    pull_all(feeder, outputs, 2000)
    feeder.play(Order(noise, 0.5, serial=2))
    until(lambda: feeder.position_s is not None and feeder.position_s >= 0.5)
    sound = pull_all(feeder, outputs, 4000)
    whole, _ = soundfile.read(noise, dtype="float32")
    fade = 200 + 200  # of what was cut, and of what begins inside the file
    expected = whole[RATE // 2 + 200 : RATE // 2 + 400]
    found = [n for n in range(fade) if np.allclose(sound[n + 200 : n + 400], expected)]
    assert found


def test_the_device_is_opened_as_the_file_is_and_only_when_that_changes(feeding, noise, tmp_path):
    feeder, outputs, _ = feeding
    other = tmp_path / "other.wav"
    soundfile.write(other, tone(500, 0.5, 96000), 96000)
    for number, path in enumerate((noise, noise, other)):
        feeder.play(Order(path, serial=number))
        pull_all(feeder, outputs, 100)
    until(lambda: len(outputs.opened) == 2)
    assert [output.rate_hz for output in outputs.opened] == [48000, 96000]
    assert outputs.opened[0].closed


def test_a_device_that_goes_away_is_told_and_the_default_takes_over(feeding, noise):
    feeder, outputs, told = feeding
    feeder.use_device("phones")
    feeder.play(Order(noise, loop=True))
    pull_all(feeder, outputs, 1000)
    outputs.last.active = False
    until(lambda: len(outputs.opened) == 2)
    assert outputs.asked == ["phones", None]
    assert "phones was disconnected" in told[0]
    pull_all(feeder, outputs, 1000)


def test_another_device_goes_on_where_the_first_was(feeding, noise):
    feeder, outputs, _ = feeding
    feeder.play(Order(noise))
    pull_all(feeder, outputs, RATE // 2)
    feeder._began -= 10  # it did not just begin
    feeder.use_device("phones")
    until(lambda: len(outputs.opened) == 2)
    pull_all(feeder, outputs, 100)
    assert outputs.asked[-1] == "phones"
    assert 0.4 < feeder.position_s < 0.6


def test_a_device_that_cannot_keep_up_is_given_time(feeding, noise):
    feeder, outputs, _ = feeding
    feeder.play(Order(noise, loop=True))
    pull_all(feeder, outputs, 1000)
    outputs.last.underflows = 10
    until(lambda: len(outputs.opened) == 2)
    assert outputs.patience == 1


def test_what_cannot_be_played_is_told_once(feeding, tmp_path):
    feeder, outputs, told = feeding
    path = tmp_path / "words.wav"
    path.write_text("words")
    feeder.play(Order(path))
    until(lambda: feeder.wish is None)
    time.sleep(0.1)
    assert len(told) == 1 and "words.wav" in told[0]
    outputs.missing = True
    soundfile.write(path, tone(500, 0.5, RATE), RATE)
    feeder.play(Order(path, serial=1))
    until(lambda: feeder.wish is None)
    time.sleep(0.1)
    assert len(told) == 2 and "no audio output device" in told[1]


def test_a_file_of_four_gigabytes_plays_at_once_from_anywhere(feeding, tmp_path):
    path = tmp_path / "huge.wav"
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_24", format="RF64") as file:
        file.write(np.full((RATE, 2), 0.25))
    size = 4_500_000_000 // 6 * 6
    data = bytearray(path.read_bytes())
    start = data.index(b"data") + 8
    place = data.index(b"ds64") + 8
    data[place : place + 8] = (start + size - 8).to_bytes(8, "little")
    data[place + 8 : place + 16] = size.to_bytes(8, "little")
    data[place + 16 : place + 24] = (size // 6).to_bytes(8, "little")
    path.write_bytes(data)
    with path.open("r+b") as file:  # all the rest is a hole in the disk
        file.seek(start + size - 6 * RATE)
        file.write(data[start : start + 6 * RATE])
    feeder, outputs, _ = feeding
    end_s = size / 6 / RATE
    began = time.monotonic()
    feeder.play(Order(path, end_s - 0.5))
    sound = pull_all(feeder, outputs, 4800)
    assert time.monotonic() - began < 1
    assert np.allclose(sound[500:], 0.25, atol=1e-4)
    assert feeder.position_s == pytest.approx(end_s - 0.4, abs=0.02)


def test_the_player_changes_what_plays_without_losing_its_place(qtbot, noise):
    outputs = FakeOutputs()
    player = Player(outputs)
    player.load(noise)
    player.set_loop(True)
    player.play(0.25)
    qtbot.waitUntil(lambda: bool(outputs.opened))
    pull_all(player._feeder, outputs, 4800)
    place = player.position_s
    assert place == pytest.approx(0.35, abs=0.02)
    for change in (
        lambda: player.set_speed(0.5),
        lambda: player.set_gain_db(-6),
        lambda: player.set_reverse(True),
    ):
        before = player.position_s
        change()
        qtbot.waitUntil(lambda: player._feeder.position_s is not None)
        assert player.position_s == pytest.approx(before, abs=0.02)
    player.faster(-100)
    assert player.order.speed == 0.25
    player.stop()
    assert not player.playing and player.position_s == pytest.approx(place, abs=0.1)
    player.seek(0.7)
    assert player.position_s == 0.7
    player.close()
