"""The picture of a waveform: what is drawn where."""

import numpy as np
import pytest
from PySide6.QtGui import QColor

from app.gui.kit.style.palette import DARK
from app.gui.player.waveform_picture import Picture, View
from engine.audio.peaks import Peaks

WIDTH, HEIGHT, RATE = 400, 100, 48000


def drawn(samples, qapp):
    """Return which pixels have the wave's colour, (height, width)."""
    frames = np.asarray(samples, np.float32)[:, None]
    duration_s = len(frames) / RATE
    silent = np.zeros((1, 1), np.int8)
    peaks = Peaks(silent, silent, len(frames), RATE, np.zeros(1, np.uint8))
    view = View(0.0, duration_s, WIDTH)
    picture = Picture(peaks, detail=(view, frames))
    assert picture.is_coarse(view)
    image = picture.draw(view, HEIGHT, 1.0, DARK).toImage()
    wave = QColor(DARK.wave).rgb()
    return np.array([[image.pixel(x, y) == wave for x in range(WIDTH)] for y in range(HEIGHT)])


@pytest.mark.parametrize("length", [20_000, 100_000])
def test_one_loud_sample_is_seen_however_many_there_are(length, qapp):
    samples = np.zeros(length)
    samples[round(0.6 * length)] = 1.0
    wave = drawn(samples, qapp)
    rows = np.flatnonzero(wave[:, round(0.6 * WIDTH) - 1 : round(0.6 * WIDTH) + 2].any(axis=1))
    silent = np.flatnonzero(wave[:, 10])
    assert rows[0] < silent[0] - 20


def test_a_line_through_dense_samples_has_no_gaps(qapp):
    steps = np.repeat([-0.9, 0.9], 50_000)
    wave = drawn(steps, qapp)
    column = wave[:, WIDTH // 2 - 1 : WIDTH // 2 + 1].any(axis=1)
    assert column[10:70].all()
