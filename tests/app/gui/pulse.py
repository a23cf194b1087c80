"""A PulseAudio of our own with a sink that plays into nothing, for tests and benchmarks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

RATE_HZ = 48000
NEEDED = ("pulseaudio", "parec", "pactl")


def why_not() -> str | None:
    """Return why there is no PulseAudio to test with, None where there is."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if not sys.platform.startswith("linux"):
        return "PortAudio plays to PulseAudio on Linux only"
    if missing:
        return f"{', '.join(missing)} not installed (Debian: pulseaudio libasound2-plugins)"
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        return "ALSA's plugin for PulseAudio is not installed (Debian: libasound2-plugins)"
    return None


@contextmanager
def null_sink() -> Iterator[dict[str, str]]:
    """Run a sound server; give the environment in which PortAudio finds it as ``pulse``."""
    with tempfile.TemporaryDirectory(prefix="soundsift-pulse-") as folder:
        socket = f"{folder}/native"
        environment = {
            **os.environ,
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_RUNTIME_PATH": folder,
        }
        command = ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no"]
        command += ["-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1"]
        command += ["-L", f"module-null-sink sink_name=null rate={RATE_HZ}"]
        server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                if subprocess.run(
                    ["pactl", "info"], env=environment, capture_output=True
                ).returncode:
                    time.sleep(0.1)
                else:
                    break
            else:
                raise RuntimeError("PulseAudio did not start")
            yield environment
        finally:
            server.terminate()
            server.wait(10)


@contextmanager
def recorded(environment: dict[str, str], path: Path) -> Iterator[float]:
    """Record what the sink plays into a raw file; give the clock's time of its first frame."""
    command = ["parec", "-d", "null.monitor", "--latency-msec=10", "--format=float32le"]
    command += [f"--rate={RATE_HZ}", "--channels=2"]
    with path.open("wb") as file:
        recorder = subprocess.Popen(command, env=environment, stdout=file)
        try:
            while not path.stat().st_size:
                time.sleep(0.001)
            yield time.time() - path.stat().st_size / 8 / RATE_HZ
        finally:
            recorder.terminate()
            recorder.wait(10)


def read_raw(path: Path) -> np.ndarray:
    """Return recorded frames (n, 2)."""
    data = path.read_bytes()
    return np.frombuffer(data[: len(data) // 8 * 8], "<f4").reshape(-1, 2)


def best_match(sound: np.ndarray, found: np.ndarray) -> tuple[int, float]:
    """Return where ``sound`` (n,) is most like a part of ``found`` (m,), and the correlation."""
    size = 1 << (len(sound) + len(found)).bit_length()
    products = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(sound, size)), size)
    products = products[: len(found) - len(sound) + 1]
    energy = np.concatenate([[0.0], np.cumsum(found.astype(np.float64) ** 2)])
    energies = energy[len(sound) :] - energy[: len(energy) - len(sound)]
    norms = np.sqrt(np.maximum(energies, 1e-9) * (sound.astype(np.float64) ** 2).sum())
    correlations = products / norms
    place = int(correlations.argmax())
    return place, float(correlations[place])
