"""Thirty sounds, each a function of a random generator."""

from __future__ import annotations

import numpy as np

from app.demo.synthesis import (
    RATE_HZ,
    Random,
    Signal,
    band,
    bell,
    decay,
    filtered,
    glide,
    harmonics,
    place,
    plucked,
    resonances,
    reverberated,
    shaped_noise,
    silence,
    smooth_random,
    times,
)


def rain(random: Random) -> Signal:
    """A hiss of thousands of drops, some of them near."""
    out = 0.25 * shaped_noise(random, 5, band(600, 12000, 0.4))
    for _ in range(900):
        length = random.uniform(0.002, 0.012)
        drop = shaped_noise(random, length, band(1500, 9000)) * decay(length, length / 4, 0.0005)
        place(out, random.uniform(0, 4.98), drop, random.exponential(0.4))
    return out


def thunder(random: Random) -> Signal:
    """A crack and a long, low, uneven rumble."""
    rumble = shaped_noise(random, 6, band(25, 160, 1.0)) * decay(6, 1.4, 0.15)
    rumble *= 0.4 + 1.2 * smooth_random(random, 6, 5)
    crack = shaped_noise(random, 1.2, band(80, 3000, 0.8)) * decay(1.2, 0.12, 0.01)
    place(rumble, 0.25, crack, 0.9)
    place(rumble, 0.75, crack, 0.5)
    return reverberated(random, rumble, 0.8, 0.35)


def wind(random: Random) -> Signal:
    """Gusts: noise whose band wanders up and down."""
    out = silence(6)
    for low, high in ((80, 300), (200, 600), (400, 1100), (700, 1700)):
        gust = smooth_random(random, 6, 1.1) ** 2
        out += shaped_noise(random, 6, band(low, high, 0.6)) * gust * (300 / low) ** 0.5
    return out


def ocean(random: Random) -> Signal:
    """Waves that swell, break and run out."""
    out = 0.06 * shaped_noise(random, 9, band(60, 5000, 0.6))
    for start in (0.3, 4.4):
        t = times(4.3)
        swell = np.sin(np.pi * np.clip(t / 4.3, 0, 1)) ** 2 * (0.3 + 0.7 * t / 4.3)
        place(out, start, shaped_noise(random, 4.3, band(150, 3500, 0.7)) * swell)
        place(out, start, shaped_noise(random, 4.3, band(1500, 9000)) * swell**3, 0.5)
    return out


def stream(random: Random) -> Signal:
    """A brook: a thousand small bubbles over a soft hiss."""
    out = 0.08 * shaped_noise(random, 5, band(400, 6000, 0.5))
    for _ in range(700):
        length = random.uniform(0.02, 0.08)
        t = times(length)
        pitch = random.uniform(350, 1700) * (1 + random.uniform(0.2, 1.5) * t / length)
        bubble = np.sin(glide(pitch)) * np.sin(np.pi * t / length) ** 2
        place(out, random.uniform(0, 4.9), bubble, random.exponential(0.25))
    return out


def fire(random: Random) -> Signal:
    """Crackles and snaps over a low roar."""
    out = 0.12 * shaped_noise(random, 5, band(60, 500, 0.7)) * (0.5 + smooth_random(random, 5, 6))
    for _ in range(160):
        length = random.uniform(0.002, 0.02)
        snap = shaped_noise(random, length, band(900, 10000)) * decay(length, length / 5, 0.0003)
        place(out, random.uniform(0, 4.9), snap, random.exponential(0.6))
    return out


def siren(random: Random) -> Signal:
    """A wailing two-second sweep, twice over, in a street."""
    t = times(6)
    pitch = 950 + 450 * np.sin(2 * np.pi * t / 2.4 - np.pi / 2)
    tone = harmonics(glide(pitch), [1.0, 0.5, 0.45, 0.2, 0.2, 0.1])
    return reverberated(random, tone, 0.15, 0.3) + 0.02 * shaped_noise(random, 6, band(80, 2000, 1))


def church_bell(random: Random) -> Signal:
    """Three strokes of a big bell."""
    out = silence(7)
    for at in (0.1, 2.3, 4.5):
        place(out, at, bell(330, 7 - at, 0.9))
    return reverberated(random, out, 0.4, 0.25)


def clock(random: Random) -> Signal:
    """A clock that ticks and tocks in a quiet room."""
    out = 0.002 * shaped_noise(random, 6, band(50, 3000, 0.7))
    for number in range(12):
        tick = shaped_noise(random, 0.03, resonances((2600, 300, 1), (4800, 500, 0.7)))
        tick *= decay(0.03, 0.004, 0.0005)
        place(out, 0.2 + 0.5 * number, tick, 0.8 if number % 2 else 1.0)
    return out


def alarm_clock(random: Random) -> Signal:
    """Digital alarm: bursts of four beeps."""
    out = 0.001 * shaped_noise(random, 5, band(50, 3000, 0.7))
    t = times(0.07)
    beep = np.sign(np.sin(2 * np.pi * 2050 * t)) * np.minimum(1, np.minimum(t, 0.07 - t) / 0.003)
    for group in range(5):
        for number in range(4):
            place(out, 0.1 + group + 0.125 * number, beep, 0.7)
    return filtered(out, band(600, 9000))


def engine(random: Random) -> Signal:
    """An idling engine: uneven firing, forty a second, through an exhaust."""
    out = silence(5)
    at = 0.0
    while at < 4.95:
        burst = shaped_noise(random, 0.05, band(40, 900, 0.8)) * decay(0.05, 0.008, 0.001)
        place(out, at, burst, random.uniform(0.8, 1.2))
        at += 1 / 24 * random.uniform(0.96, 1.04)
    hum = harmonics(glide(np.full(len(out), 48.0)), [0.3, 0.4, 0.2, 0.2, 0.1])
    return filtered(out + 0.4 * hum, resonances((90, 60, 1), (210, 80, 0.6), (600, 300, 0.15)))


def helicopter(random: Random) -> Signal:
    """Rotor blades that chop the air."""
    t = times(6)
    chop = (0.5 + 0.5 * np.cos(2 * np.pi * 11.5 * t)) ** 6
    out = shaped_noise(random, 6, band(40, 700, 0.9)) * (0.12 + chop)
    turbine = 0.03 * shaped_noise(random, 6, band(1500, 6000))
    return out * (0.6 + 0.4 * np.sin(np.pi * t / 6)) + turbine


def footsteps(random: Random) -> Signal:
    """Steps on gravel: heel, then a crunch."""
    out = 0.003 * shaped_noise(random, 6, band(100, 4000, 0.7))
    for number in range(9):
        at = 0.25 + 0.62 * number + random.uniform(-0.03, 0.03)
        heel = shaped_noise(random, 0.1, band(60, 400, 0.6)) * decay(0.1, 0.02)
        place(out, at, heel, 0.6)
        for _ in range(60):
            grain = shaped_noise(random, 0.006, band(1200, 9000)) * decay(0.006, 0.001, 0.0003)
            place(out, at + abs(random.normal(0.08, 0.06)), grain, random.exponential(0.35))
    return out


def laser(random: Random) -> Signal:
    """Science-fiction shots: tones that fall fast."""
    out = silence(3.5)
    for at in (0.1, 0.8, 1.3, 2.2, 2.6):
        t = times(0.45)
        pitch = 250 + 3800 * np.exp(-t / 0.07)
        shot = harmonics(glide(pitch), [1, 0.5, 0.33, 0.25, 0.2]) * decay(0.45, 0.09, 0.001)
        place(out, at, shot)
    return reverberated(random, out, 0.06, 0.15)


def heartbeat(random: Random) -> Signal:
    """Lub-dub, seventy a minute, through a chest."""
    out = 0.004 * shaped_noise(random, 6, band(20, 200, 0.5))
    for number in range(7):
        for offset, pitch, gain in ((0.0, 48, 1.0), (0.3, 62, 0.7)):
            t = times(0.16)
            beat = np.sin(2 * np.pi * pitch * t) * np.sin(np.pi * t / 0.16) ** 2
            beat = beat + 0.2 * shaped_noise(random, 0.16, band(30, 150)) * decay(0.16, 0.03)
            place(out, 0.2 + 0.84 * number + offset, beat, gain)
    return out


def knocking(random: Random) -> Signal:
    """Knuckles on a wooden door."""
    out = silence(4)
    for at in (0.3, 0.55, 0.8, 2.2, 2.45, 2.7):
        wood = resonances((140, 30, 1.0), (310, 50, 0.8), (720, 90, 0.35), (1500, 300, 0.1))
        place(out, at, shaped_noise(random, 0.2, wood) * decay(0.2, 0.018, 0.001))
    return reverberated(random, out, 0.08, 0.2)


def telephone(random: Random) -> Signal:
    """An old telephone: a bell hammered twenty times a second, with pauses."""
    out = silence(7)
    for start in (0.2, 3.8):
        for number in range(36):
            pitch = 1150 if number % 2 else 1420
            place(out, start + number * 0.05, bell(pitch, 0.6, 0.09), 0.4)
    return reverberated(random, out, 0.1, 0.15)


def car_horn(random: Random) -> Signal:
    """Two honks of a two-tone horn."""
    out = 0.004 * shaped_noise(random, 4, band(60, 2000, 0.9))
    for at, length in ((0.3, 0.6), (1.3, 1.6)):
        t = times(length)
        edge = np.minimum(1, np.minimum(t, length - t) / 0.02)
        tone = sum(
            harmonics(2 * np.pi * f * t, [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35, 0.3, 0.2, 0.15])
            for f in (405.0, 498.0)
        )
        place(out, at, tone * edge)
    return reverberated(random, out, 0.15, 0.2)


def whistle(random: Random) -> Signal:
    """A referee's pea whistle."""
    out = silence(3)
    for at, length in ((0.2, 0.5), (0.9, 1.4)):
        t = times(length)
        pitch = 2900 + 130 * np.sign(np.sin(2 * np.pi * 38 * t))
        tone = np.sin(glide(pitch)) * (0.7 + 0.3 * np.sin(2 * np.pi * 38 * t))
        breath = 0.1 * shaped_noise(random, length, band(2000, 8000))
        place(out, at, (tone + breath) * np.minimum(1, np.minimum(t, length - t) / 0.02))
    return reverberated(random, out, 0.12, 0.15)


def birds(random: Random) -> Signal:
    """A small bird: chirps and trills."""
    out = 0.003 * shaped_noise(random, 6, band(200, 6000, 0.6))
    at = 0.2
    while at < 5.4:
        top = random.uniform(3200, 5200)
        for number in range(int(random.integers(2, 8))):
            length = random.uniform(0.04, 0.11)
            t = times(length)
            pitch = top * (1 + random.uniform(-0.25, 0.25) * t / length)
            pitch = pitch + 250 * np.sin(2 * np.pi * random.uniform(20, 45) * t)
            chirp = np.sin(glide(pitch)) * np.sin(np.pi * t / length)
            place(out, at + number * 0.13, chirp, random.uniform(0.4, 1.0))
        at += random.uniform(0.7, 1.3)
    return out


def crickets(random: Random) -> Signal:
    """A summer night of crickets."""
    out = 0.004 * shaped_noise(random, 6, band(100, 4000, 0.6))
    for pitch, rate, gain in ((4400, 2.1, 1.0), (4800, 2.6, 0.4), (4150, 1.7, 0.3)):
        at = random.uniform(0, 0.4)
        while at < 5.7:
            for number in range(4):
                t = times(0.03)
                pulse = np.sin(2 * np.pi * pitch * t) * np.sin(np.pi * t / 0.03)
                place(out, at + 0.045 * number, pulse, gain)
            at += 1 / rate * random.uniform(0.95, 1.05)
    return out


def static(random: Random) -> Signal:
    """White noise, as from a radio between stations."""
    crackle = shaped_noise(random, 4, band(300, 9000))
    return shaped_noise(random, 4, band(100, 14000)) + 0.2 * crackle * smooth_random(random, 4, 30)


def explosion(random: Random) -> Signal:
    """A blast, its pressure and the debris that comes down."""
    out = shaped_noise(random, 5, band(20, 250, 1.0)) * decay(5, 0.6, 0.004) * 1.5
    blast = shaped_noise(random, 2, band(40, 5000, 0.7)) * decay(2, 0.16, 0.002)
    place(out, 0.0, blast, 1.2)
    for _ in range(80):
        bit = shaped_noise(random, 0.02, band(400, 5000)) * decay(0.02, 0.004)
        place(out, 0.8 + random.exponential(0.8), bit, random.exponential(0.08))
    return np.tanh(1.5 * reverberated(random, np.concatenate([silence(0.2), out]), 0.5, 0.3))


def gunshots(random: Random) -> Signal:
    """Three single shots in the open."""
    out = silence(4)
    for at in (0.3, 1.4, 2.3):
        crack = shaped_noise(random, 0.5, band(150, 12000, 0.35)) * decay(0.5, 0.018, 0.0003)
        body = shaped_noise(random, 0.5, band(40, 500, 0.5)) * decay(0.5, 0.05, 0.001)
        place(out, at, np.tanh(3 * (crack + 0.8 * body)))
    return reverberated(random, out, 0.22, 0.3)


def drums(random: Random) -> Signal:
    """A beat: kick, snare and hi-hat."""
    out = silence(4)
    for step in range(16):
        at = 0.25 * step
        hat = shaped_noise(random, 0.06, band(6000, 14000)) * decay(0.06, 0.012, 0.0005)
        place(out, at, hat, 0.25)
        t = times(0.3)
        if step % 4 == 0 or step == 10:
            kick = np.sin(glide(48 + 120 * np.exp(-t / 0.03))) * decay(0.3, 0.07)
            place(out, at, kick, 1.2)
        if step % 8 == 4:
            snare = shaped_noise(random, 0.3, band(200, 9000, 0.2)) * decay(0.3, 0.04, 0.001)
            snare = snare + 0.7 * np.sin(2 * np.pi * 190 * t) * decay(0.3, 0.04)
            place(out, at, snare, 0.8)
    return out


def guitar(random: Random) -> Signal:
    """A chord and a melody on plucked strings."""
    out = silence(5)
    for number, pitch in enumerate((110, 164.8, 220, 277.2, 329.6)):
        place(out, 0.1 + 0.03 * number, plucked(random, pitch, 3, 0.996), 0.6)
    for number, pitch in enumerate((440, 493.9, 554.4, 659.3, 554.4, 493.9)):
        place(out, 1.6 + 0.4 * number, plucked(random, pitch, 2, 0.994), 0.8)
    body = resonances((100, 60, 1), (200, 100, 1), (420, 200, 0.8), (1200, 1200, 0.7))
    return filtered(out, body)


def organ(random: Random) -> Signal:
    """A church organ's chord progression."""
    out = silence(6)
    chords = ((130.8, 261.6, 329.6, 392.0), (174.6, 261.6, 349.2, 440.0), (196, 246.9, 392, 493.9))
    for number, chord in enumerate(chords):
        t = times(2.1)
        edge = np.minimum(1, np.minimum(t / 0.06, (2.1 - t) / 0.1))
        for pitch in chord:
            tone = harmonics(2 * np.pi * pitch * t, [1, 0.7, 0.4, 0.5, 0.1, 0.2, 0.05, 0.25])
            place(out, 1.95 * number, tone * edge, 0.3)
    return reverberated(random, out, 0.5, 0.35)


def applause(random: Random) -> Signal:
    """A hall of people who clap."""
    out = 0.02 * shaped_noise(random, 5, band(300, 5000, 0.4))
    for _ in range(70):
        at, period = random.uniform(0, 0.4), random.uniform(0.19, 0.3)
        pitch, gain = random.uniform(700, 2200), random.uniform(0.15, 1.0)
        while at < 4.9:
            clap = shaped_noise(random, 0.03, resonances((pitch, 500, 1), (pitch * 2.3, 900, 0.5)))
            place(out, at, clap * decay(0.03, 0.005, 0.0005), gain)
            at += period * random.uniform(0.9, 1.1)
    return reverberated(random, out, 0.2, 0.25)


def dripping(random: Random) -> Signal:
    """Single drops that fall into water."""
    out = 0.002 * shaped_noise(random, 6, band(80, 2000, 0.7))
    for at in (0.3, 1.5, 2.4, 3.7, 4.3, 5.2):
        t = times(0.12)
        base = random.uniform(700, 1200)
        drop = np.sin(glide(base * (1 + 1.2 * t / 0.12))) * decay(0.12, 0.018, 0.002)
        click = shaped_noise(random, 0.01, band(1500, 8000)) * decay(0.01, 0.002, 0.0003)
        place(out, at, click, 0.3)
        place(out, at + 0.012, drop)
    return reverberated(random, out, 0.25, 0.2)


def typing(random: Random) -> Signal:
    """Fast typing on a computer keyboard."""
    out = 0.003 * shaped_noise(random, 5, band(80, 2000, 0.7))
    at = 0.1
    while at < 4.8:
        for offset, gain in ((0.0, 1.0), (random.uniform(0.06, 0.1), 0.45)):
            click = shaped_noise(random, 0.03, band(1200, 9000, 0.2)) * decay(0.03, 0.003, 0.0003)
            thud = shaped_noise(random, 0.03, resonances((350, 120, 1))) * decay(0.03, 0.006)
            place(out, at + offset, click + 0.5 * thud, gain * random.uniform(0.5, 1.0))
        at += random.choice([0.09, 0.12, 0.16, 0.35], p=[0.35, 0.35, 0.2, 0.1])
    return out


def train_horn(random: Random) -> Signal:
    """A diesel locomotive's chord horn."""
    out = 0.01 * shaped_noise(random, 5, band(40, 1000, 0.9))
    for at, length in ((0.3, 1.2), (1.9, 2.6)):
        t = times(length)
        edge = np.minimum(1, np.minimum(t / 0.08, (length - t) / 0.15))
        for pitch in (311.1, 370.0, 415.3, 493.9, 622.3):
            tone = harmonics(2 * np.pi * pitch * t, [1, 0.8, 0.6, 0.5, 0.3, 0.2, 0.15, 0.1])
            place(out, at, tone * edge, 0.4)
    return reverberated(random, out, 0.5, 0.35)


def steam(random: Random) -> Signal:
    """Steam that hisses out of a valve, three times."""
    out = silence(5)
    for at, length in ((0.1, 1.1), (1.7, 0.9), (3.0, 1.8)):
        t = times(length)
        edge = np.minimum(1, t / 0.03) * np.minimum(1, (length - t) / 0.35)
        place(out, at, shaped_noise(random, length, band(2500, 13000)) * edge)
    return out


def peak_limited(signal: Signal, peak: float = 0.8) -> Signal:
    """Return ``signal`` with soft ends and its largest sample at ``peak``."""
    edge = min(len(signal) // 2, RATE_HZ // 100)
    ramp = np.linspace(0, 1, edge)
    signal = signal.copy()
    signal[:edge] *= ramp
    signal[len(signal) - edge :] *= ramp[::-1]
    limited: Signal = peak * signal / (np.abs(signal).max() + 1e-12)
    return limited
