"""Colours that differ as much as the numbers they stand for: computed in CIELAB.

In that space (CIE 015:2018, white D65) equal distances ΔE look about equally different, so that a
step of a scale shows alike wherever it is, and no hue cries louder than another.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from app.gui.kit.style.palette import Colours

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Rgb = np.ndarray[Any, np.dtype[np.uint8]]
SHADES = 256  # of a scale
_WHITE = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_KNEE = 6 / 29
_DENSE = 4000  # points of a path that a scale is taken from
_LOW_HUE, _HIGH_HUE = 25.0, 275.0  # of waveforms: red is low, blue is high
_DARK_ENDS_AT, _LIGHT_ENDS_AT = 95.0, 14.0  # lightness of the loudest


def srgb_of(lab: Numbers) -> Numbers:
    """Return sRGB (n, 3) of CIELAB (n, 3); outside [0, 1] where a screen has no such colour."""
    f_y = (lab[:, 0] + 16) / 116
    f = np.stack([f_y + lab[:, 1] / 500, f_y, f_y - lab[:, 2] / 200], axis=1)
    xyz = np.where(f > _KNEE, f**3, 3 * _KNEE**2 * (f - 4 / 29)) * _WHITE
    linear = xyz @ np.linalg.inv(_TO_XYZ).T
    curved = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    rgb: Numbers = np.where(linear > 0.0031308, curved, 12.92 * linear)
    return rgb


def lab_of(rgb: Numbers) -> Numbers:
    """Return CIELAB (n, 3) of sRGB (n, 3) in [0, 1]."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _KNEE**3, np.cbrt(xyz), xyz / (3 * _KNEE**2) + 4 / 29)
    return np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
    )


@cache
def level_scale(colours: Colours) -> Rgb:
    """Return (256, 3) colours of levels: from the panel's own to the farthest from it.

    Lightness goes one way all along, from blue over red to yellow, and every step has the same ΔE.
    """
    first = lab_of(_parsed(colours.panel))[0]
    dark = first[0] < 50
    t = np.linspace(0, 1, _DENSE)
    lightness = first[0] + ((_DARK_ENDS_AT if dark else _LIGHT_ENDS_AT) - first[0]) * t
    begin = np.degrees(np.arctan2(first[2], first[1])) % 360
    hue = np.radians(begin + (460 - begin) * t if dark else 95 - 170 * t)
    chroma = np.hypot(first[1], first[2]) * (1 - t) + 58 * np.sin(np.pi * t) + 12 * t
    path = _shown(lightness, chroma, hue)
    path[0] = first
    return _bytes(srgb_of(_even(path)))


@cache
def tone_scale(colours: Colours) -> Rgb:
    """Return (256, 3) colours from low to high frequencies, all equally light; 0 is silence."""
    lightness = 66.0 if lab_of(_parsed(colours.panel))[0, 0] < 50 else 54.0
    hue = np.radians(np.linspace(_LOW_HUE, _HIGH_HUE, _DENSE))
    even = _even(_shown(np.full(_DENSE, lightness), np.full(_DENSE, 52.0), hue))
    return _bytes(srgb_of(even))


@cache
def kinds(count: int, colours: Colours) -> Rgb:
    """Return ``count`` equally light colours (count, 3) for kinds of things, the accent first."""
    accent = lab_of(_parsed(colours.accent))[0]
    lightness = 68.0 if lab_of(_parsed(colours.panel))[0, 0] < 50 else 50.0
    begin = np.arctan2(accent[2], accent[1])
    # neighbours in the list are far apart on the circle of hues
    turns = np.array([(i * 0.381966) % 1.0 for i in range(count)])
    hue = begin + 2 * np.pi * turns
    return _bytes(srgb_of(_shown(np.full(count, lightness), np.full(count, 55.0), hue)))


def _shown(lightness: Numbers, chroma: Numbers, hue: Numbers) -> Numbers:
    """Return CIELAB (n, 3) of these, chroma lowered as far as a screen asks for."""
    low, high = np.zeros_like(chroma), chroma.copy()
    for _ in range(20):
        middle = (low + high) / 2
        rgb = srgb_of(_lab(lightness, middle, hue))
        inside = ((rgb >= -1e-6) & (rgb <= 1 + 1e-6)).all(1)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    whole = ((srgb_of(_lab(lightness, chroma, hue)) - 0.5).__abs__() <= 0.5).all(1)
    return _lab(lightness, np.where(whole, chroma, low), hue)


def _lab(lightness: Numbers, chroma: Numbers, hue: Numbers) -> Numbers:
    return np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)


def _even(path: Numbers) -> Numbers:
    """Return :data:`SHADES` points of a path, all equally far from the next."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    wanted = np.linspace(0, along[-1], SHADES)
    return np.stack([np.interp(wanted, along, path[:, axis]) for axis in range(3)], axis=1)


def _parsed(colour: str) -> Numbers:
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return np.array([values])


def _bytes(rgb: Numbers) -> Rgb:
    rounded: Rgb = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return rounded
