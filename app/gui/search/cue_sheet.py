"""The cue sheet: a different clip for every line, solved together."""

from __future__ import annotations

import csv
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QSplitter,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.numbers import NumberBox
from app.gui.kit.plain import PlainLabel
from app.gui.kit.preview import PlayPart
from app.gui.kit.tables import TextTable
from app.gui.kit.text import counted, duration, number
from engine.errors import InputError
from engine.progress import Control
from engine.search.cue_sheet import Assigned, Cue, CueAnswer, read_cue_sheet

_LOCK, _CUE, _MATCH, _CLIP, _MOMENT = range(5)


class CueSheet(QDialog):
    """Lines at the left, clips at the right; a locked line keeps its clip."""

    def __init__(self, parent: QWidget, context: Context, play_part: PlayPart) -> None:
        super().__init__(parent)
        self._context, self._hear_at = context, play_part
        self._shown: list[tuple[Cue, Assigned | None]] = []
        self.setWindowTitle(self.tr("Cue sheet"))
        fit(self, 980, 560)
        self.lines = QPlainTextEdit()
        self.lines.setPlaceholderText(self.tr("One description per line, pasted from your sheet"))
        self.lines.setAccessibleName(self.tr("Cues"))
        titles = ("", self.tr("Cue"), self.tr("Match"), self.tr("Clip"), self.tr("At"))
        self.table = TextTable(titles, wide=_CLIP, right=(_MATCH, _MOMENT))
        self.table.itemSelectionChanged.connect(self._hear)
        self.says = PlainLabel(self.tr("Tick a line to keep its clip when you solve again."))
        self.says.setProperty("role", "dim")
        self.alternates = NumberBox(1, 10, 1)
        self.alternates.setAccessibleName(self.tr("Clips per line"))
        self.solve = push_button(self.tr("Solve"), self.solve_lines, "cues", default=True)
        open_sheet = push_button(self.tr("Open a sheet …"), self._choose_sheet, "folder")
        self.save = push_button(self.tr("Save the clips …"), self._choose_target, "save")
        self.save.setEnabled(False)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.lines)
        split.addWidget(self.table)
        split.setSizes([280, 700])
        buttons = QHBoxLayout()
        buttons.addWidget(open_sheet)
        buttons.addWidget(self.says, 1)
        buttons.addWidget(PlainLabel(self.tr("Clips per line")))
        for widget in (self.alternates, self.save, self.solve):
            buttons.addWidget(widget)
        column = QVBoxLayout(self)
        column.addWidget(split, 1)
        column.addLayout(buttons)

    def cues(self) -> list[Cue]:
        """Return the lines, those that are ticked locked to their clips."""
        kept = {
            cue.text: clip.sound.path
            for row, (cue, clip) in enumerate(self._shown)
            if clip is not None and self._is_ticked(row)
        }
        lines = [" ".join(line.split()) for line in self.lines.toPlainText().splitlines()]
        return [
            Cue(number, text, kept.get(text)) for number, text in enumerate(lines, start=1) if text
        ]

    def solve_lines(self) -> None:
        """Find a different clip for every line."""
        cues = self.cues()
        if not cues:
            self.says.setText(self.tr("Write or paste one description per line first."))
            return
        session, alternates = self._context.opened, self.alternates.value()
        self.says.setText(self.tr("Solving …"))

        def work(control: Control) -> list[CueAnswer]:
            return session.cues(cues, alternates)

        self._context.jobs.start("read", work, self._show, failed=self.says.setText, newest="cues")

    def write(self, path: Path) -> None:
        """Write cues and clips as CSV, which can be opened here again."""
        partial = path.with_name(path.name + ".part")
        try:
            with partial.open("w", encoding="utf-8", newline="") as file:
                out = csv.writer(file)
                out.writerow(["cue", "locked", "strength", "start_s", "end_s"])
                for cue, clip in self._shown:
                    values = ["", "", "", ""]
                    if clip is not None:
                        numbers = (clip.strength, clip.start_s, clip.end_s)
                        values = [clip.sound.path, *(f"{value:.3f}" for value in numbers)]
                    out.writerow([cue.text, *values])
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _show(self, answers: list[CueAnswer]) -> None:
        ticked = {self._shown[r][0].text for r in range(len(self._shown)) if self._is_ticked(r)}
        self._shown = [
            (answer.cue, clip) for answer in answers for clip in (answer.assigned or (None,))
        ]
        rows = []
        for cue, clip in self._shown:
            if clip is None:
                rows.append(("", cue.text, "", self.tr("nothing here sounds like that"), ""))
            else:
                name = Path(clip.sound.path).name
                moment = f"{duration(clip.start_s)}–{duration(clip.end_s)}"
                rows.append(("", cue.text, f"{clip.strength:.2f}", name, moment))
        self.table.fill(rows)
        for row, (cue, clip) in enumerate(self._shown):
            tick = QTableWidgetItem()
            tick.setFlags(tick.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            on = clip is not None and cue.text in ticked
            tick.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.table.setItem(row, _LOCK, tick)
        empty = sum(not answer.assigned for answer in answers)
        one, many = self.tr("one of {} lines has a clip"), self.tr("{} of {} lines have a clip")
        self.says.setText(counted(len(answers) - empty, one, many, number(len(answers))))
        self.save.setEnabled(True)

    def _is_ticked(self, row: int) -> bool:
        item = self.table.item(row, _LOCK)
        return item is not None and item.checkState() == Qt.CheckState.Checked

    def _hear(self) -> None:
        row = self.table.currentRow()
        if 0 <= row < len(self._shown):
            clip = self._shown[row][1]
            if clip is not None:
                self._hear_at(clip.sound, clip.start_s, clip.end_s)

    def _choose_sheet(self) -> None:
        title = self.tr("Open a cue sheet")
        name, _ = QFileDialog.getOpenFileName(self, title, "", self.tr("Sheets (*.csv *.txt)"))
        if not name:
            return
        try:
            cues = read_cue_sheet(Path(name))
        except InputError as error:
            self.says.setText(str(error))
            return
        self.lines.setPlainText("\n".join(cue.text for cue in cues))

    def _choose_target(self) -> None:
        title = self.tr("Save the clips")
        name, _ = QFileDialog.getSaveFileName(self, title, "cues.csv", self.tr("Sheets (*.csv)"))
        if name:
            try:
                self.write(Path(name))
            except OSError as error:
                self.says.setText(self.tr("{} cannot be written: {}").format(name, error.strerror))
