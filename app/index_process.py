"""Index in a process of its own, so that the window never waits for it.

Python threads share one lock: while some decode, a window in the same process stutters.  And a
decoder that crashes takes its process with it, which should not be the window's.  The child
prints JSON lines; it stops, with what was done kept, when its standard input is closed, which
the system does even when the window is killed.
"""

from __future__ import annotations

import faulthandler
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.children import NO_CONSOLE, command, wait_or_kill
from engine.errors import LibraryError, SoundsiftError
from engine.index.build import IndexReport
from engine.log import log_end, logger, start_log
from engine.paths import Place, place_of
from engine.progress import Cancelled, Control, Progress
from engine.session import open_library

_TOLD_S = 0.1
_PATIENCE_S = 20.0
_LAST_WORDS_S = 1.0
_NICE = 5
_STDIN = 0
_KEPT_BYTES = 1 << 14
_log = logger("app.index_process")


def index_apart(
    library: Place, model_folder: Path, paths: Sequence[Path], control: Control, threads: int
) -> IndexReport:
    """Do what :func:`engine.index.build.index_folders` does, in a child process.

    :raises SoundsiftError: what the child could not do, or that it crashed.
    :raises Cancelled: the user asked to stop; what was done is kept.
    """
    reports: list[IndexReport] = []
    _run(_Order(str(library), str(model_folder), _texts(paths), threads), control, reports.append)
    return reports[-1]


def watch_apart(
    library: Place,
    model_folder: Path,
    paths: Sequence[Path],
    control: Control,
    told: Callable[[IndexReport], None],
    threads: int,
) -> None:
    """Do what :func:`engine.index.watch.watch_folders` does, in a child process.

    :raises SoundsiftError: what the child could not do, or that it crashed.
    :raises Cancelled: it was asked to stop, which is how it ends.
    """
    order = _Order(str(library), str(model_folder), _texts(paths), threads, watch=True)
    _run(order, control, told)


@dataclass(frozen=True)
class _Order:
    """What the child is told to do."""

    library: str
    model: str
    paths: list[str]
    threads: int
    watch: bool = False
    maps: bool = False


def map_apart(library: Place, model_folder: Path, control: Control) -> None:
    """Do what :func:`engine.search.library_map.making.update_map` does, in a child process.

    :raises SoundsiftError: what the child could not do, or that it crashed.
    :raises Cancelled: the user asked to stop; the next run goes on where this one was.
    """
    order = _Order(str(library), str(model_folder), [], 1, maps=True)
    _run(order, control, lambda report: None)


def _texts(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]


def _run(order: _Order, control: Control, told: Callable[[IndexReport], None]) -> None:
    child = subprocess.Popen(  # noqa: S603 - our own module, no shell
        command("app.index_process", json.dumps(asdict(order))),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        creationflags=NO_CONSOLE,
    )
    wrote = _Wrote(child)
    try:
        _follow(child, control, told)
    finally:
        _end(child)
        if child.returncode:
            log_end(_log, "the indexing process", child.returncode, wrote.end())


class _Wrote:
    """The end of what a child writes to standard error, read by a thread so that it never waits."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stderr is not None
        self._stderr, self._tail = child.stderr, b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def end(self) -> bytes:
        """Return it, once the child has ended."""
        self._reader.join(_LAST_WORDS_S)  # a grandchild may hold it open
        return self._tail

    def _read(self) -> None:
        with self._stderr:
            while read := os.read(self._stderr.fileno(), _KEPT_BYTES):
                self._tail = (self._tail + read)[-_KEPT_BYTES:]


def main(order: str) -> int:
    """Be the child."""
    faulthandler.enable()
    start_log()
    asked = _Order(**json.loads(order))
    with suppress(AttributeError, OSError):
        os.nice(_NICE)
    closed = threading.Event()
    threading.Thread(target=_wait_for_end, args=(closed,), daemon=True).start()
    at, stage = 0.0, ""

    def update(progress: Progress) -> None:
        nonlocal at, stage
        now = time.monotonic()
        if progress.stage != stage or now - at > _TOLD_S:
            at, stage = now, progress.stage
            _say(progress=asdict(progress))

    control = Control(update, closed.is_set)
    paths = [Path(path) for path in asked.paths]

    def told(report: IndexReport) -> None:
        _say(report=report.to_dict())

    try:
        with open_library(place_of(asked.library), asked.model) as session:
            if asked.maps:
                from engine.search.library_map.making import update_map

                update_map(session.library, session.model_folder, control)
            elif asked.watch:
                session.watch(paths, told, control, asked.threads)
                raise Cancelled
            else:
                told(session.index(paths, control, asked.threads))
        _say(done=True)
    except Cancelled:
        _say(cancelled=True)
    except SoundsiftError as error:
        _say(error=str(error))
    return 0


def _follow(
    child: subprocess.Popen[bytes], control: Control, told: Callable[[IndexReport], None]
) -> None:
    assert child.stdout is not None and child.stdin is not None
    watch = threading.Thread(target=_close_when_cancelled, args=(child, control), daemon=True)
    watch.start()
    for line in child.stdout:
        said = json.loads(line)
        if "progress" in said:
            control.update(Progress(**said["progress"]))
        elif "report" in said:
            told(IndexReport(**said["report"]))
        elif "done" in said:
            return
        elif "error" in said:
            raise SoundsiftError(said["error"])
        elif "cancelled" in said:
            raise Cancelled
    if control.cancel():
        raise Cancelled
    raise LibraryError(
        f"the indexing process ended without a word (code {child.wait()}): start it again, it "
        "goes on where it was"
    )


def _close_when_cancelled(child: subprocess.Popen[bytes], control: Control) -> None:
    while child.poll() is None:
        if control.cancel():
            assert child.stdin is not None
            with suppress(OSError):
                child.stdin.close()
            return
        time.sleep(0.05)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let the child end by itself, or end it."""
    assert child.stdin is not None and child.stdout is not None
    with suppress(OSError):
        child.stdin.close()
    child.stdout.close()
    wait_or_kill(child, _PATIENCE_S)


def _wait_for_end(closed: threading.Event) -> None:
    # not through sys.stdin: Python aborts where a thread still holds its lock when all is done
    while os.read(_STDIN, 1024):
        pass
    closed.set()


def _say(**what: object) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps(what), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
