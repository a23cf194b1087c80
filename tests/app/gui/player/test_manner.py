"""How a sound is played: pitch and speed apart, fades, channels, pauses, and nothing cut short."""

import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from app.gui.kit.text import loudness, lufs, signed
from app.gui.player.sound.order import Listening, Order, channel_names
from app.gui.player.sound.player import Player
from app.gui.player.sound.ring import Ring
from app.gui.player.sound.voice import Voice
from engine.audio.clip import Clip
from engine.store import SoundRow
from tests.app.gui.conftest import FakeOutputs
from tests.conftest import tone

RATE = 48000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("manner")


@pytest.fixture(scope="module")
def noise(folder):
    samples = np.random.default_rng(0).uniform(-0.8, 0.8, (RATE, 2))
    soundfile.write(folder / "noise.wav", samples, RATE, subtype="FLOAT")
    return folder / "noise.wav"


@pytest.fixture(scope="module")
def sine(folder):
    soundfile.write(folder / "tone.wav", tone(500, 2.0, RATE), RATE, subtype="FLOAT")
    return folder / "tone.wav"


def played(order, count=None, rate_hz=RATE, channels=2, block=777):
    parts, places = [], []
    with Clip(order.path) as clip:
        voice = Voice(clip, order, rate_hz, channels)
        while True:
            places.append(voice.place)
            part = voice.read(block)
            if part is None or (count is not None and sum(map(len, parts)) >= count):
                break
            assert len(part) <= 2 * block
            parts.append(part)
    return np.concatenate(parts)[:count], places


def pitch_of(samples, rate_hz=RATE):
    part = samples[len(samples) // 4 : -len(samples) // 4]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 19))
    return spectrum.argmax() * rate_hz / (1 << 19)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("manner", "length_s", "pitch_hz"),
    [
        ({"speed": 0.5, "keeps_pitch": True}, 4.0, 500),
        ({"speed": 2.0, "keeps_pitch": True}, 1.0, 500),
        ({"semitones": 12.0}, 2.0, 1000),
        ({"speed": 0.5, "semitones": 12.0}, 4.0, 500),
        ({"speed": 2.0}, 1.0, 1000),
    ],
)
def test_speed_and_pitch_change_apart_or_together(sine, manner, length_s, pitch_hz, reverse):
    order = Order(sine, 2.0 if reverse else 0.0, reverse=reverse, **manner)
    for rate_hz in (RATE, 44100):
        out, _ = played(order, rate_hz=rate_hz)
        assert len(out) / rate_hz == pytest.approx(length_s, rel=1e-3)
        assert 1200 * abs(np.log2(pitch_of(out[:, 0], rate_hz) / pitch_hz)) < 2


def test_what_is_heard_is_known_though_more_was_read(noise):
    order = Order(noise, 0.2, speed=0.5, keeps_pitch=True)
    _, places = played(order, 9600)
    assert np.allclose(np.diff(places), 777 * 0.5)
    assert places[0] == 0.2 * RATE
    order = Order(noise, 0.3, (0.2, 0.4), loop=True, speed=0.5, keeps_pitch=True)
    _, places = played(order, 2 * RATE)
    assert min(places) >= 0.2 * RATE and max(places) < 0.4 * RATE
    backward = replace(order, reverse=True)
    _, places = played(backward, 2 * RATE)
    assert min(places) >= 0.2 * RATE and max(places) <= 0.4 * RATE


def test_a_stretched_loop_has_no_gap(noise):
    order = Order(noise, 0.1, (0.1, 0.3), loop=True, speed=0.5, keeps_pitch=True)
    out, _ = played(order, 3 * RATE)
    levels = np.sqrt((out[:, 0] ** 2).reshape(-1, 480).mean(axis=1))
    assert levels[2:].min() > 0.4 * np.median(levels)


def test_a_range_fades_in_and_out_at_its_edges_each_time_around(noise):
    whole, _ = soundfile.read(noise, dtype="float32")
    order = Order(noise, 0.2, (0.2, 0.5), loop=True, fades_s=(0.1, 0.05))
    out, _ = played(order, 2 * 14400)
    part = whole[9600:24000]
    gain = np.divide(out[:, 0], np.tile(part[:, 0], 2))
    for around in (gain[:14400], gain[14400:]):
        assert np.allclose(around[4800:-2401], 1.0)
        assert around[0] == pytest.approx(0, abs=1e-3) and around[-1] == pytest.approx(0, abs=1e-3)
        assert around[2400] == pytest.approx(np.sqrt(0.5), abs=0.01)  # equal power
        assert (np.diff(around[200:4800]) > -1e-6).all()
    backward, _ = played(replace(order, start_s=0.5, reverse=True, loop=False))
    assert np.allclose(backward[200:-200], out[:14400][::-1][200:-200], atol=1e-6)


def heard(listening, *levels):
    frames = np.tile(np.array(levels, np.float32), (4, 1))
    return listening(frames)[0].tolist()


def test_channels_are_summed_soloed_and_muted():
    assert heard(Listening(), 0.5, 0.25) == [0.5, 0.25]
    assert heard(Listening("mono"), 0.5, 0.25) == [0.375]
    assert heard(Listening("mid"), 0.5, 0.25) == [0.375]
    assert heard(Listening("side"), 0.5, 0.25) == [0.125]
    assert heard(Listening(muted=frozenset({0})), 0.5, 0.25) == [0.0, 0.25]
    assert heard(Listening(alone=frozenset({1})), 0.5, 0.25) == [0.25]  # in the middle
    assert heard(Listening(alone=frozenset({0, 2})), 0.5, 0.25, 0.125) == [0.5, 0.0, 0.125]
    assert heard(Listening("mono", muted=frozenset({0})), 0.5, 0.25) == [0.25]
    assert heard(Listening("side"), 0.5) == [0.5]
    assert heard(Listening(alone=frozenset({5})), 0.5, 0.25) == [0.5, 0.25]  # has no such one
    assert channel_names(6) == ("L", "R", "C", "LFE", "Ls", "Rs")
    assert channel_names(7) == ("1", "2", "3", "4", "5", "6", "7")


def test_one_channel_alone_is_heard_on_both_sides(noise):
    whole, _ = soundfile.read(noise, dtype="float32")
    out, _ = played(Order(noise, listening=Listening(alone=frozenset({1}))))
    assert np.array_equal(out, whole[:, [1, 1]])


def test_another_sound_follows_while_the_first_fades_out_under_it():
    ring = Ring(1000, 1)
    ring.write(np.full((300, 1), 0.5, np.float32))
    out = np.empty((100, 1), np.float32)
    ring.take(out)
    at = ring.switch(np.full((50, 1), 0.25, np.float32), 20)
    assert at == 100
    got = ring.take(out)
    assert got == 50
    assert out[0] == pytest.approx(0.75) and out[19:50] == pytest.approx(0.25)
    assert (np.diff(out[:20, 0]) < 0).all()


@pytest.fixture
def player(noise, qtbot):
    outputs = FakeOutputs()
    made = Player(outputs)
    made.load(noise)
    made.outputs_of_test = outputs
    yield made
    made.close()


def pull(player, qtbot, count):
    """Return so many frames as a device would take them, once they are there."""
    outputs = player.outputs_of_test
    qtbot.waitUntil(lambda: bool(outputs.opened))
    parts, end = [], time.monotonic() + 5
    while sum(map(len, parts)) < count and time.monotonic() < end:
        ring = player._feeder._ring
        waiting = ring.written - ring.taken
        if waiting:
            parts.append(outputs.last.pull(min(waiting, 256)))
        else:
            time.sleep(0.001)
    return np.concatenate(parts)


CHANGES = {
    "keeps the pitch": lambda p: p.set_keeps_pitch(True),
    "pitch": lambda p: p.higher(3),
    "speed": lambda p: p.set_speed(0.7),
    "gain": lambda p: p.set_gain_db(-3),
    "mono": lambda p: p.set_listening(Listening("mono")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_falls_silent_where_the_manner_changes(player, qtbot, change):
    """The device pulls all the while, as it does, in blocks of five milliseconds."""
    player.set_loop(True)
    player.set_speed(0.8)
    player.play(0.25)
    pull(player, qtbot, 4800)
    serial = player.order.serial
    CHANGES[change](player)
    assert player.order.serial > serial
    out = []
    for _ in range(60):  # until well behind the change
        ring = player._feeder._ring
        qtbot.waitUntil(lambda ring=ring: ring.written - ring.taken >= 240)
        out.append(player.outputs_of_test.last.pull(240))
    levels = np.sqrt((np.concatenate(out)[:, 0] ** 2).reshape(-1, 48).mean(axis=1))
    assert levels.min() > 0.08  # of 0.46 in the middle: a fade crosses another, no gap


def test_a_pause_goes_on_where_it_was_and_a_stop_does_not(player, qtbot):
    player.play(0.2)
    pull(player, qtbot, 9600)
    place = player.position_s
    player.pause()
    assert not player.playing and player.paused
    assert player.position_s == pytest.approx(place, abs=0.05)
    at = player.position_s
    player.play(at)
    assert player.playing and not player.paused
    assert player.order.start_s == pytest.approx(at)
    player.stop()
    assert not player.paused
    player.seek(0.6)
    assert player.paused and player.position_s == 0.6


def test_a_scrubbed_place_is_heard_for_a_moment_and_kept(player, qtbot):
    player.set_range((0.1, 0.9))
    player.scrub(0.5)
    assert player.playing and player.order.range_s == (0.1, 0.9)
    sound = pull(player, qtbot, 4000)
    assert np.abs(sound).max() > 0.3
    pull(player, qtbot, round(0.12 * RATE) - len(sound))
    qtbot.waitUntil(lambda: not player.playing)
    assert player.paused and player.position_s == pytest.approx(0.5)


def test_the_gain_of_a_sound_and_the_volume_add_up_but_not_above_full_scale(player):
    player.set_gain_db(-6.0)
    player.set_match_db(4.0, most_db=1.0)
    assert player.gain_db == pytest.approx(-2.0)
    assert player.order.gain == pytest.approx(10 ** (-2 / 20))
    player.set_gain_db(6.0)
    assert player.gain_db == 1.0 and player.wanted_db == 10.0
    player.set_match_db(0.0)
    assert player.gain_db == 6.0


def test_another_file_has_no_range_fades_or_soloed_channels_of_the_last_one(player, sine):
    player.set_range((0.1, 0.5), (0.1, 0.1))
    player.set_listening(Listening("mono", alone=frozenset({1})))
    player.load(sine)
    assert player.order.range_s is None and player.order.fades_s == (0.0, 0.0)
    assert player.order.listening == Listening("mono")


def test_loudness_and_gain_are_written_with_a_minus_sign_and_without_minus_zero():
    sound = SoundRow(1, "/a.wav", 1.0, 48000, 2, 24, "wav", False, lufs=-18.34, peak_db=-1.25)
    assert loudness(sound) == "−18.3 LUFS, peak −1.2 dBTP"
    assert loudness(replace(sound, range_lu=4.0)) == "−18.3 LUFS, range 4.0 LU, peak −1.2 dBTP"
    assert loudness(replace(sound, lufs=None)) == lufs(None) == ""
    assert signed(-4.25, "dB") == "−4.2 dB" and signed(3, "st", 0) == "+3 st"
    assert signed(-0.01, "dB") == signed(0.0, "dB") == "0.0 dB"
