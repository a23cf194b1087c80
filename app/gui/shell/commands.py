"""What the actions do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.gui.kit.files import copy_files, copy_paths, reveal
from app.gui.kit.plain import menu_text
from app.gui.kit.style.apply import Dressed
from app.gui.kit.text import number
from app.gui.search.exporting import export_list
from app.gui.shell.actions import ACTIONS, make_actions
from app.gui.shell.dialogs import DIALOGS, Dialogs
from app.gui.shell.opening import Opening
from app.gui.shell.rooms import Rooms
from app.gui.tagging.questions import ask_for_tag
from engine.search.query_sound import QuerySound
from engine.store import SoundRow

Does = Callable[[], object]
_ZOOM = 1.6
_ROW_MENU = (
    *("play", "similar", "more", "", "collect", "tag", "review", ""),
    *("copy", "copy_path", "reveal"),
)


class Commands(QObject):
    """The actions of one window, and the dialogs that they open.

    ``own`` are those that are the window's own affair: ``quit`` and ``repair``.
    """

    def __init__(
        self,
        window: QWidget,
        dressed: Dressed,
        rooms: Rooms,
        opening: Opening,
        own: Mapping[str, Does],
    ) -> None:
        super().__init__(window)
        self._window, self._rooms, self._opening, self._own = window, rooms, opening, own
        self.actions: dict[str, QAction] = {}
        self.dialogs = Dialogs(window, rooms, self.actions, dressed)
        self.actions.update(make_actions(window, self.table()))

    def table(self) -> dict[str, Does]:
        """Return what each action of :data:`app.gui.shell.actions.ACTIONS` does."""
        table: dict[str, Does] = {name: partial(self.dialogs.open, name) for name in DIALOGS}
        table |= {**self._own, **self._searching(), **self._playing(), **self._viewing()}
        needy = [spec.name for spec in ACTIONS if spec.needs_library]
        return table | {name: self._with_library(table[name]) for name in needy}

    def _searching(self) -> dict[str, Does]:
        rooms = self._rooms
        return {
            "add": rooms.questions.add,
            "rescan": lambda: rooms.indexing.index([]),
            "copy": lambda: self._copy(files=True),
            "copy_path": lambda: self._copy(files=False),
            "reveal": self._reveal,
            "export": self._export,
            "search": self._focus_search,
            "history": rooms.bar.show_history,
            "record": rooms.recording.toggle,
            "similar": lambda: self._with_sound(rooms.bar.search_by),
            "more": lambda: self._with_sound(rooms.bar.add_sound),
            "collect": lambda: rooms.questions.collect(rooms.results.chosen_ids()),
            "tag": lambda: ask_for_tag(self._window, rooms.tagging, rooms.results.chosen_ids()),
            "undo": rooms.tagging.undo,
            "escape": self._escape,
            "review": self.dialogs.review,
        }

    def _playing(self) -> dict[str, Does]:
        player, player_controller = self._rooms.player, self._rooms.player_controller
        return {
            "play": player_controller.toggle,
            "auto_play": lambda: setattr(player_controller, "auto_play", self._is_on("auto_play")),
            "back": lambda: player_controller.step(-1),
            "on": lambda: player_controller.step(1),
            "loop": lambda: player.set_loop(self._is_on("loop")),
            "range_from": lambda: player_controller.mark(0),
            "range_to": lambda: player_controller.mark(1),
            "slower": lambda: player.faster(-1),
            "faster": lambda: player.faster(1),
            "normal": lambda: player.set_speed(1.0),
            "reverse": lambda: player.set_reverse(self._is_on("reverse")),
        }

    def _viewing(self) -> dict[str, Does]:
        rooms, waveform = self._rooms, self._rooms.panel.waveform
        return {
            "zoom_in": lambda: waveform.zoom(_ZOOM),
            "zoom_out": lambda: waveform.zoom(1 / _ZOOM),
            "spectrogram": lambda: rooms.player_controller.show_spectrogram(
                self._is_on("spectrogram")
            ),
            **{name: partial(self._show_or_hide, name) for name in rooms.hideable},
        }

    def _show_or_hide(self, name: str) -> None:
        self._rooms.hideable[name].setVisible(self._is_on(name))

    def _with_library(self, does: Does) -> Does:
        """Return what does it, or says why there is no library to do it on."""

        def call() -> object:
            return does() if self._opening.has_library() else None

        return call

    # Sounds

    def similar_to(self, path: str) -> None:
        """Search for sounds like a file."""
        self._rooms.bar.search_by(QuerySound(Path(path)))

    def show_menu(self, place: QPoint) -> None:
        """Show what can be done with the chosen rows."""
        menu = QMenu(self._window)
        for name in _ROW_MENU:
            if name:
                menu.addAction(self.actions[name])
            else:
                menu.addSeparator()
        library_controller = self._rooms.library_controller
        names = library_controller.overview.collections if library_controller.overview else ()
        if names:
            others = menu.addMenu(self.tr("Collections"))
            ids = self._rooms.results.chosen_ids()
            for name in names:
                others.addAction(menu_text(self.tr("Add to {}").format(name))).triggered.connect(
                    lambda _=False, to=name: library_controller.collect(to, ids)
                )
            others.addSeparator()
            for name in names:
                others.addAction(
                    menu_text(self.tr("Remove from {}").format(name))
                ).triggered.connect(lambda _=False, of=name: library_controller.take_out(of, ids))
        menu.popup(place)

    def _is_on(self, name: str) -> bool:
        return self.actions[name].isChecked()

    def _focus_search(self) -> None:
        self._rooms.bar.text.setFocus()
        self._rooms.bar.text.selectAll()

    def _escape(self) -> None:
        rooms = self._rooms
        if rooms.recording.is_on:
            rooms.recording.finish(search=False)
        elif rooms.player.playing:
            rooms.player.stop()
        elif rooms.panel.waveform.range_s is not None:
            rooms.panel.waveform.set_range(None)
            rooms.player.set_range(None)
        else:
            rooms.bar.clear()
            rooms.bar.text.setFocus()

    def _copy(self, files: bool) -> None:
        """Copy the chosen files; from the waveform the range, as a file of its own."""
        waveform = self._rooms.panel.waveform
        if waveform.hasFocus() and waveform.range_s is not None:
            self._copy_range()
            return

        def copy(sounds: list[SoundRow]) -> None:
            paths = [sound.path for sound in sounds]
            if not paths:
                return
            (copy_files if files else copy_paths)(paths)
            said = self.tr("{} files copied") if files else self.tr("{} paths copied")
            self._rooms.status.say(
                self.tr("{} copied").format(Path(paths[0]).name)
                if len(paths) == 1
                else said.format(number(len(paths)))
            )

        self._rooms.selected_sounds.sounds(self._rooms.results.chosen_rows(), copy)

    def _copy_range(self) -> None:
        part = self._rooms.ranges.kept()
        if part is not None:
            copy_files([str(part)])
            said = self.tr("{} copied, and saved in {}").format(part.name, part.parent)
            self._rooms.status.say(said)

    def _reveal(self) -> None:
        def show(sounds: list[SoundRow]) -> None:
            if sounds:
                reveal(Path(sounds[0].path))

        self._rooms.selected_sounds.sounds(self._rooms.results.chosen_rows()[:1], show)

    def _export(self) -> None:
        ids = [int(sound_id) for sound_id in self._rooms.results.results.ids]
        export_list(self._window, self._rooms.context, ids)

    def _with_sound(self, use: Callable[[QuerySound], None]) -> None:
        """Use the range that is chosen in the player, or the whole sound."""
        sound, range_s = self._rooms.player_controller.sound, self._rooms.panel.waveform.range_s
        if sound is not None:
            start, end = range_s or (None, None)
            use(QuerySound(Path(sound.path), start, end))
