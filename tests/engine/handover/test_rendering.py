"""What is heard in a handed-over file: exact where nothing changes, right where something does."""

import numpy as np
import pytest
import soundfile

from engine.errors import InputError
from engine.handover.door import hand_over
from engine.handover.forms import ORIGINAL, Form, parse_form
from engine.handover.order import Order, Rendering

RATE = 48000


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    """Return three seconds of 1 kHz at -6 dB."""
    path = tmp_path_factory.mktemp("tone") / "tone.wav"
    soundfile.write(
        path, 0.5 * np.sin(2 * np.pi * 1000 * np.arange(3 * RATE) / RATE), RATE, "PCM_24"
    )
    return path


@pytest.fixture
def rendered(tmp_path):
    """Return a function that gives the samples and facts of what an order makes."""

    def run(path, span_s=None, form=ORIGINAL, channels=None, **rendering):
        order = Order(path, span_s, channels, form, Rendering(**rendering))
        made = hand_over(order, tmp_path / "out")
        samples, _ = soundfile.read(made, dtype="float64", always_2d=True)
        return samples, soundfile.info(made)

    return run


def frequency_of(samples: np.ndarray, rate_hz: int) -> float:
    """Return the frequency of a tone, from the phase that it gains."""
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    spectrum = np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20)
    peak = int(np.abs(spectrum).argmax())
    low, top, high = np.log(np.abs(spectrum[peak - 1 : peak + 2]))
    return (peak + 0.5 * (low - high) / (low - 2 * top + high)) * rate_hz / (1 << 20)


def test_a_part_is_24_bit_wav_with_fades(ramp, rendered):
    whole, _ = soundfile.read(ramp, dtype="float64")
    part, info = rendered(ramp, (1.0, 2.0))
    assert (info.format, info.subtype, info.samplerate, info.channels) == (
        *("WAV", "PCM_24", RATE, 2),
    )
    assert len(part) == RATE and np.abs(part[[0, -1]]).max() < 1e-3
    fade = round(0.005 * RATE)
    assert np.array_equal(part[fade:-fade], whole[RATE + fade : 2 * RATE - fade])


@pytest.mark.parametrize("form", ["wav/24", "wav/32", "flac/24", "aiff/24"])
def test_a_converted_file_holds_the_very_samples_without_fades(ramp, rendered, form):
    whole, _ = soundfile.read(ramp, dtype="float64")
    same, info = rendered(ramp, form=parse_form(form))
    assert np.array_equal(same, whole)
    assert info.format == form.split("/")[0].upper()
    assert info.subtype == {"24": "PCM_24", "32": "FLOAT"}[form.split("/")[1]]


def test_a_16_bit_file_stays_what_it_is_and_a_finer_one_is_dithered(ramp, rendered, tmp_path):
    exact = np.round(np.linspace(-30000, 30000, RATE)) / 32768
    soundfile.write(tmp_path / "coarse.wav", exact, RATE, "PCM_16")
    assert np.array_equal(
        rendered(tmp_path / "coarse.wav", form=Form("wav", bits=16))[0][:, 0], exact
    )
    whole, _ = soundfile.read(ramp, dtype="float64")
    error = (rendered(ramp, form=Form("flac", bits=16))[0] - whole) * 32768
    assert np.abs(error).max() <= 1.5 and abs(error.mean()) < 0.01
    assert error.std() == pytest.approx(0.5, abs=0.02)  # triangular noise, and rounding


def test_backwards_is_the_same_samples_turned(ramp, rendered):
    whole, _ = soundfile.read(ramp, dtype="float64")
    assert np.array_equal(rendered(ramp, reverse=True)[0], whole[::-1])


def test_gain_is_exact_and_stops_at_full_scale(tone, rendered):
    whole, _ = soundfile.read(tone, dtype="float64")
    louder, _ = rendered(tone, gain_db=-6.0)
    assert np.abs(louder[:, 0] - whole * 10 ** (-6 / 20)).max() < 1e-6
    clipped, _ = rendered(tone, gain_db=12.0)
    assert clipped.max() == pytest.approx(1.0, abs=1e-6) and clipped.min() == -1.0
    free, _ = rendered(tone, gain_db=12.0, form=Form("wav", bits=32))
    assert np.abs(free).max() == pytest.approx(0.5 * 10 ** (12 / 20), rel=1e-4)


@pytest.mark.parametrize("speed", [0.5, 2 ** (-1 / 12), 2 ** (7 / 12), 2.0])
def test_speed_takes_the_pitch_along_within_a_cent(tone, rendered, speed):
    samples, info = rendered(tone, speed=speed)
    assert len(samples) == round(3 * RATE / speed) and info.samplerate == RATE
    cents = 1200 * np.log2(frequency_of(samples[:, 0], RATE) / (1000 * speed))
    assert abs(cents) < 0.2


@pytest.mark.parametrize("rate_hz", [44100, 96000])
def test_another_rate_keeps_pitch_length_level_and_place(tone, rendered, rate_hz):
    samples, info = rendered(tone, form=Form("wav", rate_hz))
    assert info.samplerate == rate_hz and len(samples) == 3 * rate_hz
    assert abs(1200 * np.log2(frequency_of(samples[:, 0], rate_hz) / 1000)) < 0.01
    ideal = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(3 * rate_hz) / rate_hz)
    middle = slice(rate_hz // 2, -rate_hz // 2)
    assert np.abs(samples[middle, 0] - ideal[middle]).max() < 1e-4  # nor is it late


@pytest.mark.parametrize(("speed", "semitones"), [(1.0, 3.0), (1.5, 0.0), (0.8, -5.0)])
def test_pitch_and_speed_change_one_without_the_other(tone, rendered, speed, semitones):
    samples, info = rendered(tone, speed=speed, semitones=semitones)
    assert len(samples) == pytest.approx(3 * RATE / speed, rel=1e-3)
    wanted = 1000 * 2 ** (semitones / 12)
    assert abs(1200 * np.log2(frequency_of(samples[:, 0], info.samplerate) / wanted)) < 1


def test_channels_leave_as_one_if_that_is_heard(ramp, rendered):
    whole, _ = soundfile.read(ramp, dtype="float64")
    for mix, expected in (("mono", 0.0), ("mid", 0.0), ("side", whole[:, 0])):
        made, info = rendered(ramp, mix=mix)
        assert info.channels == 1 and np.abs(made[:, 0] - expected).max() < 1e-6


@pytest.mark.parametrize(("source_hz", "rate_hz"), [(44100, 48000), (48000, 44100), (96000, 44100)])
def test_another_rate_keeps_what_it_can_hold_and_lets_nothing_else_in(
    tmp_path, rendered, source_hz, rate_hz
):
    """Tones up to 20 kHz to 1e-6; those beyond half the new rate, and images, below -125 dB."""
    form = Form("wav", rate_hz, 32)

    def converted(frequency_hz: float) -> np.ndarray:
        path = tmp_path / f"{frequency_hz:g}.wav"
        tone = 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(source_hz) / source_hz)
        soundfile.write(path, tone, source_hz, "FLOAT")
        return rendered(path, form=form)[0][rate_hz // 4 : -rate_hz // 4, 0]

    for frequency_hz in (997.0, 10_007.0, 20_000.0):
        made = converted(frequency_hz)
        place = np.arange(rate_hz // 4, rate_hz // 4 + len(made))
        ideal = 0.5 * np.sin(2 * np.pi * frequency_hz * place / rate_hz)
        assert np.abs(made - ideal).max() < 1e-6
    if source_hz > rate_hz:
        beyond = converted(0.51 * rate_hz)
        assert np.sqrt(2 * np.mean(beyond**2)) / 0.5 < 10 ** (-125 / 20)


def test_chosen_channels_leave_in_their_order(ramp, rendered):
    whole, _ = soundfile.read(ramp, dtype="float64")
    assert np.array_equal(rendered(ramp, channels=(1,))[0], whole[:, 1:])
    assert np.array_equal(rendered(ramp, channels=(1, 0))[0], whole[:, ::-1])
    with pytest.raises(InputError, match=r"ramp\.wav has 2 channels, and no channel 3"):
        rendered(ramp, channels=(2,))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"speed": 30.0}, "the speed 30 is not possible: choose one from 0.05 to 20"),
        ({"speed": float("nan")}, "the speed nan is not possible"),
        ({"gain_db": 1e9}, r"the gain 1e\+09 dB is not possible: choose one from -120 to 120"),
        ({"gain_db": float("nan")}, "the gain nan dB is not possible"),
    ],
)
def test_what_cannot_be_rendered_of_any_sound_is_refused(ramp, rendered, wrong, said):
    with pytest.raises(InputError, match=said):
        rendered(ramp, **wrong)


def test_handles_reach_as_far_as_the_file_does(ramp, rendered):
    assert len(rendered(ramp, (1.0, 2.0), before_s=0.5, after_s=0.25)[0]) == 1.75 * RATE
    assert len(rendered(ramp, (1.0, 2.0), before_s=5.0, after_s=5.0)[0]) == 3 * RATE


def test_fades_are_as_long_as_asked(tmp_path, rendered):
    soundfile.write(tmp_path / "one.wav", np.full(RATE, 0.5), RATE, "PCM_24")
    samples = rendered(tmp_path / "one.wav", fade_in_s=0.25, fade_out_s=0.5)[0][:, 0]
    assert samples[0] == 0 and samples[RATE // 8] == pytest.approx(0.25, abs=1e-4)
    assert samples[RATE // 4] == 0.5
    assert samples[-RATE // 4] == pytest.approx(0.25, abs=1e-4) and samples[-1] == 0


def test_a_fade_of_a_sound_turned_round_is_where_it_is_cut(ramp, rendered):
    turned = rendered(ramp, (0.0, 1.0), reverse=True)[0]
    assert turned[0, 0] == 0 and abs(turned[-1, 0]) > 0.89  # the file's own beginning is not cut


def test_a_click_shorter_than_any_filter_is_still_heard(tmp_path, rendered):
    soundfile.write(tmp_path / "click.wav", np.array([0.0, 0.8, -0.8, 0.0]), RATE, "PCM_24")
    assert np.abs(rendered(tmp_path / "click.wav", form=Form("wav", 44100))[0]).max() > 0.3


def test_a_file_of_more_than_two_channels_keeps_its_speakers(tmp_path, rendered):
    path = tmp_path / "surround.wav"
    soundfile.write(path, np.zeros((100, 6)), RATE, "PCM_24", format="WAVEX")
    data = bytearray(path.read_bytes())
    place = data.index(b"fmt ") + 8 + 20
    data[place : place + 4] = (0x3F).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    made = hand_over(Order(path, (0.0, 0.001)), tmp_path / "out").read_bytes()
    place = made.index(b"fmt ") + 8
    assert made[place : place + 2] == b"\xfe\xff"
    assert made[place + 20 : place + 24] == (0x3F).to_bytes(4, "little")


def test_what_no_format_can_hold_is_a_sentence(tmp_path, rendered):
    soundfile.write(tmp_path / "many.wav", np.zeros((100, 10)), RATE)
    with pytest.raises(InputError, match=r"has 10 channels, and FLAC files 8 at most: choose WAV"):
        rendered(tmp_path / "many.wav", form=Form("flac"))


def test_more_than_four_gigabytes_become_rf64():
    from engine.handover.wave import Wave, _head

    small = Wave(RATE, 2, 24, 700_000_000)
    assert _head(small)[:4] == b"RIFF"
    large = Wave(RATE, 2, 24, 800_000_000)
    head = _head(large)
    assert head[:4] == b"RF64" and head[12:16] == b"ds64"
    assert int.from_bytes(head[28:36], "little") == 4_800_000_000
    assert int.from_bytes(head[20:28], "little") == large.size - 8


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("original", Form()),
        ("wav", Form("wav")),
        ("BWF96/24", Form("wav", 96000, 24)),
        ("flac44.1", Form("flac", 44100)),
        ("wav48/32f", Form("wav", 48000, 32)),
        ("aif48000/16", Form("aiff", 48000, 16)),
    ],
)
def test_a_form_is_read_and_written_as_text(text, form):
    assert parse_form(text) == form == parse_form(str(form))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mp3", "mp3 is no format: write original, wav"),
        ("wav48/20", "must be 16, 24 or 32 bits"),
        ("flac/32", "must be 16 or 24 bits"),
        ("wav500", "must be from 8 to 384 kHz"),
        ("original48", "an original keeps its rate and depth"),
        ("", "is no format"),
    ],
)
def test_a_form_that_makes_no_sense_is_a_sentence(text, said):
    with pytest.raises(InputError, match=said):
        parse_form(text)
