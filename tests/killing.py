"""Kill processes: wherever they touch the disk, or a whole family of them at once.

A point is a system call that changes something, of which an audit hook tells, or a statement of SQL
that does: the process kills itself before it, so that nothing depends on how fast anything is.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

_SURE = 0.75  # share of the points of one run that every other has
_GONE_S = 10.0  # in which the system takes killed processes away
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
WATCHED = ("os.", "open", "shutil.", "sqlite3.connect")


class Points:
    """Counts points, and kills the process at one of them."""

    def __init__(self, folder: Path, deadly: int | None) -> None:
        self.folder, self.deadly, self.passed = str(folder), deadly, 0
        sys.addaudithook(self._heard)
        event.listen(Engine, "before_cursor_execute", self._asked)
        event.listen(Engine, "commit", lambda *_: self._pass())

    def _heard(self, name: str, given: tuple[Any, ...]) -> None:
        reads = name == "open" and not int(given[2] or 0) & _WRITING
        if name.startswith(WATCHED) and not reads and any(self.folder in str(g) for g in given):
            self._pass()

    def _asked(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            self._pass()

    def _pass(self) -> None:
        if self.passed == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1


def no_flush(file: int) -> None:
    """Take the place of ``os.fsync`` where no power is lost: a kill loses nothing that is written.

    :raises OSError: it is no open file.
    """
    os.fstat(file)


def apart(work: Callable[[], object]) -> tuple[int, Any]:
    """Run ``work`` in a child; return how it ended, and what it gave."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.fsync = no_flush  # type: ignore[assignment]
        if torch := sys.modules.get("torch"):  # two threads that need a new pool at once get none
            torch.set_num_threads(torch.get_num_threads())
        try:
            os.write(writing, json.dumps(work()).encode())
            os._exit(0)
        except BaseException as error:
            os.write(writing, json.dumps(f"{type(error).__name__}: {error}").encode())
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    return os.waitpid(child, 0)[1], json.loads(said or b"null")


def kill_family(parent: int) -> None:
    """Kill a process and its children at once, as a loss of power would; where there is /proc.

    When this returns they do nothing any more, and hold nothing.
    """
    family = [parent, *(pid for pid in _processes() if _parent(pid) == parent)]
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + _GONE_S
    while any(_is_there(pid) for pid in family):
        assert time.monotonic() < until, "a killed process is still there"
        time.sleep(0.01)


def descendants(ancestor: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    parents = {pid: _parent(pid) for pid in _processes()}
    found = [ancestor]
    for one in found:  # which grows
        found += [pid for pid, parent in parents.items() if parent == one]
    return found[1:]


def cpu_s(pid: int) -> float:
    """Return how long a process has used a core, 0 if it is gone."""
    return sum(map(int, _stat(pid)[11:13])) / os.sysconf("SC_CLK_TCK")


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _is_there(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])


def _parent(pid: int) -> int | None:
    stat = _stat(pid)
    return int(stat[1]) if stat else None


def _stat(pid: int) -> list[str]:
    """Return what the system tells of a process from its state on, nothing if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def evenly(count: int, most: int) -> list[int]:
    """Return at most ``most`` of the numbers below ``count``, the first and the last among them."""
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def killed_everywhere(
    folder: Path,
    prepare: Callable[[], object],
    work: Callable[[], object],
    seen: Callable[[], str],
    most: int | None = None,
) -> list[str]:
    """Return what ``seen`` says after each kill, and last after none.

    Where there are more than ``most`` points, it is so many of them, evenly spread.
    """

    def counted() -> int:
        points = Points(folder, None)
        work()
        return points.passed

    def dying(deadly: int) -> None:
        Points(folder, deadly)
        work()

    prepare()
    status, count = apart(counted)
    assert status == 0, count
    whole = apart(seen)[1]
    found = []
    for deadly in range(count) if most is None else evenly(count, most):
        prepare()
        status, said = apart(partial(dying, deadly))
        is_over = status == 0 and deadly >= _SURE * count  # a faster run has fewer commits
        assert os.WIFSIGNALED(status) or is_over, (deadly, said)
        found.append(apart(seen)[1])
    return [*found, whole]
