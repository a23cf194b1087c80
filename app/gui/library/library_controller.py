"""Keeping the library: folders, collections, tags, counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.gui.kit.context import Context
from app.gui.kit.text import counted, number, tr
from app.gui.library.overview import (
    Overview,
    count_everything,
    count_searches,
    drives_changed,
)
from engine.index.drives import note_drives
from engine.plain_text import one_line
from engine.progress import Control
from engine.store.collections import collect, drop_collection, rename_collection, take_out
from engine.store.places import forget_folder
from engine.store.saved_searches import drop_search, rename_search, save_search
from engine.store.sharing import What, share


class LibraryController(QObject):
    """Changes the library, in jobs, and tells what has changed."""

    overview_changed = Signal(object)
    sounds_changed = Signal()  # there are more, or fewer
    searches_counted = Signal(dict)  # how many sounds saved searches find
    files_changed = Signal()  # the user has just renamed, moved or restored some

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self.overview: Overview | None = None

    def count(self) -> None:
        """Count everything anew, and once more if a drive went or came back."""
        library = self._context.opened.library

        def counted(changed: bool) -> None:
            if changed:
                self._write(lambda control: note_drives(library), lambda _: self._count())

        self._count()
        self._context.jobs.start(
            "read", lambda control: drives_changed(library), counted, newest="drives"
        )

    def _count(self) -> None:
        session = self._context.opened
        self._context.jobs.start(
            "read", lambda control: count_everything(session), self._counted, newest="overview"
        )

    def count_searches(self) -> None:
        """Count what saved searches find."""
        session, overview = self._context.opened, self.overview
        if overview is not None and overview.searches:
            self._context.jobs.start(
                "read",
                lambda control: count_searches(session, overview.searches, control),
                self.searches_counted.emit,
                newest="saved searches",
            )

    def save_search(self, name: str, text: str) -> None:
        """Keep a search under a name."""
        library = self._context.opened.library
        self._write(lambda control: save_search(library, name, text), self._count_again)

    def rename_search(self, name: str, new: str) -> None:
        """Give a saved search another name."""
        library = self._context.opened.library
        self._write(lambda control: rename_search(library, name, new), self._count_again)

    def drop_search(self, name: str) -> None:
        """Forget a saved search; it can be undone."""
        library = self._context.opened.library

        def dropped(_: None) -> None:
            self._context.say(tr("Search {} deleted").format(one_line(name)))
            self.count()

        self._write(lambda control: drop_search(library, name), dropped)

    def share(self, what: What, label: str, shared: bool) -> None:
        """Let the team see a collection or a saved search, or nobody else."""
        library = self._context.opened.library
        said = tr("{} is shared with the team") if shared else tr("{} is yours alone")

        def done(_: None) -> None:
            self._context.say(said.format(one_line(label)))
            self.count()

        self._write(lambda control: share(library, what, label, shared), done)

    def relink(self, old: str, new: str) -> None:
        """Tell the library that a folder moved."""
        library = self._context.opened.library

        def work(control: Control) -> int:
            from engine.index.drives import relink

            return relink(library, Path(old), Path(new))

        self._write(
            work,
            lambda count: self._changed(
                counted(
                    count, tr("one sound is now under {}"), tr("{} sounds are now under {}"), new
                )
            ),
        )

    def forget(self, folder: str) -> None:
        """Take a folder out of the library; its files stay where they are."""
        library = self._context.opened.library
        self._write(
            lambda control: forget_folder(library, folder),
            lambda count: self._changed(
                counted(
                    count,
                    tr("one sound removed from the library; its file is untouched"),
                    tr("{} sounds removed from the library; their files are untouched"),
                )
            ),
        )

    def collect(self, name: str, ids: Sequence[int]) -> None:
        """Put sounds into a collection, which is made if need be."""
        library = self._context.opened.library
        self._write(
            lambda control: collect(library, name, ids),
            lambda count: self._collected(name, len(ids), count),
        )

    def take_out(self, name: str, ids: Sequence[int]) -> None:
        """Take sounds out of a collection."""
        library = self._context.opened.library
        self._write(
            lambda control: take_out(library, name, ids),
            lambda _: self._changed(tr("removed from {}").format(name)),
        )

    def rename_collection(self, name: str, new: str) -> None:
        """Give a collection another name."""
        library = self._context.opened.library
        self._write(lambda control: rename_collection(library, name, new), self._count_again)

    def drop_collection(self, name: str) -> None:
        """Forget a collection; its sounds stay."""
        library = self._context.opened.library
        self._write(lambda control: drop_collection(library, name), self._count_again)

    def _write(
        self, work: Callable[[Control], object], done: Callable[[Any], None] = lambda _: None
    ) -> None:
        self._context.jobs.start("write", work, done)

    def _count_again(self, _: None) -> None:
        self.count()

    def _counted(self, overview: Overview) -> None:
        self.overview = overview
        self.overview_changed.emit(overview)
        self.count_searches()

    def _changed(self, said: str) -> None:
        self._context.say(said, False)
        self.refresh(by_user=True)

    def _collected(self, name: str, count: int, new: int) -> None:
        if new == count:
            self._context.say(tr("{} added to {}").format(number(count), name), False)
        else:
            known = tr("{} added to {}, {} were already there")
            self._context.say(known.format(new, name, count - new), False)
        self.count()

    def refresh(self, by_user: bool = False) -> None:
        """See what has changed, and count anew.

        :param by_user: it was changed just now by whoever sits here, and what is shown follows.
        """
        session = self._context.session
        if session is None:
            return

        def seen(_: None) -> None:
            (self.files_changed if by_user else self.sounds_changed).emit()
            self.count()

        self._context.jobs.start(
            "read",
            lambda control: session.refresh(),
            seen,
            newest="refresh by user" if by_user else "refresh",
        )
