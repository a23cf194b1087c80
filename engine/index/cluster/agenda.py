"""What is still to be heard, by whom it may be, and what is given up.

Nothing here knows Ray: nodes are ids.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from engine.index.embedder import Work
from engine.paths import is_under

_NEIGHBOURS = 16  # files at most whose windows are embedded with one another's
_TASK_BYTES = 32 << 20  # of files heard together; a larger one is heard by itself, in parts
DEATHS = 3  # of workers, after which a file is given up


@dataclass(frozen=True)
class Task:
    """Files that a worker hears at once, each from a moment on, in seconds.

    One that is heard ``in_parts`` is by itself.  A ``suspect`` is, too: a worker died of it, or of
    one that was heard beside it.  The nodes ``lacking`` cannot read the files.
    """

    files: tuple[tuple[Path, float], ...]
    in_parts: bool = False
    suspect: bool = False
    lacking: frozenset[str] = frozenset()


def tasks_of(work: Work) -> Iterator[Task]:
    """Give the tasks of an index run.

    What stands together depends on the files alone, not on who listens: whoever hears a task gets
    the same features.
    """
    files: list[tuple[Path, float]] = []
    room = _TASK_BYTES
    for path in work.paths:
        start_s, size = work.starts_s.get(path, 0.0), work.sizes.get(path, 0)
        if start_s or size > _TASK_BYTES:
            yield Task(((path, start_s),), in_parts=True)
            continue
        if files and (len(files) == _NEIGHBOURS or size > room):
            yield Task(tuple(files))
            files, room = [], _TASK_BYTES
        files.append((path, start_s))
        room -= size
    if files:
        yield Task(tuple(files))


class Agenda:
    """The tasks that nobody is at."""

    def __init__(self, work: Work) -> None:
        self._tasks = deque(tasks_of(work))
        self._deaths: Counter[Path] = Counter()
        self._missing: dict[str, set[str]] = {}  # folders, by node
        self._nothing: set[tuple[str, bool]] = set()  # for whom no task was found

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._tasks)

    def take(self, node: str, idle: bool) -> Task | None:
        """Return the next task that a node can read, and remove it.

        :param idle: whether its worker does nothing else, as it must for a suspect.
        """
        if (node, idle) in self._nothing:
            return None
        for place, task in enumerate(self._tasks):
            if (idle or not task.suspect) and not self._is_lacking(task, node):
                del self._tasks[place]
                return task
        self._nothing.add((node, idle))
        return None

    def put_back(self, task: Task, left: Mapping[Path, float]) -> None:
        """Put back what is left of a task whose worker was lost by no fault of a file."""
        if left:
            files = tuple((path, left[path]) for path, _ in task.files if path in left)
            self._put(replace(task, files=files))

    def blame(self, task: Task, left: Mapping[Path, float]) -> list[Path]:
        """Put back, each by itself, the files that a worker died at; return what is given up."""
        given_up = []
        for path, start_s in reversed(list(left.items())):
            self._deaths[path] += 1
            if self._deaths[path] >= DEATHS:
                given_up.append(path)
            else:
                self._put(replace(task, files=((path, start_s),), suspect=True))
        return given_up

    def lacks(self, task: Task, files: Mapping[Path, float], node: str, folders: Set[str]) -> None:
        """Put back files of a task that a node cannot read.

        :param folders: of which it has nothing; it is asked for nothing else in them.
        """
        self._missing.setdefault(node, set()).update(folders)
        self._put(replace(task, files=tuple(files.items()), lacking=task.lacking | {node}))

    def missing(self, path: Path, nodes: Set[str]) -> str:
        """Return the folder of a file that one of the nodes lacks, or the file."""
        folders = (folder for node in sorted(nodes) for folder in self._missing.get(node, ()))
        return next((folder for folder in folders if is_under(str(path), [folder])), str(path))

    def give_up_all(self) -> Iterator[Path]:
        """Give every file that is left, and remove it."""
        while self._tasks:
            yield from (path for path, _ in self._tasks.popleft().files)

    def _put(self, task: Task) -> None:
        self._tasks.appendleft(task)
        self._nothing.clear()

    def _is_lacking(self, task: Task, node: str) -> bool:
        missing = self._missing.get(node)
        return node in task.lacking or bool(
            missing and all(is_under(str(path), missing) for path, _ in task.files)
        )
