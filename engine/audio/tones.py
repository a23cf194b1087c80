"""Where in frequency a sound's energy lies, moment by moment: what waveforms are coloured by."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.audio.clip import Frames

Tones = np.ndarray[Any, np.dtype[np.uint8]]
TONE_EACH = 1024  # frames that one tone stands for
SILENT = 0
LOWEST_HZ, HIGHEST_HZ = 60.0, 12_000.0  # that tones 1 and 255 stand for
_FLOOR = 1e-8  # mean power under which a moment is silent: −80 dBFS
_OTHERS = 0.8  # weight of every channel but the first: what is out of phase must not vanish
_AT_ONCE = 256  # moments


def tones_of(frames: Frames, rate_hz: int) -> Tones:
    """Return a tone for every 1,024 frames, of shape (frames, channels), the last filled up.

    A tone is the spectral centroid on an axis of pitch, 1 = 60 Hz to 255 = 12 kHz, with power
    raised by 3 dB an octave, so that pink noise is as high as it is low; 0 is silence.
    """
    mono = mono_of(frames)
    count = -(-len(mono) // TONE_EACH)
    filled = np.zeros(count * TONE_EACH, np.float32)
    filled[: len(mono)] = mono
    moments = filled.reshape(count, TONE_EACH)
    hertz = np.fft.rfftfreq(TONE_EACH, 1 / rate_hz)[1:]
    octaves = np.log2(np.clip(hertz, LOWEST_HZ, HIGHEST_HZ) / LOWEST_HZ).astype(np.float32)
    window = np.hanning(TONE_EACH).astype(np.float32)
    found = np.zeros(count, np.uint8)
    for start in range(0, count, _AT_ONCE):
        part = moments[start : start + _AT_ONCE]
        spectra = np.fft.rfft(part * window, axis=1)[:, 1:]
        power = (spectra.real**2 + spectra.imag**2) * hertz.astype(np.float32)
        share = (power @ octaves) / np.maximum(power.sum(1), 1e-20) / octaves[-1]
        silent = (part * part).mean(1) < _FLOOR
        found[start : start + _AT_ONCE] = np.where(silent, SILENT, 1 + np.rint(254 * share))
    return found


def mono_of(frames: Frames) -> Frames:
    """Return one channel (n,) of several, none of which is lost."""
    weights = np.full(frames.shape[1], _OTHERS, np.float32)
    weights[0] = 1.0
    mono: Frames = frames @ (weights / weights.sum())
    return mono


def hertz_of(tone: float) -> float:
    """Return the frequency that a tone stands for."""
    return float(LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** ((tone - 1) / 254))
