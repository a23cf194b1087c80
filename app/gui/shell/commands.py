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
from app.gui.shell.actions import ACTIONS, explain, make_actions, place_in
from app.gui.shell.dialogs import DIALOGS, Dialogs
from app.gui.shell.handing_commands import add_places, handing_commands
from app.gui.shell.marking_commands import marking_commands, show_labels
from app.gui.shell.opening import Opening
from app.gui.shell.rooms import Rooms
from app.gui.tagging.questions import ask_for_tag
from engine.handover.used import COPIED
from engine.search.query_sound import QuerySound
from engine.store import SoundRow
from engine.tags.families import FAMILIES

Does = Callable[[], object]
_SPECS = {spec.name: spec for spec in ACTIONS}
_ZOOM = 1.6
_VOLUME_STEP_DB = 2
_MARKS = tuple(s.name for s in ACTIONS if s.name.startswith(("stars_", "colour_")))
_ROW_MENU = (
    *("play", "similar", "more", "", *_MARKS, "note", "used", "unused", ""),
    *("edit_here", "edit", ""),
    *("collect", "tag", "untag", "review", ""),
    *("copy", "copy_path", "reveal"),
)


class Commands(QObject):
    """The actions of one window, and the dialogs that they open.

    ``own`` are those that are the window's own affair, such as ``quit``.
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
        show_labels(self.actions, rooms.context.colours)

    def table(self) -> dict[str, Does]:
        """Return what each action of :data:`app.gui.shell.actions.ACTIONS` does."""
        table: dict[str, Does] = {name: partial(self.dialogs.open, name) for name in DIALOGS}
        table |= {**self._own, **self._searching(), **self._playing(), **self._viewing()}
        table |= handing_commands(self._rooms, self.dialogs.transfer, self._is_on)
        table |= marking_commands(self._window, self._rooms)
        table |= {"edit": self.dialogs.edit, "edit_here": self._edit_here}
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
            "save_search": lambda: rooms.questions.save_search(
                rooms.bar.query.text, bool(rooms.bar.query.sounds)
            ),
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
            "normal": player.play_as_it_is,
            "reverse": lambda: player.set_reverse(self._is_on("reverse")),
            **self._auditioning(),
        }

    def _auditioning(self) -> dict[str, Does]:
        rooms, player = self._rooms, self._rooms.player
        return {
            "play_from_start": rooms.player_controller.play_from_start,
            "keep_pitch": lambda: player.set_keeps_pitch(self._is_on("keep_pitch")),
            "lower": lambda: player.higher(-1),
            "higher": lambda: player.higher(1),
            "match": lambda: rooms.matching.switch(self._is_on("match")),
            "quieter": lambda: rooms.panel.louder(-_VOLUME_STEP_DB),
            "louder": lambda: rooms.panel.louder(_VOLUME_STEP_DB),
            "channels": rooms.panel.channels.cycle,
            "region": rooms.regions.name_range,
            "previous_mark": lambda: rooms.jumps.to_mark(-1),
            "next_mark": lambda: rooms.jumps.to_mark(1),
            "previous_moment": lambda: rooms.jumps.to_moment(-1),
            "next_moment": lambda: rooms.jumps.to_moment(1),
        }

    def _viewing(self) -> dict[str, Does]:
        rooms, waveform = self._rooms, self._rooms.panel.waveform
        return {
            "zoom_in": lambda: waveform.zoom(_ZOOM),
            "zoom_out": lambda: waveform.zoom(1 / _ZOOM),
            "spectrogram": lambda: rooms.pictures.show_spectrogram(self._is_on("spectrogram")),
            "linear_scale": lambda: rooms.pictures.show_linear(self._is_on("linear_scale")),
            "wave_colours": self._colour_waves,
            "loudness_curve": lambda: rooms.pictures.show_loudness(self._is_on("loudness_curve")),
            **{name: partial(self._show_or_hide, name) for name in rooms.hideable},
            **{f"tags_{family}": self._show_families for family in FAMILIES},
        }

    def _colour_waves(self) -> None:
        on = self._is_on("wave_colours")
        self._rooms.pictures.show_colours(on)
        self._rooms.results.results.coloured_waves = on
        self._rooms.results.viewport().update()

    def _show_or_hide(self, name: str) -> None:
        self._rooms.hideable[name].setVisible(self._is_on(name))

    def _show_families(self) -> None:
        hidden = frozenset(name for name in FAMILIES if not self._is_on(f"tags_{name}"))
        self._rooms.hide_families(hidden)

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
        explain(menu)
        for name in _ROW_MENU:
            if name:
                place_in(menu, _SPECS[name], self.actions)
            else:
                menu.addSeparator()
        add_places(menu, self._rooms, self.actions)
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

    def _edit_here(self) -> None:
        """Edit the description of the chosen sound in the inspector; of several in their dialog."""
        rooms = self._rooms
        if len(rooms.results.chosen_rows()) > 1:
            self.dialogs.edit()
            return
        if not rooms.inspector.isVisible():
            self.actions["inspector"].trigger()
        rooms.inspector.begin_edit()

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

        def copy(paths: list[Path]) -> None:
            if not paths:
                return
            texts = [str(path) for path in paths]
            (copy_files if files else copy_paths)(texts)
            said = self.tr("{} files copied") if files else self.tr("{} paths copied")
            self._rooms.status.say(
                self.tr("{} copied").format(paths[0].name)
                if len(paths) == 1
                else said.format(number(len(paths)))
            )

        def take(sounds: list[SoundRow]) -> None:
            def copied(paths: list[Path]) -> None:
                copy(paths)
                self._rooms.uses.note([sound.id for sound in sounds] if paths else [], COPIED)

            if files:
                self._rooms.ranges.copies_of(sounds, copied)
            else:
                copy([Path(sound.path) for sound in sounds])

        self._rooms.selected_sounds.sounds(self._rooms.results.chosen_rows(), take)

    def _copy_range(self) -> None:
        part, sound = self._rooms.ranges.kept(), self._rooms.player_controller.sound
        if part is not None and sound is not None:
            copy_files([str(part)])
            self._rooms.uses.note([sound.id], COPIED)
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
