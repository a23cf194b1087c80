"""What is really heard: through PortAudio into PulseAudio, and recorded from there."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.app.gui.pulse import RATE_HZ, best_match, null_sink, read_raw, recorded, why_not

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

PLAY = """
import json, sys, time
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.gui.player.sound.player import Player

app = QCoreApplication([])
player, told, script = Player(), [], json.loads(sys.argv[2])
player.told.connect(told.append)
player.set_device("pulse")
player.load(Path(sys.argv[1]))

def wait(seconds):
    end = time.time() + seconds
    while time.time() < end:
        app.processEvents()
        time.sleep(0.002)

times = []
for name, *arguments in script:
    if name == "wait":
        wait(*arguments)
    else:
        times.append(time.time())
        getattr(player, name)(*arguments)
place = player.position_s
player.close()
print(json.dumps({"times": times, "told": told, "place": place}))
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("pulse") / "noise.wav"
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (3 * RATE_HZ, 2))
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_24")
    return path


@pytest.fixture(scope="module")
def server():
    with null_sink() as environment:
        yield environment


def play(server, tmp_path, sound, *script):
    """Return what was heard, the time of its first frame, and what the player said."""
    raw = tmp_path / "heard.raw"
    with recorded(server, raw) as began:
        done = subprocess.run(
            [sys.executable, "-c", PLAY, str(sound), json.dumps(script)],
            env=server,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["told"] == []
    return read_raw(raw), began, said


def test_the_right_sound_is_heard_at_the_right_time(server, tmp_path, sound):
    heard, began, said = play(server, tmp_path, sound, ["play", 0.5], ["wait", 1.5], ["stop"])
    whole, _ = soundfile.read(sound, dtype="float32")
    part = whole[RATE_HZ // 2 + 480 : RATE_HZ // 2 + RATE_HZ, 0]
    place, correlation = best_match(part, heard[:, 0])
    assert correlation >= 0.95
    late_s = began + (place - 480) / RATE_HZ - said["times"][0]
    assert -0.1 < late_s < 0.4  # opening the device for the first time is in it
    assert said["place"] == pytest.approx(2.0, abs=0.3)


def test_a_loop_is_heard_without_a_gap(server, tmp_path, sound):
    script = (["set_range", [1.0, 1.25]], ["set_loop", True], ["play"], ["wait", 1.5], ["stop"])
    heard, _, _ = play(server, tmp_path, sound, *script)
    whole, _ = soundfile.read(sound, dtype="float32")
    part = whole[RATE_HZ : RATE_HZ + RATE_HZ // 4, 1]
    _, correlation = best_match(np.tile(part, 4)[480:], heard[:, 1])
    assert correlation >= 0.95


def test_a_file_of_another_rate_is_heard_at_its_pitch(server, tmp_path):
    path = tmp_path / "tone.wav"
    t = np.arange(2 * 96000) / 96000
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * 1000 * t), 96000)
    heard, _, _ = play(server, tmp_path, path, ["play", 0.0], ["wait", 2.4])
    loud = np.flatnonzero(np.abs(heard[:, 0]) > 0.05)
    middle = heard[loud[-1] - RATE_HZ : loud[-1] - RATE_HZ // 4, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(spectrum.argmax() * RATE_HZ / len(middle) - 1000) < 3


def test_a_recording_comes_from_the_microphone(server, tmp_path):
    code = (
        "import time, numpy as np\n"
        "from app.gui.player.sound.recorder import Recorder\n"
        "recorder = Recorder('pulse')\n"
        "recorder.start()\n"
        "time.sleep(0.7)\n"
        "seconds = recorder.seconds\n"
        "samples = recorder.stop()\n"
        "assert not recorder.recording and samples.dtype == np.float32\n"
        "print(seconds, len(samples) / recorder.rate_hz)\n"
    )
    raw = tmp_path / "kept-awake.raw"
    with recorded(server, raw):
        done = subprocess.run(
            [sys.executable, "-c", code], env=server, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stderr
    shown, kept = map(float, done.stdout.split())
    assert 0.3 < shown <= kept + 0.01 < 1.5


def test_a_sound_server_that_dies_is_told_and_nothing_hangs(tmp_path, sound):
    code = PLAY.replace(
        "getattr(player, name)(*arguments)",
        'subprocess.run(arguments) if name == "run" else getattr(player, name)(*arguments)',
    ).replace("import json, sys, time", "import json, subprocess, sys, time")
    script = [["set_loop", True], ["play", 0.0], ["wait", 0.6], ["run", "pactl", "exit"]]
    script += [["wait", 1.0]]
    with null_sink() as environment:
        done = subprocess.run(
            [sys.executable, "-c", code, str(sound), json.dumps(script)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])["told"]
    assert "pulse was disconnected" in told[0] and "no audio output device" in told[1]
