"""Building blocks of synthetic sounds: noises, tones, envelopes and filters.

Signals are mono float64 arrays at ``RATE_HZ``; durations are in seconds, frequencies in Hz.
Randomness comes from the generator that is handed in, so that every sound is the same each
time it is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RATE_HZ = 32000
Signal = np.ndarray[Any, np.dtype[np.float64]]
Random = np.random.Generator


def times(duration_s: float) -> Signal:
    """Return the time of every sample."""
    t: Signal = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return t


def silence(duration_s: float) -> Signal:
    """Return zeros."""
    return np.zeros(round(duration_s * RATE_HZ))


def shaped_noise(random: Random, duration_s: float, gain: Callable[[Signal], Signal]) -> Signal:
    """Return noise whose amplitude spectrum is ``gain(frequencies)``, at unit deviation."""
    count = round(duration_s * RATE_HZ)
    frequencies: Signal = np.fft.rfftfreq(count, 1 / RATE_HZ).astype(np.float64)
    spectrum = np.fft.rfft(random.standard_normal(count)) * gain(frequencies)
    noise = np.fft.irfft(spectrum, count)
    unit: Signal = noise / (noise.std() + 1e-12)
    return unit


def band(low_hz: float, high_hz: float, slope: float = 0.0) -> Callable[[Signal], Signal]:
    """Return a smooth band-pass gain that falls by ``slope`` powers of frequency inside."""

    def gain(f: Signal) -> Signal:
        safe = np.maximum(f, 1.0)
        rise = 1 / (1 + (low_hz / safe) ** 4)
        fall = 1 / (1 + (safe / high_hz) ** 4)
        result: Signal = rise * fall * (safe / 1000.0) ** -slope
        return result

    return gain


def filtered(signal: Signal, gain: Callable[[Signal], Signal]) -> Signal:
    """Return ``signal`` with its spectrum multiplied by ``gain(frequencies)``."""
    frequencies: Signal = np.fft.rfftfreq(len(signal), 1 / RATE_HZ).astype(np.float64)
    result: Signal = np.fft.irfft(np.fft.rfft(signal) * gain(frequencies), len(signal))
    return result


def resonances(*peaks: tuple[float, float, float]) -> Callable[[Signal], Signal]:
    """Return a gain with peaks of (frequency, bandwidth, height)."""

    def gain(f: Signal) -> Signal:
        total = np.full_like(f, 0.01)
        for centre, width, height in peaks:
            total = total + height / (1 + ((f - centre) / width) ** 2)
        return total

    return gain


def glide(frequency: Signal) -> Signal:
    """Return the phase, in radians, of a tone with these frequencies."""
    phase: Signal = 2 * np.pi * np.cumsum(frequency) / RATE_HZ
    return phase


def harmonics(phase: Signal, amplitudes: list[float]) -> Signal:
    """Return a tone with the given amplitudes of its first harmonics."""
    total = np.zeros_like(phase)
    for number, amplitude in enumerate(amplitudes, start=1):
        total += amplitude * np.sin(number * phase)
    return total


def decay(duration_s: float, half_life_s: float, attack_s: float = 0.002) -> Signal:
    """Return an envelope that rises in ``attack_s`` and then halves every half-life."""
    t = times(duration_s)
    envelope: Signal = np.minimum(1.0, t / attack_s) * 0.5 ** (t / half_life_s)
    return envelope


def smooth_random(random: Random, duration_s: float, rate_hz: float) -> Signal:
    """Return a random curve in about [0, 1] that changes ``rate_hz`` times a second."""
    knots = random.random(max(4, int(duration_s * rate_hz) + 4))
    t = times(duration_s)
    curve: Signal = np.interp(t * rate_hz, np.arange(len(knots)), knots)
    return curve


def place(target: Signal, at_s: float, sound: Signal, gain: float = 1.0) -> None:
    """Add ``sound`` to ``target`` at a time; what reaches over its end is cut."""
    start = round(at_s * RATE_HZ)
    room = max(0, min(len(sound), len(target) - start))
    target[start : start + room] += gain * sound[:room]


def reverberated(random: Random, signal: Signal, half_life_s: float, share: float) -> Signal:
    """Return ``signal`` with the tail of a room of decaying noise."""
    tail_s = 6 * half_life_s
    room = shaped_noise(random, tail_s, band(150, 6000, 0.5)) * decay(tail_s, half_life_s)
    count = len(signal) + len(room)
    wet = np.fft.irfft(np.fft.rfft(signal, count) * np.fft.rfft(room, count), count)
    wet = wet[: len(signal)]
    wet *= np.abs(signal).max() / (np.abs(wet).max() + 1e-12)
    mixed: Signal = signal * (1 - share) + wet * share
    return mixed


def plucked(random: Random, frequency_hz: float, duration_s: float, damping: float) -> Signal:
    """Return a plucked string (Karplus and Strong, Computer Music Journal 1983)."""
    period = round(RATE_HZ / frequency_hz)
    string = random.uniform(-1, 1, period)
    count = round(duration_s * RATE_HZ)
    out = np.empty(count + period)
    for start in range(0, count, period):
        out[start : start + period] = string
        string = damping * 0.5 * (string + np.roll(string, 1))
    return out[:count]


def bell(frequency_hz: float, duration_s: float, half_life_s: float) -> Signal:
    """Return a struck bell: inharmonic partials, the higher ones dying sooner."""
    partials: tuple[tuple[float, float], ...] = (
        (0.5, 0.6),
        (1.0, 1.0),
        (1.19, 0.7),
        (1.5, 0.5),
        (2.0, 0.8),
        (2.51, 0.4),
    )
    partials += ((3.01, 0.35), (4.17, 0.25), (5.43, 0.2))
    t = times(duration_s)
    total = np.zeros_like(t)
    for ratio, amplitude in partials:
        life = half_life_s / ratio**0.7
        total += amplitude * np.sin(2 * np.pi * frequency_hz * ratio * t) * 0.5 ** (t / life)
    return total * np.minimum(1.0, t / 0.003)
