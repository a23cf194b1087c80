"""Colours that stand for numbers look as far apart as these are."""

import numpy as np
import pytest

from app.gui.kit.style.colour_map import kinds, lab_of, level_scale, srgb_of, tone_scale
from app.gui.kit.style.palette import DARK, LIGHT

THEMES = pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])


def lab(rgb: np.ndarray) -> np.ndarray:
    return lab_of(rgb / 255)


def hue(rgb: np.ndarray) -> np.ndarray:
    found = lab(rgb)
    return np.degrees(np.arctan2(found[:, 2], found[:, 1])) % 360


def test_lab_of_known_colours():
    rgb = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]], float)
    known = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86]]
    assert lab_of(rgb) == pytest.approx(np.array(known), abs=0.02)


def test_lab_and_back():
    rgb = np.random.default_rng(0).random((100, 3))
    assert srgb_of(lab_of(rgb)) == pytest.approx(rgb, abs=1e-5)


@THEMES
def test_levels_are_evenly_apart_and_lightness_goes_one_way(colours):
    path = lab(level_scale(colours))
    steps = np.linalg.norm(path[16:] - path[:-16], axis=1)  # wide: bytes are coarse
    assert steps.max() / steps.min() < 1.35
    lightness = np.diff(path[::4, 0])
    assert (lightness > 0).all() or (lightness < 0).all()
    assert abs(path[-1, 0] - path[0, 0]) > 70


@THEMES
def test_silence_is_the_colour_of_the_panel(colours):
    first = level_scale(colours)[0].tolist()
    assert "#" + "".join(f"{value:02x}" for value in first) == colours.panel


@THEMES
def test_tones_are_equally_light_from_red_to_blue(colours):
    scale = tone_scale(colours)
    lightness = lab(scale)[:, 0]
    assert np.ptp(lightness) < 2.5
    turns = hue(scale[[8, 128, 250]])
    assert turns[0] < 60 and 90 < turns[1] < 220 and 230 < turns[2] < 290
    assert abs(lightness.mean() - lab_of_hex(colours.panel)) > 35  # seen on the panel


@THEMES
def test_kinds_differ_from_one_another(colours):
    path = lab(kinds(8, colours))
    apart = np.linalg.norm(path[:, None] - path, axis=2) + 1e3 * np.eye(8)
    assert apart.min() > 12 and np.ptp(path[:, 0]) < 3


def lab_of_hex(colour: str) -> float:
    rgb = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]])
    return float(lab_of(rgb)[0, 0])
