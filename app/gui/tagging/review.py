"""The review of tags: suggested by the model, decided on by keyboard, then written or renamed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QInputDialog,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.jobs import belongs_to
from app.gui.kit.keys import (
    ACCEPT_TAG,
    HEAR_TAG,
    REJECT_TAG,
    REPLACE_TAG,
    dialog_keys,
    key_name,
)
from app.gui.kit.plain import PlainLabel
from app.gui.kit.preview import Preview
from app.gui.kit.prompts import Prompts
from app.gui.kit.text import counted, number, tr
from app.gui.tagging.questions import of_taking_back
from app.gui.tagging.suggest_bar import SuggestBar, percent_box
from app.gui.tagging.tagging import Suggested, Tagging, describe_undone
from app.gui.tagging.tags_model import ShownTag, TagsModel
from app.gui.tagging.tags_table import TagsTable
from engine.progress import Control
from engine.store.tags import TagRow, tag_rows
from engine.tags.review import sure_tags

if TYPE_CHECKING:
    from engine.tags.restoring import Undone
    from engine.tags.run import LatestRun


class ReviewTags(QDialog):
    """Suggestions for some sounds; A accepts, X rejects, E replaces, Space plays, Ctrl+Z undoes."""

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        tagging: Tagging,
        prompts: Prompts,
        preview: Preview,
    ) -> None:
        super().__init__(parent)
        self._context, self._tagging = context, tagging
        self._prompts, self._preview = prompts, preview
        self._ids: list[int] = []
        self.setWindowTitle(self.tr("Tags"))
        fit(self, 980, 600)
        self.bar = SuggestBar(context.settings)
        self.bar.wanted.connect(self.suggest)
        self.says = self.bar.says
        self.model = TagsModel()
        self.table = TagsTable(self.model, context)
        self.sure = percent_box(50, self.tr("Lowest probability to accept"))
        self.keys = PlainLabel()
        self.keys.setProperty("role", "dim")
        column = QVBoxLayout(self)
        column.addWidget(self.bar)
        column.addWidget(self.table, 1)
        column.addWidget(self.keys)
        self._wire(column)

    def _wire(self, column: QVBoxLayout) -> None:
        """Connect keys, and add the buttons that do the same and more."""
        table = self.table
        table.accept_wanted.connect(self.accept_chosen)
        table.reject_wanted.connect(self.reject_chosen)
        table.edit_wanted.connect(self.edit_chosen)
        table.hear_wanted.connect(self.hear)
        table.undo_wanted.connect(self.undo)
        deciding, writing = QHBoxLayout(), QHBoxLayout()
        for row, picture, title, does in (
            (deciding, "accept", self.tr("Accept"), self.accept_chosen),
            (deciding, "close", self.tr("Reject"), self.reject_chosen),
            (deciding, "edit", self.tr("Replace …"), self.edit_chosen),
            (deciding, "undo", self.tr("Undo"), self.undo),
            (deciding, "", self.tr("Accept all from"), self.accept_sure),
            (writing, "write", self.tr("Write into the files …"), self.write),
            (writing, "rename", self.tr("Rename the files …"), self.rename),
            (writing, "undo", self.tr("Undo the last run"), self.take_back),
            (writing, "", self.tr("Close"), self.close),
        ):
            if does in (self.accept_sure, self.close):
                row.addStretch(1)
            row.addWidget(push_button(title, does, picture))
        deciding.addWidget(self.sure)
        column.addLayout(deciding)
        column.addLayout(writing)

    # What it is about

    def look_at(self, ids: Collection[int]) -> None:
        """Review these sounds."""
        self._ids = sorted(ids)
        self.keys.setText(_told_keys(self._context.settings.now.keys))
        self.says.setText(_sounds(self._ids))
        self._tagging.pending(self._ids, belongs_to(self, self._show_pending))

    def suggest(self) -> None:
        """Suggest tags for the sounds."""
        self.bar.start.setEnabled(False)
        one, many = self.tr("Looking at one sound …"), self.tr("Looking at {} sounds …")
        self.says.setText(counted(len(self._ids), one, many))
        self._tagging.suggest(
            self._ids, self.bar.taxonomy, self.bar.rules(), self._show_suggested, self._failed
        )

    # Decisions

    def accept_chosen(self) -> None:
        """Accept the chosen tags."""
        self._tagging.accept(self.table.chosen(), self._decided)
        self.table.go_on()

    def reject_chosen(self) -> None:
        """Reject the chosen tags."""
        self._tagging.reject(self.table.chosen(), self._decided)
        self.table.go_on()

    def edit_chosen(self) -> None:
        """Ask for another label for the chosen tags."""
        pairs = self.table.chosen()
        if not pairs:
            return
        one, many = self.tr("Tag one sound instead with:"), self.tr("Tag {} sounds instead with:")
        ask = counted(len(pairs), one, many)
        label, given = QInputDialog.getText(self, self.tr("Replace the tag"), ask, text=pairs[0][1])
        label = " ".join(label.split())
        if given and label:
            self._tagging.edit(pairs, label, self._decided)

    def accept_sure(self) -> None:
        """Accept all open tags that are likely enough, of UCS categories one for each sound."""
        pairs = sure_tags([row.tag for row in self.model.rows], self.sure.value() / 100)
        if pairs:
            self._tagging.accept(pairs, self._decided)

    def undo(self) -> None:
        """Take the latest decision back."""
        self._tagging.undo(belongs_to(self, lambda _: self._look_again()))

    def hear(self) -> None:
        """Play the part that the tag was said of, or stop."""
        row = self.table.current
        if row is None:
            return
        if self._preview.playing:
            self._preview.stop()
            return
        start = row.tag.start_s or 0.0
        self._preview.play_part(row.sound, start, row.tag.end_s or row.sound.duration_s)

    # Files

    def write(self) -> None:
        """Show what would be written into the files."""
        from app.gui.tagging.writing import WriteTags

        WriteTags(self, self._context, self._tagging, self._ids).open()

    def rename(self) -> None:
        """Show how the files would be renamed."""
        from app.gui.tagging.renaming import RenameFiles

        RenameFiles(self, self._context, self._tagging, self._ids).open()

    def take_back(self) -> None:
        """Ask, and undo the latest run that changed files."""
        library = self._context.opened.library

        def ask(run: LatestRun | None) -> None:
            if run is None:
                self.says.setText(self.tr("There is nothing to undo."))
            elif self._prompts.confirm(of_taking_back(run), self.tr("Undo")):
                self._tagging.take_back(self._taken_back, self.says.setText)

        def work(control: Control) -> LatestRun | None:
            from engine.tags.run import latest_run

            return latest_run(library)

        self._context.jobs.start("read", work, belongs_to(self, ask))

    # What happened

    def _show_pending(self, rows: Sequence[ShownTag]) -> None:
        self.model.show_rows(rows)
        self.table.choose_first()
        sounds = len({row.sound.id for row in rows})
        if rows:
            one = self.tr("one of them has suggestions waiting for you.")
            many = self.tr("{} of them have suggestions waiting for you.")
            self.says.setText(f"{_sounds(self._ids)}; {counted(sounds, one, many)}")
        else:
            said = self.tr("{}. Press Suggest to see what they could be.")
            self.says.setText(said.format(_sounds(self._ids)))

    def _show_suggested(self, found: Suggested) -> None:
        self.bar.start.setEnabled(True)
        self.model.show_rows(found.rows)
        self.table.choose_first()
        sounds = len({row.sound.id for row in found.rows})
        one = self.tr("One of {} sounds has a suggestion.")
        many = self.tr("{} of {} sounds have a suggestion.")
        self.says.setText(counted(sounds, one, many, number(found.sounds)))

    def _failed(self, said: str) -> None:
        self.bar.start.setEnabled(True)
        self.says.setText(said)

    def _decided(self, rows: list[TagRow]) -> None:
        self._update(rows)
        left = sum(row.tag.state == "suggested" for row in self.model.rows)
        one, many = self.tr("One suggestion is open."), self.tr("{} suggestions are open.")
        self.says.setText(counted(left, one, many))

    def _update(self, rows: list[TagRow]) -> None:
        self.model.update_rows(rows)

    def _look_again(self, quietly: bool = False) -> None:
        """Show what tags are now, and say how many are open unless ``quietly``."""
        library = self._context.opened.library
        ids = {row.sound.id for row in self.model.rows}

        def work(control: Control) -> list[TagRow]:
            return tag_rows(library, ids)

        self._context.jobs.start("read", work, self._update if quietly else self._decided)

    def follow_files(self) -> None:
        """Show files under the names that they have now."""
        library = self._context.opened.library
        ids = {row.sound.id for row in self.model.rows}
        self._context.jobs.start(
            "read", lambda control: library.sounds(ids), self.model.update_sounds
        )

    def _taken_back(self, undone: Undone) -> None:
        self._look_again(quietly=True)
        self.says.setText(describe_undone(undone))
        if undone.refused:
            self._prompts.inform(describe_undone(undone), [reason for _, reason in undone.refused])


def _sounds(ids: Collection[int]) -> str:
    return counted(len(ids), tr("One sound"), tr("{} sounds"))


def _told_keys(kept: Sequence[str]) -> str:
    """Return which keys decide, as a setting has them."""
    keys = dialog_keys(kept)
    told = (
        *((ACCEPT_TAG, tr("accept")), (REJECT_TAG, tr("reject"))),
        *((REPLACE_TAG, tr("replace")), (HEAR_TAG, tr("play"))),
    )
    own = [f"{key_name(keys[key.name][0])} {does}" for key, does in told if keys[key.name]]
    return " · ".join([*own, tr("Ctrl+Z undo · Ctrl+A all rows")])
