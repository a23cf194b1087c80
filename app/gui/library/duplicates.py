"""Files that hold the same sound: heard, compared, and moved to the trash if their user wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QLocale, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.files import reveal
from app.gui.kit.jobs import Job, belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.kit.preview import Preview
from app.gui.kit.prompts import Prompts
from app.gui.kit.tables import TextTable, choose_row
from app.gui.kit.text import channels, counted, duration, short_folder, tr
from app.gui.library.library_controller import LibraryController
from app.gui.library.trash import Trashed, Unwanted, move_to_trash
from engine.models.spec import read_spec
from engine.progress import Control
from engine.search.duplicates import Duplicates, Group, best_of, find_duplicates
from engine.store import Library, SoundRow
from engine.store.listing import files_of

_NUMBERS = (0, 3, 4, 5, 8)  # columns


@dataclass(frozen=True)
class _Row:
    """A sound in a group; ``place`` is its group's among all."""

    place: int
    group: Group
    sound: SoundRow


@dataclass(frozen=True)
class _Compared:
    found: Duplicates
    files: Mapping[int, tuple[int, int]]  # size and time of change


class DuplicatesDialog(QDialog):
    """Groups of equal files, of copies of one recording, and of what only sounds alike."""

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        library_controller: LibraryController,
        prompts: Prompts,
        preview: Preview,
    ) -> None:
        super().__init__(parent)
        self._context, self._library_controller = context, library_controller
        self._prompts, self._preview = prompts, preview
        self._groups: list[Group] = []
        self._files: Mapping[int, tuple[int, int]] = {}
        self._unread = 0
        self.rows: list[_Row] = []
        self.setWindowTitle(self.tr("Duplicates"))
        fit(self, 1080, 560)
        self.says = PlainLabel(self.tr("Comparing all sounds …"))
        self.says.setWordWrap(True)
        self.table = self._make_table()
        self.alike = QCheckBox(self.tr("Include sounds that are merely alike"))
        self.alike.toggled.connect(lambda _: self._fill())
        self._actions = self._make_buttons()
        column = QVBoxLayout(self)
        above, line = QHBoxLayout(), QHBoxLayout()
        above.addWidget(self.says, 1)
        above.addWidget(self.alike)
        column.addLayout(above)
        column.addWidget(self.table, 1)
        line.addStretch(1)
        for button in self._actions.values():
            line.addWidget(button)
        column.addLayout(line)
        self._actions["best"].setEnabled(False)  # until there is something to choose
        self._follow_selection()
        self.table.setFocus()
        self._job = self._compare_all()
        self.finished.connect(lambda _: self._job.cancel())

    # What is done with rows

    def hear(self) -> None:
        """Play the row that is looked at, or stop."""
        row, preview = self._current, self._preview
        if row is None:
            return
        if preview.playing and preview.place_in(row.sound) is not None:
            preview.stop()
        else:
            preview.play(row.sound)

    def hear_other(self) -> None:
        """Go to the next of the group, and play it from the moment that is heard now."""
        row = self._current
        if row is None:
            return
        place_s = self._preview.place_in(row.sound) or 0.0
        own = [i for i, other in enumerate(self.rows) if other.place == row.place]
        following = own[(own.index(self.table.currentRow()) + 1) % len(own)]
        choose_row(self.table, following)
        sound = self.rows[following].sound
        self._preview.play(sound, min(place_s, sound.duration_s))

    def reveal(self) -> None:
        """Show the file in the file manager."""
        if self._current is not None:
            reveal(Path(self._current.sound.path))

    def choose_copies(self) -> None:
        """Choose all but the best copy of every sound; nothing that only sounds alike."""
        best = {id(group): best_of(group).id for group in self._groups}
        model, chosen = self.table.model(), QItemSelection()
        for place, row in enumerate(self.rows):
            if row.group.kind != "alike" and row.sound.id != best[id(row.group)]:
                chosen.select(model.index(place, 0), model.index(place, 0))
        flags = QItemSelectionModel.SelectionFlag
        self.table.selectionModel().select(chosen, flags.ClearAndSelect | flags.Rows)

    def trash(self) -> None:
        """Ask, and move the chosen files to the trash."""
        chosen = {row.sound.id: row.sound for row in self._chosen}
        if not chosen:
            return
        copies = self._copies()
        staying = {i: [c for c in copies.get(i, ()) if c.id not in chosen] for i in chosen}
        lost = {min(c.id for c in copies[i]) for i in chosen if i in copies and not staying[i]}
        strangers = sum(i not in copies for i in chosen)
        worse = {
            min(c.id for c in copies[i])
            for i, sound in chosen.items()
            if sound.damage is None and staying[i] and all(c.damage for c in staying[i])
        }
        question, yes = _of_moving(len(chosen), len(lost), strangers, len(worse))
        if not self._prompts.confirm(question, yes):
            return
        unwanted = [
            Unwanted(sound, *self._file(i), tuple(c.path for c in staying[i]))
            for i, sound in chosen.items()
        ]
        self._preview.let_go(chosen.values())  # what is open cannot be moved everywhere
        library, trashed = self._context.opened.library, Trashed()

        def ended() -> None:
            self._library_controller.refresh(by_user=True)
            self._forget(trashed)

        self._actions["trash"].setEnabled(False)
        self._context.jobs.start(
            "write",
            lambda control: move_to_trash(library, unwanted, trashed, control),
            belongs_to(self, lambda _: ended()),
            failed=self.says.setText,
            title=self.tr("Moving files to the trash"),
            stopped=lambda: belongs_to(self, lambda _: ended())(None),
        )

    # How it is shown

    def _make_table(self) -> TextTable:
        titles = (
            *(self.tr("Group"), self.tr("Kind"), self.tr("File"), self.tr("Length")),
            *(self.tr("Rate"), self.tr("Bits"), self.tr("Channels"), self.tr("Format")),
            *(self.tr("Size"), self.tr("Damage"), self.tr("Folder")),
        )
        table = TextTable(titles, wide=len(titles) - 1, right=_NUMBERS)
        table.itemSelectionChanged.connect(self._follow_selection)
        table.cellDoubleClicked.connect(lambda *_: self.hear())
        keys: tuple[tuple[str, Callable[[], None]], ...] = (
            *(("Space", self.hear), ("B", self.hear_other), ("Delete", self.trash)),
            *(("Return", self.reveal), ("Enter", self.reveal)),
        )
        for key, does in keys:
            shortcut = QShortcut(QKeySequence(key), table)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(does)
        return table

    def _make_buttons(self) -> dict[str, QPushButton]:
        buttons = {}
        for name, picture, title, tip, does in (
            ("hear", "play", self.tr("Play"), self.tr("Space"), self.hear),
            (
                *("other", "next", self.tr("Play the next one")),
                *(self.tr("From the same moment: B"), self.hear_other),
            ),
            ("reveal", "folder", self.tr("Show in its folder"), self.tr("Return"), self.reveal),
            (
                *("best", "", self.tr("Select all but the best")),
                self.tr(
                    "Only among files that hold the same sound, never among those that merely "
                    "sound alike"
                ),
                self.choose_copies,
            ),
            ("trash", "trash", self.tr("Move to the trash …"), self.tr("Delete"), self.trash),
            ("close", "", self.tr("Close"), "", self.close),
        ):
            button = buttons[name] = push_button(title, does, picture)
            button.setToolTip(tip)
        return buttons

    def _compare_all(self) -> Job:
        session = self._context.opened
        library: Library = session.library
        rank = read_spec(session.model_folder).rank

        def work(control: Control) -> _Compared:
            found = find_duplicates(library, rank, control, alike=True)
            ids = {sound.id for group in found.groups for sound in group.sounds}
            return _Compared(found, files_of(library, ids))

        return self._context.jobs.start(
            "read",
            work,
            self._show,
            failed=self.says.setText,
            title=self.tr("Looking for duplicates"),
        )

    def _show(self, compared: _Compared) -> None:
        self._groups, self._files = list(compared.found.groups), compared.files
        self._unread = len(compared.found.unread)
        self._fill()

    def _fill(self) -> None:
        shown = [g for g in self._groups if g.kind != "alike" or self.alike.isChecked()]
        self.rows = [
            _Row(place, group, sound)
            for place, group in enumerate(shown, start=1)
            for sound in group.sounds
        ]
        self.table.fill([self._texts(row) for row in self.rows])
        self._actions["best"].setEnabled(any(row.group.kind != "alike" for row in self.rows))
        self._follow_selection()
        self.says.setText(self._summary())

    def _texts(self, row: _Row) -> Sequence[str]:
        kinds = {
            "same file": self.tr("same file"),
            "same sound": self.tr("same sound"),
            "alike": self.tr("sounds alike"),
        }
        sound = row.sound
        return (
            *(str(row.place), kinds[row.group.kind], Path(sound.path).name),
            *(duration(sound.duration_s), f"{sound.rate_hz / 1000:g} k", str(sound.bits or "")),
            *(channels(sound.channels), sound.format),
            QLocale().formattedDataSize(self._file(sound.id)[0], 1),
            (sound.damage or "").removeprefix("damaged: "),
            short_folder(sound.path),
        )

    def _summary(self) -> str:
        same = sum(group.kind != "alike" for group in self._groups)
        said = (
            counted(
                same,
                self.tr("One group of files with the same sound."),
                self.tr("{} groups of files with the same sound."),
            )
            if same
            else self.tr("No two files hold the same sound.")
        )
        alike = len(self._groups) - same
        if alike:
            one, many = (
                self.tr("One group merely sounds alike."),
                self.tr("{} groups merely sound alike."),
            )
            said += " " + counted(alike, one, many)
        if self._unread:
            one = self.tr("One file could not be read and compared.")
            many = self.tr("{} files could not be read and compared.")
            said += " " + counted(self._unread, one, many)
        return said

    def _file(self, sound_id: int) -> tuple[int, int]:
        """Return its size and time; of a sound that left the library meanwhile what no file has."""
        return self._files.get(sound_id, (0, 0))

    @property
    def _current(self) -> _Row | None:
        row = self.table.currentRow()
        return self.rows[row] if 0 <= row < len(self.rows) else None

    @property
    def _chosen(self) -> list[_Row]:
        model = self.table.selectionModel()
        return [self.rows[index.row()] for index in model.selectedRows()]

    def _follow_selection(self) -> None:
        chosen = self.table.selectionModel().hasSelection()
        for name in ("hear", "other", "reveal", "trash"):
            self._actions[name].setEnabled(chosen)

    def _copies(self) -> dict[int, set[SoundRow]]:
        """Return all copies of every sound that has one, itself among them.

        Equal files stand in a group of their own, and one of them also among its recording's.
        """
        families: dict[int, set[SoundRow]] = {}
        for group in self._groups:
            if group.kind == "alike":
                continue
            joined = set(group.sounds).union(*(families.get(s.id, set()) for s in group.sounds))
            families |= {sound.id: joined for sound in joined}
        return families

    def _forget(self, trashed: Trashed) -> None:
        """Show what is left, and say what became of the rest."""
        gone = {sound.id for sound in trashed.sounds}
        left = (
            Group(tuple(s for s in group.sounds if s.id not in gone), group.kind)
            for group in self._groups
        )
        self._groups = [group for group in left if len(group.sounds) > 1]
        self._fill()
        one, many = self.tr("One file is in the trash."), self.tr("{} files are in the trash.")
        said = counted(len(gone), one, many)
        self.says.setText(" ".join([said, *trashed.problems[:1]]))
        if len(trashed.problems) > 1:
            self._prompts.inform(said, trashed.problems)
        self.table.setFocus()


def _of_moving(
    count: int, without_copy: int, only_alike: int, only_damaged: int
) -> tuple[str, str]:
    """Return the question whether files should go to the trash, and what agrees.

    :param without_copy: of how many sounds no copy would stay.
    :param only_alike: how many of the files have no copy, but sound like others.
    :param only_damaged: of how many sounds only damaged copies would stay.
    """
    one, many = tr("Move the file to the trash?"), tr("Move {} files to the trash?")
    parts = [counted(count, one, many)]
    if without_copy:
        one = tr("Every copy of one sound is selected: none will be left.")
        many = tr("Every copy of {} sounds is selected: none will be left.")
        parts.append(counted(without_copy, one, many))
    if only_damaged:
        one = tr("Only a damaged copy of one sound will be left.")
        many = tr("Only damaged copies of {} sounds will be left.")
        parts.append(counted(only_damaged, one, many))
    if only_alike:
        one = tr("One of the files is not a copy: it merely sounds like others.")
        many = tr("{} of the files are not copies: they merely sound like others.")
        parts.append(counted(only_alike, one, many))
    return "\n\n".join(parts), tr("Move all") if len(parts) > 1 else tr("Move")
