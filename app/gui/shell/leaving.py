"""What becomes of work when the window closes: it stops, or goes on in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.background import Left, Order, leave_behind, take_back
from app.gui.shell.dialogs import Dialogs
from app.gui.shell.rooms import Rooms
from engine.errors import SoundsiftError
from engine.log import logger

if TYPE_CHECKING:
    from app.gui.training.training import Training

_log = logger(__name__)


class Leaving(QObject):
    """Asks before work is left, leaves it behind, and takes it back when the window opens again."""

    def __init__(self, rooms: Rooms, dialogs: Dialogs, parent: QObject) -> None:
        super().__init__(parent)
        self._rooms, self._dialogs = rooms, dialogs
        self._goes_on = False
        self._order: Order | None = None

    def may_go(self) -> bool:
        """Ask what should become of work that goes on; False: its user stays."""
        asked = self._question()
        if not asked:
            return True
        prompts, stop = self._rooms.prompts, self.tr("Stop")
        if not self._about_listening():
            self._goes_on = False
            return prompts.confirm(asked, stop)
        chosen = prompts.choose(asked, (self.tr("Go on in the background"), stop))
        self._goes_on = chosen == 0
        return chosen is not None

    def end(self) -> None:
        """Stop what runs, after noting what goes on behind the window."""
        if self._goes_on:
            self._order = self._order_now()
        training = self._training
        if training is not None:
            training.end()

    def leave(self) -> None:
        """Let work go on, now that the window has let go of the library."""
        if self._order is None:
            return
        try:
            leave_behind(self._order)
        except SoundsiftError as error:
            _log.warning("told nobody: %s", error)
        self._order = None

    def come_back(self) -> None:
        """Take over what goes on in the background, and go on with what was left."""
        place = self._rooms.context.place
        self._rooms.context.jobs.start(
            "index",
            lambda control: take_back(place, control),
            self._come_back,
            failed=lambda text: self._rooms.status.say(text, True, True),
        )

    def _come_back(self, left: Left | None) -> None:
        self._rooms.indexing.go_on()
        self._rooms.indexing.watch(self._rooms.context.settings.now.watch)
        if left is None or not left.order.train:
            return
        dialog = self._dialogs.open("train")
        if left.trained is None and not left.problem:
            dialog.go_on(left.order.train)  # type: ignore[attr-defined]
        else:
            dialog.show_end(left.trained, left.problem)  # type: ignore[attr-defined]

    @property
    def _training(self) -> Training | None:
        """Return the training that runs."""
        dialog = self._dialogs.opened.get("train")
        return dialog if dialog is not None and dialog.is_running else None  # type: ignore[attr-defined, return-value]

    def _question(self) -> str:
        return "\n\n".join(part for part in (self._about_listening(), self._about_rest()) if part)

    def _about_listening(self) -> str:
        indexing, training = self._rooms.indexing.is_on, self._training is not None
        if not (indexing or training):
            return ""
        what = self.tr("Soundsift is still listening to your sounds.")
        if training:
            what = self.tr("Soundsift is still training on your library.")
            if indexing:
                what = self.tr("Soundsift is still listening to your sounds, and training.")
        kept = self.tr(
            "Whatever you choose, what is done so far is kept, and it goes on when you open "
            "Soundsift again. In the background, it goes on meanwhile."
        )
        return f"{what}\n\n{kept}"

    def _about_rest(self) -> str:
        """Return what to say of work that cannot go on without the window."""
        does = self._rooms.indexing.does
        running = [job for job in self._rooms.jobs.shown() if job.lasts and not does(job)]
        titles = [job.title for job in running if job.title and not job.cancelled]
        if not titles or self._rooms.context.session is None:  # then it is being opened
            return ""
        said = self.tr("If you close Soundsift, this stops: {}. Files that are finished stay.")
        return said.format(", ".join(titles))

    def _order_now(self) -> Order:
        context, indexing, training = self._rooms.context, self._rooms.indexing, self._training
        return Order(
            str(context.place),
            str(context.opened.model_folder),
            indexing.folders if indexing.is_on else [],
            indexing.threads,
            training.arguments if training is not None else [],
        )
