"""Regions of the sound that is looked at: named, renamed, removed, and written as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu

from app.gui.kit.context import Context
from app.gui.kit.text import counted, tr
from app.gui.player.details import SoundDetails
from app.gui.player.player_controller import PlayerController
from app.gui.player.sound.player import Player
from app.gui.player.waveform import Waveform
from engine.errors import InputError
from engine.handover.door import hand_over
from engine.handover.order import Order
from engine.progress import Control, Progress
from engine.search.grammar import parse
from engine.store import SoundRow
from engine.store.conditions import Region as Named
from engine.store.regions import Region, add_region, remove_region, rename_region
from engine.store.words import search_words

_PATTERN = "{name}[ {region}]"


class Regions(QObject):
    """Asks, and keeps the answer; ``changed`` tells which sound has other regions now.

    ``exported`` tells of which sound regions were written, and the folder.
    ``asked`` gives the text of the search, whose region a sound is shown and played at.
    """

    changed = Signal(list)
    exported = Signal(list, object)

    def __init__(
        self,
        context: Context,
        player_controller: PlayerController,
        player: Player,
        waveform: Waveform,
        asked: Callable[[], str],
    ) -> None:
        super().__init__(waveform)
        self._player, self._asked, self._is_new = player, asked, False
        self._context, self._player_controller = context, player_controller
        self._waveform = waveform
        self._known: tuple[Region, ...] = ()
        self.folder = Path.home()  # where files of regions are written, until another is chosen
        waveform.menu_wanted.connect(self._show_menu)
        player_controller.shown.connect(lambda _: self._begin())
        player_controller.detailed.connect(self._on_details)

    def name_range(self) -> None:
        """Ask for the name of the range that is marked, and keep it as a region."""
        sound, range_s = self._player_controller.sound, self._waveform.range_s
        if sound is None:
            return
        if range_s is None:
            self._context.say(tr("Mark a range in the waveform first, then name it"), True)
            return
        suggested = tr("Region {}").format(len(self._known) + 1)
        name = self._ask(tr("Name the range"), suggested)
        if name:
            library = self._context.opened.library
            self._write(sound.id, lambda: add_region(library, sound.id, name, *range_s))

    def rename(self, region: Region) -> None:
        """Ask for another name of a region."""
        name = self._ask(tr("Rename the region"), region.name)
        if name and name != region.name:
            library = self._context.opened.library
            self._write(region.sound_id, lambda: rename_region(library, region, name))

    def remove(self, region: Region) -> None:
        """Forget a region."""
        library = self._context.opened.library
        self._write(region.sound_id, lambda: remove_region(library, region))
        self._context.say(tr("{} removed").format(region.name))

    def export(self, regions: tuple[Region, ...], folder: Path) -> None:
        """Write regions as files of their own into a folder; none there is overwritten."""
        sound = self._player_controller.sound
        if sound is None or not regions:
            return
        self.folder = folder

        def work(control: Control) -> int:
            quiet = Control(cancel=control.cancel)
            for number, region in enumerate(regions):
                control.report(Progress(tr("writing"), number, len(regions)))
                hand_over(order_of(sound, region), folder, quiet)
            return len(regions)

        def done(count: int) -> None:
            self.exported.emit([sound.id], folder)
            one, many = tr("One region written to {}"), tr("{} regions written to {}")
            said = one.format(folder) if count == 1 else many.format(count, folder)
            self._context.say(said)

        self._context.jobs.start("read", work, done, title=tr("Writing regions"), lasts=True)

    def _show_menu(self, region: Region, place: QPoint) -> None:
        menu = QMenu(self._waveform)
        menu.addAction(tr("Rename …")).triggered.connect(lambda: self.rename(region))
        menu.addAction(tr("Remove")).triggered.connect(lambda: self.remove(region))
        menu.addSeparator()
        one = menu.addAction(tr("Write it as a file …"))
        one.triggered.connect(lambda: self._ask_where((region,)))
        if len(self._known) > 1:
            several = counted(len(self._known), "", tr("Write all {} regions as files …"))
            menu.addAction(several).triggered.connect(lambda: self._ask_where(self._known))
        menu.popup(place)

    def _ask_where(self, regions: tuple[Region, ...]) -> None:
        title = tr("Write regions to")
        folder = QFileDialog.getExistingDirectory(self._waveform, title, str(self.folder))
        if folder:
            self.export(regions, Path(folder))

    def _ask(self, title: str, suggested: str) -> str:
        name, given = QInputDialog.getText(self._waveform, title, tr("Name:"), text=suggested)
        return " ".join(name.split()) if given else ""

    def _write(self, sound_id: int, work: Callable[[], object]) -> None:
        self._context.jobs.start(
            "write",
            lambda control: work(),
            lambda _: self._on_written(sound_id),
        )

    def _on_written(self, sound_id: int) -> None:
        self._player_controller.look_again()
        self.changed.emit([sound_id])

    def _begin(self) -> None:
        self._known, self._is_new = (), True

    def _on_details(self, details: SoundDetails) -> None:
        self._known = details.regions
        is_new, self._is_new = self._is_new, False
        found = wanted_region(details.regions, self._asked())
        if found is None or not is_new or self._waveform.range_s is not None:
            return
        span = (found.start_s, found.end_s)
        self._waveform.set_range(span)
        self._waveform.range_changed.emit(span)
        if self._player.playing:
            self._player_controller.play_from(found.start_s)
        else:
            self._player.seek(found.start_s)


def wanted_region(regions: Sequence[Region], text: str) -> Region | None:
    """Return the first region that a search asks for by name; None where it asks for none."""
    try:
        conditions = parse(text).conditions if "region:" in text.lower() else ()
    except InputError:
        return None
    names = [c.name for c in conditions if isinstance(c, Named) and c.name is not None]
    for region in regions:
        words = f" {search_words(region.name)} "
        if any(f" {search_words(name)} " in words for name in names):
            return region
    return None


def order_of(sound: SoundRow, region: Region) -> Order:
    """Return what leaves if a region is wanted: its part, named after its sound and itself."""
    span_s = (region.start_s, region.end_s)
    return Order(Path(sound.path), span_s, pattern=_PATTERN, fields={"region": region.name})
