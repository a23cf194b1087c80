"""What the actions do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint
from PySide6.QtWidgets import QDialog, QMenu

from app.gui.kit.files import copy_files, copy_paths, reveal
from app.gui.kit.plain import menu_text
from app.gui.kit.text import number
from app.gui.search.exporting import export_list
from app.gui.tagging.questions import ask_for_tag
from engine.search.query_sound import QuerySound
from engine.store import SoundRow
from engine.store.places import ids_under

if TYPE_CHECKING:
    from app.gui.shell.window import MainWindow

_ZOOM = 1.6
_ROW_MENU = (
    *("play", "similar", "more", "", "collect", "tag", "review", ""),
    *("copy", "copy_path", "reveal"),
)
_NEED_LIBRARY = (
    *("add", "rescan", "skipped", "export", "collect", "tag", "undo", "record", "similar", "more"),
    *("review", "audit", "cues", "duplicates", "train", "models"),
)


class Commands(QObject):
    """The actions of one window; dialogs stay open beside it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._dialogs: dict[str, QDialog] = {}

    def table(self) -> dict[str, Callable[[], object]]:
        """Return what each action of :data:`app.gui.shell.actions.ACTIONS` does."""
        window, player = self._window, self._window.player
        waveform = window.panel.waveform
        table: dict[str, Callable[[], object]] = {
            "add": window.questions.add,
            "rescan": lambda: window.indexing.index([]),
            "skipped": self.skipped,
            "copy": lambda: self._copy(files=True),
            "copy_path": lambda: self._copy(files=False),
            "reveal": self._reveal,
            "export": lambda: _export(window),
            "preferences": lambda: self._open("preferences"),
            "quit": window.close,
            "search": self._focus_search,
            "history": window.bar.show_history,
            "record": window.recording.toggle,
            "similar": self._similar,
            "more": lambda: self._with_sound(window.bar.add_sound),
            "collect": lambda: window.questions.collect(window.results.chosen_ids()),
            "tag": lambda: ask_for_tag(window, window.tagging, window.results.chosen_ids()),
            "undo": window.tagging.undo,
            "escape": self._escape,
            "play": window.audition.toggle,
            "auto_play": lambda: setattr(window.audition, "auto_play", self._is_on("auto_play")),
            "back": lambda: window.audition.step(-1),
            "on": lambda: window.audition.step(1),
            "loop": lambda: player.set_loop(self._is_on("loop")),
            "range_from": lambda: window.audition.mark(0),
            "range_to": lambda: window.audition.mark(1),
            "slower": lambda: player.faster(-1),
            "faster": lambda: player.faster(1),
            "normal": lambda: player.set_speed(1.0),
            "reverse": lambda: player.set_reverse(self._is_on("reverse")),
            "zoom_in": lambda: waveform.zoom(_ZOOM),
            "zoom_out": lambda: waveform.zoom(1 / _ZOOM),
            "spectrogram": lambda: window.audition.show_spectrogram(self._is_on("spectrogram")),
            "sources": lambda: window.sources.setVisible(self._is_on("sources")),
            "inspector": lambda: window.inspector.setVisible(self._is_on("inspector")),
            "review": self.review,
            "audit": lambda: self._open("audit"),
            "cues": lambda: self._open("cues"),
            "duplicates": lambda: self._open("duplicates"),
            "train": lambda: self._open("train"),
            "models": self.models,
            "repair": lambda: _repair(window),
            "shortcuts": lambda: self._open("shortcuts"),
            "diagnostics": lambda: self._open("diagnostics"),
            "about": lambda: self._open("about"),
        }
        return table | {name: self._with_library(table[name]) for name in _NEED_LIBRARY}

    def _with_library(self, does: Callable[[], object]) -> Callable[[], object]:
        """Return what does it, or says why there is no library to do it on."""

        def call() -> object:
            return does() if self._window.has_library() else None

        return call

    # Sounds

    def similar_to(self, path: Path) -> None:
        """Search for sounds like a file."""
        self._window.bar.search_by(QuerySound(path))

    def models(self) -> None:
        """Show the models."""
        self._open("models")

    def review(self) -> None:
        """Review tags of the chosen sounds, or of all that are shown."""
        from app.gui.tagging.review import ReviewTags

        there = self._dialogs.get("review")
        self._open("review")
        if isinstance(there, ReviewTags):
            there.look_at(self._window.tagging_scope())

    def review_folder(self, folder: str) -> None:
        """Review tags of all sounds in a folder."""
        from app.gui.tagging.review import ReviewTags

        self._open("review")
        dialog = self._dialogs.get("review")
        if isinstance(dialog, ReviewTags):
            dialog.look_at(ids_under(self._window.context.opened.library, folder))

    def skipped(self) -> None:
        """Show the skipped files."""
        self._open("skipped")

    def show_menu(self, place: QPoint) -> None:
        """Show what can be done with the chosen rows."""
        menu = QMenu(self._window)
        for name in _ROW_MENU:
            if name:
                menu.addAction(self._window.actions_by_name[name])
            else:
                menu.addSeparator()
        names = self._window.keeping.overview.collections if self._window.keeping.overview else ()
        if names:
            others = menu.addMenu(self.tr("Collections"))
            ids = self._window.results.chosen_ids()
            for name in names:
                others.addAction(menu_text(self.tr("Add to {}").format(name))).triggered.connect(
                    lambda _=False, to=name: self._window.keeping.collect(to, ids)
                )
            others.addSeparator()
            for name in names:
                others.addAction(
                    menu_text(self.tr("Take out of {}").format(name))
                ).triggered.connect(lambda _=False, of=name: self._window.keeping.take_out(of, ids))
        menu.popup(place)

    def close(self) -> None:
        """Close what is open beside the window."""
        for dialog in list(self._dialogs.values()):
            dialog.close()

    def _is_on(self, name: str) -> bool:
        return self._window.actions_by_name[name].isChecked()

    def _open(self, name: str) -> None:
        from app.gui.shell.dialogs import make_dialog

        dialog = self._dialogs.get(name)
        if dialog is None:
            dialog = self._dialogs[name] = make_dialog(name, self._window)
            dialog.finished.connect(lambda _: self._dialogs.pop(name, None))
            dialog.finished.connect(dialog.deleteLater)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def _focus_search(self) -> None:
        self._window.bar.text.setFocus()
        self._window.bar.text.selectAll()

    def _escape(self) -> None:
        window = self._window
        if window.recording.is_on:
            window.recording.finish(search=False)
        elif window.player.playing:
            window.player.stop()
        elif window.panel.waveform.range_s is not None:
            window.panel.waveform.set_range(None)
            window.player.set_range(None)
        else:
            window.bar.clear()
            window.bar.text.setFocus()

    def _sounds(self) -> list[SoundRow]:
        """Return the chosen sounds."""
        results = self._window.results
        return results.results.sounds_at(results.chosen_rows())

    def _copy(self, files: bool) -> None:
        """Copy the chosen files; from the waveform the range, as a file of its own."""
        window = self._window
        waveform = window.panel.waveform
        if waveform.hasFocus() and waveform.range_s is not None:
            self._copy_range()
            return
        paths = [sound.path for sound in self._sounds()]
        if not paths:
            return
        (copy_files if files else copy_paths)(paths)
        said = self.tr("{} files copied") if files else self.tr("{} paths copied")
        self._window.status.say(
            self.tr("{} copied").format(Path(paths[0]).name)
            if len(paths) == 1
            else said.format(number(len(paths)))
        )

    def _copy_range(self) -> None:
        part = self._window.ranges.kept()
        if part is not None:
            copy_files([str(part)])
            said = self.tr("{} is copied, and kept in {}").format(part.name, part.parent)
            self._window.status.say(said)

    def _reveal(self) -> None:
        sounds = self._sounds()
        if sounds:
            reveal(Path(sounds[0].path))

    def _similar(self) -> None:
        self._with_sound(self._window.bar.search_by)

    def _with_sound(self, use: Callable[[QuerySound], None]) -> None:
        """Use the range that is chosen in the player, or the whole sound."""
        sound, range_s = self._window.audition.sound, self._window.panel.waveform.range_s
        if sound is not None:
            start, end = range_s or (None, None)
            use(QuerySound(Path(sound.path), start, end))


def _export(window: MainWindow) -> None:
    """Ask for a file, and write the rows that are shown into it."""
    export_list(window, window.context, [int(sound_id) for sound_id in window.results.results.ids])


def _repair(window: MainWindow) -> None:
    """Ask whether to check and repair the library; the window closes for it."""
    question = window.tr(
        "Check the library, and save what can be saved if it is damaged?\n\n"
        "The window closes meanwhile, and opens again. Your sounds are not touched."
    )
    if window.asking.sure(question, window.tr("Check and repair")):
        window.repair_wanted = True
        window.close()
