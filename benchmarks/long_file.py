"""How much memory does a recording of eight hours take, and what does stopping inside it cost?

Run with ``python -m benchmarks.long_file [HOURS]``.  The file is FLAC, mono, 16 kHz: changing
tones in noise.  It is indexed once in one go, and once with Ctrl-C after a third of the time.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.report import report
from engine.store import Library

RATE_HZ, BLOCK_S = 16000, 60


def write(path: Path, hours: float) -> None:
    """Write the recording, a minute at a time."""
    random = np.random.default_rng(0)
    t = np.arange(BLOCK_S * RATE_HZ) / RATE_HZ
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        for minute in range(round(60 * hours)):
            tone = 0.2 * np.sin(2 * np.pi * (100 + minute * 7 % 3000) * t)
            file.write(tone + random.normal(0, 0.02, len(t)))


def index(library: Path, sound: Path, stop_after_s: float | None = None) -> tuple[float, float]:
    """Index in a process of its own; return seconds and the most memory it held, in MB."""
    command = [sys.executable, "-m", "app.cli", "index", str(sound), "--library", str(library)]
    began, most = time.perf_counter(), 0.0
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        if status.is_file():
            rows = [row for row in status.read_text().splitlines() if row.startswith("VmHWM")]
            most = max([most, *(int(row.split()[1]) / 1024 for row in rows)])
        if stop_after_s is not None and time.perf_counter() - began > stop_after_s:
            process.send_signal(signal.SIGINT)
            stop_after_s = None
        time.sleep(0.2)
    out, _ = process.communicate()
    if process.returncode == 0:
        assert json.loads(out)["heard"] == 1
    return time.perf_counter() - began, most


def main() -> None:
    """Measure and print."""
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        sound = root / "long.flac"
        write(sound, hours)
        whole_s, whole_mb = index(root / "whole.db", sound)
        first_s, first_mb = index(root / "stopped.db", sound, whole_s / 3)
        with Library(root / "stopped.db") as library:
            kept = library.statistics().windows
        rest_s, rest_mb = index(root / "stopped.db", sound)
        with Library(root / "stopped.db") as one, Library(root / "whole.db") as other:
            assert one.statistics().windows == other.statistics().windows
    rows = [
        {"run": "in one go", "s": whole_s, "MB at most": whole_mb, "windows kept": ""},
        {"run": "stopped", "s": first_s, "MB at most": first_mb, "windows kept": kept},
        {"run": "resumed", "s": rest_s, "MB at most": rest_mb, "windows kept": ""},
    ]
    report("long_file", f"one recording of {hours:g} hours", rows)


if __name__ == "__main__":
    main()
