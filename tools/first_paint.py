"""Start a program on a virtual screen, print the milliseconds until it has painted, and end it.

    first_paint.py SCREEN PICTURE COMMAND...

SCREEN is the file into which Xvfb (-fbdir) writes what is seen; when it holds still it is copied
to PICTURE.  Nothing of the program takes part in this: what is timed is what a user sees.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

WITHIN_S = 60.0
_LOOK_S = 0.005
_STILL_S = 3.0
_PAINTED = 64  # different pixel values in a sample: a window with text, not one grey surface
_STEP = 997  # bytes; a prime, so that columns differ


def main(screen: Path, picture: Path, command: list[str]) -> int:
    """Do it; the exit code says whether a window came."""
    empty = _sample(screen)
    began = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - as asked
    try:
        while not _is_painted(_sample(screen), empty):
            if child.poll() is not None or time.monotonic() - began > WITHIN_S:
                print("no window was seen", file=sys.stderr)
                return 1
            time.sleep(_LOOK_S)
        print(round(1000 * (time.monotonic() - began)))
        time.sleep(_STILL_S)
        shutil.copyfile(screen, picture)
        return 0
    finally:
        child.terminate()
        child.wait()
        while _sample(screen) != empty and time.monotonic() - began < WITHIN_S:
            time.sleep(_LOOK_S)


def _sample(screen: Path) -> bytes:
    with screen.open("rb") as file:
        return file.read()[::_STEP]


def _is_painted(seen: bytes, empty: bytes) -> bool:
    return seen != empty and len(set(seen)) > _PAINTED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
