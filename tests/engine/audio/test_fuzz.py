"""Files with damaged headers, by the thousand: no crash, no hang, no flood of memory."""

import os
import selectors
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import encode, tone

FILES, HANG_S, MOST_MB = 10_000, 5.0, 1024
WORKER = """
import pathlib, random, resource, sys
from engine.audio.decode import probe, stream
from engine.errors import AudioError
from engine.metadata.read import read_header

folder, first, last = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
originals = sorted(folder.glob("original.*"))
data = {path: path.read_bytes() for path in originals}
# Memory that is asked for and never touched counts here too, so that nothing absurd is asked.
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
for number in range(first, last):
    chance = random.Random(number)
    original = chance.choice(originals)
    damaged = bytearray(data[original])
    reach = min(len(damaged), chance.choice((64, 512, 8192)))
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(min(reach, len(damaged) - 8))
        kind = chance.randrange(4)
        if kind == 0:
            damaged[place] = chance.randrange(256)
        elif kind == 1:
            absurd = (b"\\xff" * 4, b"\\0" * 4, b"\\xff\\xff\\xff\\x7f")
            damaged[place : place + 4] = chance.choice(absurd)
        elif kind == 2:
            del damaged[place : place + chance.randint(1, 40)]
        else:
            damaged[place:place] = chance.randbytes(chance.randint(1, 40))
    path = folder / f"damaged{original.suffix}"
    path.write_bytes(damaged)
    print(number, original.suffix, flush=True)
    try:
        read_header(path)
        probe(path)
        for block in stream(path, 32000):
            pass
    except AudioError as error:
        assert str(error)
status = pathlib.Path("/proc/self/status")
if status.is_file():
    line = [row for row in status.read_text().splitlines() if row.startswith("VmHWM")][0]
    print("memory", int(line.split()[1]) // 1024, flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz")
    samples = tone(440, 0.3, 22050)
    for suffix in ("wav", "aiff", "flac", "ogg", "mp3", "w64", "caf", "au"):
        soundfile.write(made / f"original.{suffix}", samples, 22050)
    encode(made / "original.m4a", "aac", 44100, 0.5)
    encode(made / "original.wma", "wmav2", 44100, 0.5)
    with (made / "original.wav").open("ab") as file:
        file.write(b"LIST\x14\0\0\0INFOICMT\x08\0\0\0a door\0\0" + np.zeros(64, np.int8).tobytes())
    return made


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="needs pipes that can be polled")
def test_damaged_headers_crash_hang_and_flood_nothing(folder):
    errors = folder / "errors.txt"  # not a pipe: decoders complain more than a pipe holds
    with errors.open("wb") as file:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), "0", str(FILES)],
            stdout=subprocess.PIPE,
            stderr=file,
        )
        last, memory = _watched(worker)
    told = errors.read_text(errors="replace")[-2000:]
    assert worker.wait() == 0, f"file {last} ended the worker: {told}"
    assert last.startswith(f"{FILES - 1} ")
    assert memory is None or memory < MOST_MB


def _watched(worker: subprocess.Popen) -> tuple[str, int | None]:
    """Return the last file that was begun, and the memory; kill a worker that hangs."""
    last, memory, rest = "none", None, b""
    with selectors.DefaultSelector() as waiting, worker.stdout as pipe:
        waiting.register(pipe, selectors.EVENT_READ)
        while True:
            if not waiting.select(timeout=HANG_S + 15 * (last == "none")):
                worker.kill()
                worker.wait()
                raise AssertionError(f"file {last} took more than {HANG_S} s")
            told = os.read(pipe.fileno(), 65536)
            if not told:
                return last, memory
            *lines, rest = (rest + told).split(b"\n")
            for line in lines:
                if line.startswith(b"memory"):
                    memory = int(line.split()[1])
                else:
                    last = line.decode()
