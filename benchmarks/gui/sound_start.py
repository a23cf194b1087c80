"""How long from the key to the sound, through PortAudio and a sound server?

Space is pressed in the real window; the sink's monitor is recorded, and what was played is found
in it by cross-correlation.  The server's own delay to its monitor is part of the figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.report import report
from tests.app.gui.pulse import RATE_HZ, best_match, null_sink, read_raw, recorded, why_not

TIMES = 20
CODE = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from benchmarks.gui.stage import pump, wait_for
from app.gui.shell.running import make_application, make_settings
from app.gui.player.sound import ring
from app.gui.kit.style.apply import apply_theme
from app.gui.shell.window import MainWindow
from engine.session import open_library

home = Path(sys.argv[1])
with open_library(home / "library.db", "default") as session:
    session.index(home / "sounds")
make_application()
settings = make_settings()
settings.keep(replace(settings.now, output="pulse"))
window = MainWindow(home / "library.db", settings, apply_theme(None, "dark"))
window.show()
wait_for(lambda: window.results.results.rowCount() and window.context.opened.is_warm)
window.results.setFocus()
window.player_controller.auto_play = False
window.results.choose(0)
pump(0.5)
taken, keys = [], []
take = ring.Ring.take

def watched(self, out):
    count = take(self, out)
    if count:
        taken.append(time.time())
    return count

ring.Ring.take = watched
handed = []
for number in range(int(sys.argv[2])):
    taken.clear()
    keys.append(time.time())
    QTest.keyClick(window.results, Qt.Key.Key_Space)
    pump(0.45)
    handed.append(taken[0] - keys[-1])
    QTest.keyClick(window.results, Qt.Key.Key_Escape)  # else Space would go on from there
    pump(0.25)
latency = window.player._feeder._output.latency_s
window.close()
print(json.dumps({"keys": keys, "handed": handed, "latency": latency}))
"""


def main() -> None:
    """Press Space, and listen."""
    problem = why_not()
    if problem:
        raise SystemExit(f"this needs PulseAudio: {problem}")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "sounds").mkdir()
        samples = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE_HZ, 2))
        soundfile.write(home / "sounds" / "noise.wav", samples, RATE_HZ)
        with null_sink() as environment:
            environment = {
                **environment,
                "SOUNDSIFT_HOME": folder,
                "QT_QPA_PLATFORM": "offscreen",
                "PYTHONPATH": str(Path.cwd()),
            }
            with recorded(environment, home / "raw") as began:
                done = subprocess.run(
                    [sys.executable, "-c", CODE, folder, str(TIMES)],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
        said = json.loads(done.stdout)
        heard, whole = read_raw(home / "raw")[:, 0], samples[:, 0].astype(np.float32)
        late = []
        for key in said["keys"]:
            first = max(0, round((key - began) * RATE_HZ) - RATE_HZ // 20)
            place, correlation = best_match(whole[:4800], heard[first : first + RATE_HZ // 2])
            if correlation > 0.9:
                late.append(1000 * (began + (first + place) / RATE_HZ - key))
        handed = 1000 * np.array(said["handed"])
        row = {
            "plays": TIMES,
            "found in the recording": len(late),
            "key to the device, median ms": float(np.median(handed[1:])),
            "worst ms": float(handed[1:].max()),
            "first, device opened, ms": float(handed[0]),
            "key to the monitor, median ms": float(np.median(late[1:])),
            "monitor, worst ms": float(np.max(late[1:])),
            "of it the device's buffer ms": 1000 * said["latency"],
        }
        report("gui_sound_start", __doc__.splitlines()[0], [row])


if __name__ == "__main__":
    main()
