"""What stands in the middle of the window: results, why there are none, or how to begin."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from app.gui.kit.text import counted
from app.gui.library.overview import Overview
from app.gui.search.requests import Found
from app.gui.shell.rooms import Rooms
from engine.plain_text import one_line
from engine.store.roots import Root

_TOPIC, _ROOTS = "waiting", "roots"


class Middle(QObject):
    """Chooses the page, and offers there what its user may want."""

    def __init__(self, rooms: Rooms, parent: QObject) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._welcome, self._empty, self._stack = rooms.welcome, rooms.empty, rooms.stack
        rooms.searching.answered.connect(self._on_answered)
        rooms.library_controller.overview_changed.connect(self._on_overview)
        rooms.indexing.began.connect(self._on_began)
        rooms.indexing.waiting_found.connect(self._offer_to_go_on)
        rooms.roots.unmounted_found.connect(self._offer_to_mount)
        rooms.roots.changed.connect(rooms.roots.look)

    def _on_overview(self, overview: Overview) -> None:
        known = overview.statistics
        if not (overview.facets.folders or known.sounds or known.offline):
            if not self._rooms.indexing.is_on:
                self._stack.setCurrentWidget(self._welcome)
        elif self._stack.currentWidget() is self._welcome:
            self._stack.setCurrentWidget(self._empty)
            self._rooms.searching.ask()
        if known.windows:
            self._rooms.searching.warm_up()

    def _on_answered(self, found: Found) -> None:
        self._rooms.player_controller.follow_answer(found.answer)
        self._rooms.status.show_also(found.answer.also if found.answer is not None else "")
        overview = self._rooms.library_controller.overview
        nothing_known = overview is not None and not (overview.facets.folders or len(found.ids))
        if nothing_known and found.asked.is_empty and not self._rooms.indexing.is_on:
            self._stack.setCurrentWidget(self._welcome)

    def _on_began(self) -> None:
        """Show that something comes, rather than how to begin."""
        self._rooms.notice.take_back(_TOPIC)
        if self._stack.currentWidget() is self._welcome:
            self._stack.setCurrentWidget(self._empty)
            self._empty.say(
                self.tr("Looking for sounds …"),
                self.tr("They appear here as they are found, and can be searched at once."),
            )

    def _offer_to_go_on(self, waiting: int) -> None:
        one = self.tr("One sound waits to be listened to.")
        many = self.tr("{} sounds wait to be listened to.")
        indexing, said = self._rooms.indexing, counted(waiting, one, many)
        self._rooms.notice.offer(_TOPIC, said, self.tr("Go on"), lambda: indexing.index([]))

    def _offer_to_mount(self, unmounted: Sequence[Root]) -> None:
        """Offer to mount the first of the roots that are not, until none is left."""
        self._rooms.notice.take_back(_ROOTS)
        if not unmounted:
            return
        name = unmounted[0].name
        said = self.tr("The root {} is not mounted on this computer.").format(one_line(name))
        roots = self._rooms.roots
        self._rooms.notice.offer(_ROOTS, said, self.tr("Mount …"), lambda: roots.mount(name))
