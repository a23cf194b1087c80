"""An AudioCaps of any size: folders, tables and sounds as its users have them, made on the spot.

A sound is two of a few simple ones, each with its own course; its caption says which.  They
are 8-bit files at a low rate, so that fifty thousand take little time and space to write, and
are decoded, resampled and cached as others are.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from trainer.data.cache import in_order

_RATE_HZ = 8000
_COURSES = {
    "goes on": lambda t: np.ones_like(t),
    "swells": lambda t: t,
    "fades away": lambda t: 1 - t,
    "pulses slowly": lambda t: (np.sin(12 * np.pi * t) > 0) * 1.0,
    "pulses quickly": lambda t: (np.sin(70 * np.pi * t) > 0) * 1.0,
    "comes twice": lambda t: (np.abs(np.abs(t - 0.5) - 0.3) < 0.1) * 1.0,
}
_HEIGHTS = {"low": 110.0, "deep": 190.0, "middle": 420.0, "high": 1100.0, "shrill": 2600.0}
_COLOURS = ("hum", "buzz", "hiss", "warble")


@dataclass(frozen=True)
class _Simple:
    """One simple sound: samples, and what it is called."""

    samples: np.ndarray
    name: str


def simple_sounds(seconds: float) -> list[_Simple]:
    """Return every colour at every height in every course."""
    t = np.arange(int(seconds * _RATE_HZ)) / _RATE_HZ
    noise = np.fft.rfft(np.random.default_rng(0).normal(size=len(t)))
    hz = np.fft.rfftfreq(len(t), 1 / _RATE_HZ)
    found = []
    for height, pitch in _HEIGHTS.items():
        phase = 2 * np.pi * pitch * t
        band = np.fft.irfft(noise * np.exp(-((np.log2((hz + 1) / pitch) / 0.3) ** 2)), len(t))
        colours = {
            "hum": np.sin(phase),
            "buzz": np.sign(np.sin(phase)) * 0.7,
            "hiss": band / np.abs(band).max(),
            "warble": np.sin(phase + 8 * np.sin(2 * np.pi * 3 * t)),
        }
        for colour in _COLOURS:
            for course, shape in _COURSES.items():
                samples = (colours[colour] * shape(t / seconds)).astype(np.float32)
                found.append(_Simple(samples, f"a {height} {colour} {course}"))
    return found


def write_audiocaps(folder: Path, train: int, validation: int, seconds: float) -> list[str]:
    """Write the set into ``folder``; one caption a clip of ``train``, five of ``validation``.

    :return: the distinct captions.
    """
    simple = simple_sounds(seconds)
    told: set[str] = set()
    for split, count in (("train", train), ("val", validation)):
        home = folder / "waveforms" / split
        home.mkdir(parents=True, exist_ok=True)
        rows = []
        for number, done in in_order(partial(_write, home, simple), range(count)):
            one, other = done.result()
            texts = [f"{one} while {other}", f"{other} and {one}"]
            texts += [
                f"there is {one} with {other}",
                f"{one}, {other}",
                f"we hear {other} and {one}",
            ]
            texts = texts if split == "val" else [texts[number % 5]]
            rows.append((f"{number}.wav", *texts))
            told.update(texts)
        header = [f"caption_{n}" for n in range(1, 6)] if split == "val" else ["caption"]
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("file_name", *header), *rows])
    return sorted(told)


def _write(home: Path, simple: list[_Simple], number: int) -> tuple[str, str]:
    """Write one clip; return what its two sounds are called."""
    rng = np.random.default_rng((len(home.name), number))
    one, other = (simple[pick] for pick in rng.choice(len(simple), 2, replace=False))
    mixed = 0.45 * one.samples + 0.45 * rng.uniform(0.4, 1.0) * other.samples
    soundfile.write(home / f"{number}.wav", mixed, _RATE_HZ, "PCM_U8")
    return one.name, other.name
