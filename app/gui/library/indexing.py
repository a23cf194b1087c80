"""Indexing from the window, and keeping up with changes, in a process apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.gui.kit.context import Context
from app.gui.kit.jobs import Job
from app.gui.kit.text import number, tr
from app.gui.library.library_controller import LibraryController
from engine.paths import is_server, is_under
from engine.progress import Cancelled, Control
from engine.roots import mounted
from engine.store import Library
from engine.store.places import count_waiting
from engine.store.roles import CURATOR

if TYPE_CHECKING:
    from engine.index.build import IndexReport

_LOOK_MS = 4000  # between two looks at the library while it is being indexed
_FIRST_LOOK_MS = 400  # until the first, which doubles from look to look
_ENDS_S, _LOOK_AGAIN_S = 20.0, 0.2  # for who closed a window to end, and between two looks


class Indexing(QObject):
    """Listens to folders, and tells :class:`LibraryController` what has changed."""

    began = Signal()  # something comes: folders are looked through, or demo sounds are made
    waiting_found = Signal(int)  # so many sounds wait, because indexing was stopped
    _noticed = Signal(object)  # from the thread that waits for changes

    def __init__(self, context: Context, library_controller: LibraryController) -> None:
        super().__init__(library_controller)
        self._context, self._library_controller = context, library_controller
        self._indexing: Job | None = None
        self._watching: Job | None = None
        self._watch = False
        self._folders: list[str] = []  # that are being indexed
        self._waiting: list[str] = []  # until it is known whether they are still there
        self.threads = 2
        self._look = QTimer(self)
        self._look.timeout.connect(self._see_progress)
        self._noticed.connect(self._indexed, Qt.ConnectionType.QueuedConnection)

    @property
    def is_on(self) -> bool:
        """Return whether folders are being indexed."""
        return self._indexing is not None and not self._indexing.cancelled

    def does(self, job: Job) -> bool:
        """Return whether a job is the indexing."""
        return job is self._indexing

    @property
    def watches(self) -> bool:
        """Return whether it keeps up with changes."""
        return self._watch

    @property
    def folders(self) -> list[str]:
        """Return the folders that are being indexed, or were last."""
        return list(self._folders)

    def index(self, paths: Sequence[str | Path]) -> None:
        """Index folders, which are added to the library; all of its own if none is named."""
        session, overview = self._context.opened, self._library_controller.overview
        known = mounted(overview.facets.folders) if overview else []
        folders = [Path(path) for path in paths or known]
        if not folders:
            self._context.say(tr("Add a folder of sounds first"), True)
            return
        threads, self._folders = self.threads, [str(folder) for folder in folders]

        def work(control: Control) -> IndexReport:
            from app.index_process import index_apart

            place = self._context.place
            return index_apart(place, session.model_folder, folders, control, threads)

        self._note_halt(False)
        self._indexing = self.run_alone(
            work, self._indexed, self._stopped, tr("Indexing"), lambda: self._note_halt(True)
        )
        self._look.start(_FIRST_LOOK_MS)
        self.began.emit()

    def leave(self) -> None:
        """Remember what a window that closes was indexing."""
        self._remember(self._folders if self.is_on else self._waiting)

    def go_on(self) -> None:
        """Go on with what was not finished, however that came, unless its user stopped it.

        What waits on a server may be others' to listen to: it is offered, unless it was begun here.
        """
        self._waiting = folders = list(self._context.settings.now.unfinished)
        library = self._context.opened.library
        halted = str(self._context.place) in self._context.settings.now.halted
        self._remember([])
        if not self._context.may(CURATOR):
            return
        by_itself = not halted and (not is_server(self._context.place) or bool(folders))

        def look(control: Control) -> tuple[list[str], int]:
            known = library.folders()
            if not _is_let_go(library, control):  # by a command, say, which will finish it
                return [], 0
            begun = [f for f in folders if is_under(f, known)]
            waiting = count_waiting(library)
            left = [f for f in known if waiting.get(f) and not is_under(f, begun)]
            return [f for f in [*begun, *left] if Path(f).is_dir()], sum(waiting.values())

        def looked(found: tuple[list[str], int]) -> None:
            self._waiting = []
            there, waiting = found
            if not there or self.is_on:
                return
            if by_itself:
                self.index(there)
            else:
                self.waiting_found.emit(waiting)

        self._context.jobs.start("read", look, looked)

    def _remember(self, folders: Sequence[str]) -> None:
        settings = self._context.settings
        settings.keep(replace(settings.now, unfinished=tuple(folders)))

    def _note_halt(self, halted: bool) -> None:
        """Remember that indexing was stopped by hand, and does not go on by itself."""
        settings, place = self._context.settings, str(self._context.place)
        others = tuple(known for known in settings.now.halted if known != place)
        settings.keep(replace(settings.now, halted=(*others, place) if halted else others))

    def make_demo(self) -> None:
        """Make the demo sounds and index them."""
        from engine.paths import data_folder

        folder = data_folder() / "demo"

        def work(control: Control) -> int:
            from app.demo import make_demo_sounds

            return make_demo_sounds(folder, control)

        self._folders, self._indexing = (
            [],
            self.run_alone(
                work, lambda made: self.index([folder]), self._stopped, tr("Making demo sounds")
            ),
        )
        self.began.emit()

    def run_alone(
        self,
        work: Callable[[Control], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None] | None,
        title: str,
        stopped: Callable[[], None] | None = None,
    ) -> Job:
        """Run what no index run may disturb; watching waits meanwhile."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        job = self._context.jobs.start("index", work, done, failed, title, stopped=stopped)
        self._keep_watching()
        return job

    def watch(self, on: bool) -> None:
        """Keep up with changes in the folders from now on, or no longer."""
        self._watch = on
        if not on and self._watching is not None:
            self._watching.cancel()
            self._watching = None
        self._keep_watching()

    def _keep_watching(self) -> None:
        """Wait for changes, once what goes on has ended."""
        session, threads = self._context.session, self.threads
        idle = self._watch and self._watching is None
        if not idle or session is None or not self._context.may(CURATOR):
            return

        def work(control: Control) -> None:
            from app.index_process import watch_apart

            folders = [Path(path) for path in mounted(session.library.folders())]
            if folders:
                place, model = self._context.place, session.model_folder
                watch_apart(place, model, folders, control, self._noticed.emit, threads)

        self._watching = self._context.jobs.start("index", work)

    def _indexed(self, report: IndexReport) -> None:
        self._indexing = None
        self._look.stop()
        said = {
            "heard": tr("{} indexed"),
            "unchanged": tr("{} unchanged"),
            "moved": tr("{} moved"),
            "back": tr("{} found again"),
            "missing": tr("{} missing"),
            "skipped": tr("{} skipped"),
        }
        parts = [said[name].format(number(count)) for name, count in report.summary()]
        told = ", ".join(parts) or tr("no sounds found")
        self._context.say(report.remark or told, bool(report.remark))
        self._library_controller.refresh()

    def _stopped(self, said: str) -> None:
        self._indexing = None
        self._look.stop()
        self._context.say(said, True)
        self._library_controller.refresh()

    def _see_progress(self) -> None:
        if not self.is_on:
            self._indexing = None
            self._look.stop()
        else:
            self._look.setInterval(min(2 * self._look.interval(), _LOOK_MS))
        self._library_controller.refresh()


def _is_let_go(library: Library, control: Control) -> bool:
    """Return whether nobody indexes a library: a window that closed just now may still end.

    :raises Cancelled: this window closes, too.
    """
    from engine.index.build import is_being_indexed

    until = time.monotonic() + _ENDS_S
    while is_being_indexed(library):
        if control.cancel():
            raise Cancelled
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_AGAIN_S)
    return True
