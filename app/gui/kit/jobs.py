"""Work beside the window: every thread of the window but the one that feeds sound begins here.

One thread waits for the process that indexes, one writes, a few read.  A worker touches no
widget: it ends with one queued signal of a long-lived object.  Progress is looked at by a timer.
A cancelled job ends silently, but for who asked to know.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from engine.errors import InputError, SoundsiftError
from engine.log import logger, named
from engine.progress import Cancelled, Control, Progress

Lane = Literal["read", "write", "index"]
Result = TypeVar("Result")
_log = logger(__name__)
_POLL_MS = 100
_READERS = 3
_PATIENCE_S = 10.0  # for jobs to notice that the window closes
_PATIENCE_TO_KEEP_S = 60.0  # for decisions that wait until a file is written


@dataclass(eq=False)
class Job:
    """One piece of work; ``title`` is None where its progress is not worth showing.

    ``quiet``: its title is not shown until it reports progress.
    ``lasts``: what it makes stays, so that its user is asked before it is stopped.
    ``decides``: it writes at once what its user decided, which a window that closes waits for.
    """

    title: str | None
    done: Callable[[Any], None]
    failed: Callable[[str], None] | None
    key: str | None
    stopped: Callable[[], None] | None = None
    quiet: bool = False
    lasts: bool = False
    decides: bool = False
    progress: Progress | None = None
    future: Future[None] | None = None
    began: float = field(default_factory=time.monotonic)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask it to stop; nothing more is heard of it."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Return whether it was asked to stop."""
        return self._cancelled.is_set()

    def control(self) -> Control:
        """Return how the work reports and learns that it should stop."""

        def update(progress: Progress) -> None:
            if self.progress is None or progress.stage != self.progress.stage:
                self.began = time.monotonic()
            self.progress = progress

        return Control(update, self._cancelled.is_set)

    @property
    def left_s(self) -> float | None:
        """Return about how many seconds are left of the present stage, if that can be said."""
        now = self.progress
        if now is None or not now.total or not now.done:
            return None
        return (time.monotonic() - self.began) * (now.total - now.done) / now.done

    @property
    def rate(self) -> float | None:
        """Return how much is done in a second, in the present stage."""
        took = time.monotonic() - self.began
        return self.progress.done / took if self.progress is not None and took > 0.5 else None


class Jobs(QObject):
    """The executors of the window."""

    changed = Signal()  # what is shown of jobs may have changed
    told = Signal(str)  # a problem that nobody else tells
    crashed = Signal(object)  # an exception that is a defect of ours
    _ended = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes: dict[Lane, ThreadPoolExecutor] = {
            "read": ThreadPoolExecutor(_READERS, "read"),
            "write": ThreadPoolExecutor(1, "write"),
            "index": ThreadPoolExecutor(1, "index"),
        }
        self._closed = False
        self._running: list[Job] = []
        self._newest: dict[str, Job] = {}
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._poll)

    def start(
        self,
        lane: Lane,
        work: Callable[[Control], Result],
        done: Callable[[Result], None] = lambda result: None,
        failed: Callable[[str], None] | None = None,
        title: str | None = None,
        newest: str | None = None,
        stopped: Callable[[], None] | None = None,
        quiet: bool = False,
        lasts: bool = False,
    ) -> Job:
        """Run ``work`` in a thread, then ``done`` or ``failed`` in the window's own.

        What belongs to a dialog that was closed meanwhile is not called: ``done`` and ``failed``
        are methods, or give their widget to :func:`belongs_to`.

        :param failed: takes the sentence of a :class:`SoundsiftError`; ``told`` does if None.
        :param title: shown with progress and a way to cancel.
        :param newest: cancel the job that was started last under this name.
        :param stopped: called when it has ended because it was cancelled.  Short writing without
            it is a decision of the user's, which is kept when the window closes.
        :param quiet: show the title only once there is progress: it may be over at once.
        :param lasts: what it makes stays; so does what is long and does not only read.
        """
        lasts = lasts or (title is not None and lane != "read")
        decides = lane == "write" and (title is None or quiet) and stopped is None
        job = Job(title, done, failed, newest, stopped, quiet, lasts, decides)
        if self._closed:  # a timer of a window that is closing: nobody waits for the answer
            job.cancel()
            return job
        if newest is not None:
            earlier = self._newest.get(newest)
            if earlier is not None:
                earlier.cancel()
            self._newest[newest] = job
        self._running.append(job)
        job.future = self._lanes[lane].submit(self._run, job, work)
        if title is not None:
            self._timer.start()
            self.changed.emit()
        return job

    def shown(self) -> list[Job]:
        """Return the running jobs that have a title to show."""
        titled = [job for job in self._running if job.title is not None]
        return [job for job in titled if job.progress is not None or not job.quiet]

    def is_running(self, newest: str) -> bool:
        """Return whether a job that was started under a name goes on."""
        return newest in self._newest

    def close(self) -> None:
        """Cancel everything but decisions, and wait until the threads have ended."""
        self._closed = True
        self._timer.stop()
        kept: list[Future[None]] = []
        begun: list[Future[None]] = []
        for job in self._running:
            assert job.future is not None
            if job.decides and not job.cancelled and job not in self.shown():
                kept.append(job.future)
                continue
            job.cancel()
            if not job.future.cancel():  # one that was taken from the queue would never be done
                begun.append(job.future)
        for lane in self._lanes.values():
            lane.shutdown(wait=False)
        wait(kept, _PATIENCE_TO_KEEP_S)
        wait(begun, _PATIENCE_S)
        self._running.clear()

    def _run(self, job: Job, work: Callable[[Control], Any]) -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            if job.cancelled:
                raise Cancelled
            result = work(job.control())
        except BaseException as raised:  # told in the window's thread
            error = raised
            if isinstance(error, SoundsiftError) and not isinstance(error, InputError):
                _log.warning("told the user: %s", named(error))
        with suppress(RuntimeError):  # the window is gone
            self._ended.emit(job, result, error)

    def _on_ended(self, job: Job, result: Any, error: BaseException | None) -> None:
        if job not in self._running:
            return
        self._running.remove(job)
        if job.key is not None and self._newest.get(job.key) is job:
            del self._newest[job.key]
        if job.title is not None:
            self.changed.emit()
        if job.cancelled or isinstance(error, Cancelled):
            if job.stopped is not None and is_alive(job.stopped):
                job.stopped()
            return
        if error is None:
            if is_alive(job.done):
                job.done(result)
        elif isinstance(error, SoundsiftError):
            tell = job.failed or self.told.emit
            if is_alive(tell):
                tell(str(error))
        else:
            self.crashed.emit(error)

    def _poll(self) -> None:
        if all(job.title is None for job in self._running):
            self._timer.stop()
        self.changed.emit()


class RunAlone(Protocol):
    """Runs what no index run may disturb."""

    def __call__(
        self,
        work: Callable[[Control], Result],
        done: Callable[[Result], None],
        failed: Callable[[str], None] | None,
        title: str,
    ) -> Job:
        """Run ``work`` once nothing is indexed; see :meth:`Jobs.start`."""


def belongs_to(widget: QObject, does: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return what does the same while a widget is there."""

    def call(given: Any) -> None:
        if shiboken6.isValid(widget):
            does(given)

    return call


def is_alive(method: Callable[..., Any]) -> bool:
    """Return whether the widget that a method belongs to is still there."""
    owner = getattr(method, "__self__", None)
    return not isinstance(owner, QObject) or shiboken6.isValid(owner)
