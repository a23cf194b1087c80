"""Does memory stay flat over 1,000 searches and 1,000 plays?"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.gui.stage import opened, pump, wait_for
from benchmarks.report import report
from benchmarks.scratch import scratch_home
from benchmarks.synthetic import vocabulary
from trainer.data.manifest import datasets_folder

SOUNDS, WARM, TIMES = 300, 100, 1000


def main() -> None:
    """Search and play, and look at the resident memory."""
    rows = []
    sounds = sorted((datasets_folder() / "sounds" / "valid").rglob("*.ogg"))[:SOUNDS]
    words = vocabulary()
    with scratch_home() as home:
        folder = home / "sounds"
        folder.mkdir()
        for path in sounds:
            shutil.copy(path, folder / path.name)
        with opened(home / "library.db") as window:
            window.indexing.index([folder])
            wait_for(lambda: window.context.opened.is_warm and not window.jobs.shown(), 300)
            for number in range(TIMES + WARM):
                if number == WARM:
                    before = _resident_mb()
                text = f"{words[number % len(words)]} {words[(7 * number) % len(words)]}"
                window.bar.set_text(text)
                wait_for(lambda wanted=text: window.results.results.found.asked.text == wanted)
                window.results.choose(number % 20)
                assert window.player.playing
                pump(0.06)
                if number >= WARM and (number + 1 - WARM) % 250 == 0:
                    now = _resident_mb()
                    rows.append(
                        {
                            "searches and plays": number + 1 - WARM,
                            "resident MB": now,
                            "change": f"{100 * (now / before - 1):+.1f} %",
                        }
                    )
    report("gui_memory", __doc__, rows)


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("this system does not tell the resident memory")


if __name__ == "__main__":
    main()
