"""Copies of many sounds in a folder, converted and named, with progress and a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import shiboken6
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from app.gui.handing.fields import FormBox, PatternEdit
from app.gui.handing.uses import Uses
from app.gui.kit.buttons import push_button, set_picture
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.files import open_folder
from app.gui.kit.jobs import Job
from app.gui.kit.plain import PlainLabel
from app.gui.kit.tables import TextTable
from app.gui.kit.text import counted, number
from engine.arrays import Integers
from engine.errors import InputError
from engine.handover.forms import parse_form
from engine.handover.order import AS_IT_IS, Rendering
from engine.handover.transfer import Transfer, Transferred, transfer
from engine.handover.used import project_of
from engine.progress import Control
from engine.search.export import sounds_of
from engine.search.grammar import parse

_POLL_MS = 100
_FAILED_PX = 160  # of the list of what was not copied


@dataclass(frozen=True)
class Choice:
    """Sounds that can be transferred: their ids, or the collection that holds them."""

    title: str
    ids: Sequence[int] | Integers = ()
    collection: str = ""


class TransferSounds(QDialog):
    """Choose what, where to, as what and named how; then watch, stop, go on, read what failed.

    ``rendering`` gives how sounds are heard now; ``uses`` is told which were copied.
    """

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        choices: Sequence[Choice],
        rendering: Callable[[], Rendering],
        uses: Uses,
    ) -> None:
        super().__init__(parent)
        self._context, self._rendering, self._uses = context, rendering, uses
        self._job: Job | None = None
        now = context.settings.now
        self.setWindowTitle(self.tr("Transfer"))
        fit(self, 620, 300)
        self.what = QComboBox()
        self.offer(choices)
        self.folder = QLineEdit(now.transfer_folder)
        self.folder.setAccessibleName(self.tr("Folder"))
        self.folder.textChanged.connect(self._allow)
        choose = push_button(self.tr("Choose …"), self._choose)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(choose)
        self.form = FormBox(now.transfer_form)
        self.pattern = PatternEdit(now.transfer_pattern)
        self.project = QLineEdit(now.project)
        self.project.setPlaceholderText(self.tr("what {project} stands for in names"))
        treatment = rendering().treatment
        self.as_heard = QCheckBox(self.tr("as heard now: {}").format(treatment))
        self.as_heard.setVisible(bool(treatment))
        form = QFormLayout()
        form.addRow(self.tr("Copy"), self.what)
        form.addRow(self.tr("Into"), place)
        form.addRow(self.tr("Format"), self.form)
        form.addRow(self.tr("Names"), self.pattern)
        form.addRow("", self.pattern.example)
        if treatment:
            form.addRow(self.tr("Sound"), self.as_heard)
        form.addRow(self.tr("Project"), self.project)
        self._make_below()
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.says)
        column.addWidget(self.table, 1)
        column.addStretch()
        column.addWidget(self.bar)
        column.addLayout(self._buttons)
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._show_progress)
        self._allow()

    def _make_below(self) -> None:
        self.says = PlainLabel(
            self.tr("Nothing is overwritten. A transfer that was stopped goes on where it was.")
        )
        self.says.setWordWrap(True)
        self.says.setProperty("role", "dim")
        self.table = TextTable((self.tr("Not copied"), self.tr("Why")), wide=1)
        self.table.setMinimumHeight(_FAILED_PX)
        self.table.hide()  # until there is something in it
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.show_folder = push_button(
            self.tr("Show"), lambda: open_folder(Path(self.folder.text())), "folder"
        )
        self.show_folder.setEnabled(False)
        title = self.tr("Transfer")
        self.go = push_button(title, self._start_or_stop, "transfer", default=True)
        close = push_button(self.tr("Close"), self.close)
        self._buttons = QHBoxLayout()
        self._buttons.addWidget(self.show_folder)
        self._buttons.addStretch(1)
        self._buttons.addWidget(close)
        self._buttons.addWidget(self.go)

    def offer(self, choices: Sequence[Choice], collection: str = "") -> None:
        """Offer these sounds, one of the collections first if it is named."""
        self.what.clear()
        for choice in choices:
            self.what.addItem(choice.title, choice)
        names = [choice.collection for choice in choices]
        if collection in names:
            self.what.setCurrentIndex(names.index(collection))

    def done(self, result: int) -> None:
        """Stop what runs, and close; what was copied stays."""
        if self._job is not None:
            self._job.cancel()
        super().done(result)

    def _choose(self) -> None:
        title = self.tr("Copy into")
        folder = QFileDialog.getExistingDirectory(self, title, self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _allow(self) -> None:
        if self._job is None:
            self.go.setEnabled(bool(self.folder.text().strip()) and self.what.count() > 0)

    def _start_or_stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self.go.setEnabled(False)
            return
        try:
            wanted = self._wanted()
        except InputError as error:
            self.says.setText(str(error))
            return
        choice: Choice = self.what.currentData()
        library, uses = self._context.opened.library, self._uses
        copied: list[int] = []

        def work(control: Control) -> Transferred:
            query = parse(f'coll:"{choice.collection}"') if choice.collection else None
            ids = sounds_of(library, query) if query is not None else [int(i) for i in choice.ids]
            return transfer(library, ids, wanted, control, copied.append)

        def then(show: Callable[..., None]) -> Callable[..., None]:
            """Return what notes the uses, even if this dialog is no longer there to show them."""

            def ended(*given: object) -> None:
                uses.note(copied, str(wanted.folder), lambda: project_of(wanted.folder))
                if shiboken6.isValid(self):
                    show(*given)

            return ended

        self.table.hide()
        self.says.setText(self.tr("Copying …"))
        self.go.setText(self.tr("Stop"))
        set_picture(self.go, "stop")
        self.bar.setRange(0, 0)
        self.bar.show()
        self._job = self._context.jobs.start(
            "read",
            work,
            then(self._on_done),
            then(self._on_failed),
            title=self.tr("Transferring"),
            stopped=then(self._on_stopped),
            lasts=True,
        )
        self._timer.start()

    def _wanted(self) -> Transfer:
        """Return what is asked for, and remember it.

        :raises InputError: it makes no sense.
        """
        form = parse_form(self.form.form)
        settings, pattern = self._context.settings, self.pattern.pattern
        changes = {
            "transfer_folder": self.folder.text().strip(),
            "transfer_form": str(form),
            "transfer_pattern": self.pattern.text().strip(),
            "project": self.project.text().strip(),
        }
        settings.keep(replace(settings.now, **changes))  # type: ignore[arg-type]
        rendering = self._rendering() if self.as_heard.isChecked() else AS_IT_IS
        folder = Path(settings.now.transfer_folder).expanduser().absolute()
        return Transfer(folder, form, pattern, rendering, project=settings.now.project)

    def _show_progress(self) -> None:
        progress = self._job.progress if self._job is not None else None
        if progress is not None and progress.total:
            self.bar.setRange(0, progress.total)
            self.bar.setValue(progress.done)
            said = self.tr("{} of {} copied").format(number(progress.done), number(progress.total))
            self.says.setText(said)

    def _on_done(self, done: Transferred) -> None:
        self._end()
        one, many = self.tr("One sound is in the folder"), self.tr("{} sounds are in the folder")
        said = [counted(len(done.files), one, many)]
        if done.already:
            said.append(self.tr("{} were there before").format(number(done.already)))
        if done.failed:
            said.append(self.tr("{} could not be copied:").format(number(len(done.failed))))
        self.says.setText(", ".join(said) + ("" if done.failed else "."))
        self.table.fill([(Path(path).name, why) for path, why in done.failed])
        self.table.setVisible(bool(done.failed))
        self.show_folder.setEnabled(bool(done.files))

    def _on_failed(self, said: str) -> None:
        self._end()
        self.says.setText(said)

    def _on_stopped(self) -> None:
        self._end()
        self.says.setText(self.tr("Stopped: what was copied stays. Transfer again to go on."))

    def _end(self) -> None:
        self._job = None
        self._timer.stop()
        self.bar.hide()
        self.go.setText(self.tr("Transfer"))
        set_picture(self.go, "transfer")
        self._allow()
