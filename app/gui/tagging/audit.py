"""Names that seem wrong: heard, compared, and exchanged where that helps."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.kit.preview import PlayPart
from app.gui.kit.tables import TextTable
from app.gui.kit.text import counted, number
from app.gui.tagging.tagging import Tagging, describe_undone
from engine.metadata.moves import Move
from engine.metadata.renaming import Rename
from engine.progress import Control
from engine.store import SoundRow
from engine.store.places import sound_at
from engine.tags.restoring import Undone

if TYPE_CHECKING:
    from engine.tags.audit import Audit, Doubt


class AuditNames(QDialog):
    """Files of a folder that sound like what another one is called."""

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        tagging: Tagging,
        play_part: PlayPart,
        ids: Collection[int],
    ) -> None:
        super().__init__(parent)
        self._context, self._tagging, self._hear_at = context, tagging, play_part
        self._doubts: list[Doubt] = []
        self.setWindowTitle(self.tr("Names that seem wrong"))
        fit(self, 860, 480)
        self.says = PlainLabel(self.tr("Comparing names with sounds …"))
        self.says.setWordWrap(True)
        titles = (
            *(self.tr("Strength"), self.tr("File"), self.tr("Sounds like"), self.tr("Swap with")),
        )
        self.table = TextTable(titles, wide=1, right=(0,))
        self.table.itemSelectionChanged.connect(self._on_chosen)
        self.table.cellDoubleClicked.connect(lambda *_: self.hear())
        self.swap = push_button(self.tr("Swap the two names"), self._swap, "swap")
        self._play = push_button(self.tr("Play"), self.hear, "play")
        back = push_button(
            self.tr("Undo the last run"),
            lambda: tagging.take_back(self._taken_back, self.says.setText),
            "undo",
        )
        close = push_button(self.tr("Close"), self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self.says, 1)
        for button in (self._play, self.swap, back, close):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)
        self._on_chosen()
        self._job = tagging.audit(ids, self._show, self.says.setText)
        self.finished.connect(lambda _: self._job.cancel())

    def hear(self) -> None:
        """Play the file."""
        doubt = self._chosen
        if doubt is None:
            return
        library, path = self._context.opened.library, doubt.path

        def look(control: Control) -> SoundRow | None:
            sound_id = sound_at(library, path)
            return library.sounds([sound_id]).get(sound_id) if sound_id is not None else None

        def found(sound: SoundRow | None) -> None:
            if sound is not None:
                self._hear_at(sound, 0.0, sound.duration_s)

        self._context.jobs.start("read", look, belongs_to(self, found), newest="hear a doubt")

    def _show(self, found: Audit) -> None:
        self._doubts = list(found.doubts)
        self.table.fill(
            [
                (
                    f"{doubt.strength:.0%}",
                    Path(doubt.path).name,
                    doubt.sounds_like,
                    Path(doubt.swap_with).name if doubt.swap_with else "",
                )
                for doubt in self._doubts
            ]
        )
        one, many = self.tr("One of {} names seems wrong."), self.tr("{} of {} names seem wrong.")
        said = counted(len(self._doubts), one, many, number(found.sounds))
        if found.unnamed:
            one = self.tr("One more has a name that says nothing.")
            many = self.tr("{} more have names that say nothing.")
            said += " " + counted(found.unnamed, one, many)
        self.says.setText(said)

    @property
    def _chosen(self) -> Doubt | None:
        row = self.table.currentRow()
        return self._doubts[row] if 0 <= row < len(self._doubts) else None

    def _on_chosen(self) -> None:
        doubt = self._chosen
        self._play.setEnabled(doubt is not None)
        self.swap.setEnabled(doubt is not None and doubt.swap_with is not None)

    def _swap(self) -> None:
        doubt = self._chosen
        if doubt is None or doubt.swap_with is None:
            return
        one, other = Path(doubt.path), Path(doubt.swap_with)
        plans = [
            Rename(str(one), str(one.with_name(other.stem + one.suffix))),
            Rename(str(other), str(other.with_name(one.stem + other.suffix))),
        ]
        self.swap.setEnabled(False)
        self._tagging.rename(plans, self._swapped, self.says.setText)

    def _swapped(self, moves: list[Move]) -> None:
        gone = {old for old, _ in moves}
        kept = [doubt for doubt in self._doubts if doubt.path not in gone]
        for row in range(len(self._doubts) - 1, -1, -1):
            if self._doubts[row].path in gone:
                self.table.removeRow(row)
        self._doubts = kept
        self.says.setText(self.tr("The two files have each other's names."))

    def _taken_back(self, undone: Undone) -> None:
        self.says.setText(describe_undone(undone))
