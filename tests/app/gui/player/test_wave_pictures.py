"""What the waveform shows beside its peaks."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.gui.kit.style.apply import apply_theme
from app.gui.kit.style.colour_map import level_scale, tone_scale
from app.gui.kit.style.palette import DARK, LIGHT
from app.gui.player.view import View
from app.gui.player.waveform_picture import Picture
from engine.audio.loudness_curve import LoudnessCurve
from engine.audio.peaks import Peaks


@pytest.fixture
def waveform(window, qtbot):
    """Return the waveform of a sound that is looked at."""
    window.bar.set_text('"sound 11"')
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 1)
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: window.panel.waveform._drawn.peaks is not None)
    return window.panel.waveform


def colours_of(picture) -> set[str]:
    image = picture.toImage()
    return {
        image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())
    }


def names(scale) -> set[str]:
    return {"#" + "".join(f"{v:02x}" for v in row) for row in scale.tolist()}


def test_a_spectrogram_has_an_axis_and_its_own_colours_in_either_theme(window, waveform, qtbot):
    qtbot.keyClick(window.results, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: waveform._drawn.spectrogram is not None)
    axis = waveform._drawn.axis
    assert len(axis) >= 2 and all(0 < place < 1 for place, _ in axis)
    table = [f"#{colour & 0xFFFFFF:06x}" for colour in waveform._drawn.spectrogram.colorTable()]
    assert set(table) == names(level_scale(DARK))
    apply_theme(window, "light")
    table = [f"#{colour & 0xFFFFFF:06x}" for colour in waveform._drawn.spectrogram.colorTable()]
    assert set(table) == names(level_scale(LIGHT))
    qtbot.keyClick(window.results, Qt.Key.Key_G)
    assert waveform._drawn.spectrogram is None and waveform._drawn.axis == ()
    apply_theme(window, "dark")


def test_frequencies_rise_in_mel_or_in_hertz(window, waveform, qtbot):
    qtbot.keyClick(window.results, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: bool(waveform._drawn.axis))
    mel = waveform._drawn.axis
    qtbot.keyClick(window.results, Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: waveform._drawn.axis not in (mel, ()))
    assert window.actions_by_name["linear_scale"].isChecked()
    qtbot.keyClick(window.results, Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: waveform._drawn.axis == mel)


def test_loudness_is_drawn_on_demand_and_of_the_next_sound_too(window, waveform, qtbot):
    assert waveform._drawn.loudness is None
    qtbot.keyClick(window.results, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: waveform._drawn.loudness is not None)
    first = waveform._drawn.loudness
    window.bar.set_text('"sound 09"')
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 1)
    qtbot.keyClick(window.bar.text, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: waveform._drawn.loudness not in (None, first))
    qtbot.keyClick(window.results, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    assert waveform._drawn.loudness is None


def test_colours_go_off_and_on_and_stay_for_the_next_sound(window, waveform, qtbot):
    assert waveform._drawn.coloured
    qtbot.keyClick(window.results, Qt.Key.Key_C)
    assert not waveform._drawn.coloured
    waveform.show_sound(1.0, None)
    assert not waveform._drawn.coloured
    qtbot.keyClick(window.results, Qt.Key.Key_C)
    assert waveform._drawn.coloured


def peaks_of(tones: list[int]) -> Peaks:
    high = np.full((4 * len(tones), 1), 100, np.int8)
    return Peaks(-high, high, 1024 * len(tones), 48_000, np.array(tones, np.uint8))


def test_peaks_have_the_colour_of_their_tone_and_silence_none(qapp):
    view = View(0.0, 40 * 1024 / 48_000, 40)
    picture = Picture(peaks_of([20] * 20 + [220] * 20), coloured=True)
    shown = colours_of(picture.draw(view, 80, 1.0, DARK)) & names(tone_scale(DARK))
    low, high = (names(tone_scale(DARK)[tone : tone + 1]) for tone in (20, 220))
    assert shown == low | high
    plain = Picture(peaks_of([20] * 40)).draw(view, 80, 1.0, DARK)
    assert not colours_of(plain) & names(tone_scale(DARK))
    silent = Picture(peaks_of([0] * 40), coloured=True).draw(view, 80, 1.0, DARK)
    assert DARK.wave in colours_of(silent)


def test_the_loudness_curve_is_where_its_values_are(qapp):
    view = View(0.0, 10.0, 200)
    curve = LoudnessCurve(np.where(np.arange(97) < 48, -50.0, -10.0))
    image = Picture(loudness=curve).draw(view, 100, 1.0, DARK).toImage()

    def height(x: int) -> float:
        rows = [y for y in range(100) if image.pixelColor(x, y).name() == DARK.text]
        return float(np.mean(rows))

    top, bottom = 4, 84  # between the strip and the ruler
    for x, lufs in ((50, -50.0), (150, -10.0)):
        share = (bottom - height(x)) / (bottom - top)
        assert share == pytest.approx((lufs + 60) / 60, abs=0.04)
