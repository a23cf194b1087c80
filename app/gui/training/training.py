"""Train on my library: the trainer as a child process, its events as curves and a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QProcess
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.context import Context
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel, menu_text
from app.gui.kit.tables import TextTable
from app.gui.kit.text import roughly_left
from app.gui.training.curve import Curve
from engine.children import command
from engine.log import log_end, logger
from engine.models.spec import read_spec

_PATIENCE_MS = 5000
_KEPT = 1 << 14  # bytes of what the trainer wrote to standard error
_log = logger(__name__)
UseModel = Callable[[str, Callable[[str], None]], None]  # by name; says what that means


class Training(QDialog):
    """Starts ``python -m trainer --from-library`` and reads its JSON lines."""

    def __init__(self, parent: QWidget, context: Context, use_model: UseModel) -> None:
        super().__init__(parent)
        self._context, self._use_model = context, use_model
        self._outcome: dict[str, Any] | None = None
        self._problem = ""
        self._wrote = b""
        self._stopping = False
        self._base_shown = PlainLabel()
        self.setWindowTitle(self.tr("Train on my library"))
        self.resize(640, 560)
        self.process = QProcess(self)
        self.process.readyReadStandardOutput.connect(self._read)
        self.process.readyReadStandardError.connect(self._read_problem)
        self.process.finished.connect(self._ended)
        self.name = QLineEdit("personal")
        self.text_tower = QCheckBox(self.tr("also the text tower (slower)"))
        self.says = PlainLabel(
            self.tr(
                "The model learns from the names, tags and descriptions of your sounds; "
                "nothing has to be indexed again. The library stays as it is until you "
                "adopt the result."
            )
        )
        self.says.setWordWrap(True)
        self.loss = Curve(self.tr("loss"), context.colours)
        self.recall = Curve(self.tr("held-out mAP@10 during training"), context.colours)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.table = TextTable((self.tr("Figure"), "", self.tr("trained")), wide=0)
        self.start = QPushButton(self.tr("Train"))
        self.start.setDefault(True)
        self.start.clicked.connect(self.begin)
        self.stop = QPushButton(self.tr("Stop"))
        self.stop.clicked.connect(self._stop)
        self.adopt = QPushButton(self.tr("Adopt"))
        self.adopt.clicked.connect(self._adopt)
        self.back = QPushButton()
        self.back.clicked.connect(lambda: self._use(str(self._base)))
        self._lay_out()
        self.follow_model()
        self._show_state(running=False)
        self.finished.connect(lambda _: self._stop())

    def follow_model(self) -> None:
        """Start from the library's model, which may be another one now, unless one was made."""
        if self._outcome is not None or self.process.state() != QProcess.ProcessState.NotRunning:
            return
        self._base = self._context.opened.model_folder
        name = read_spec(self._base).name
        self._base_shown.setText(name)
        self.table.setHorizontalHeaderLabels([self.tr("Figure"), name, self.tr("trained")])
        self.back.setText(menu_text(self.tr("Go back to {}").format(name)))

    def begin(self) -> None:
        """Start the trainer on this library."""
        self.loss.clear()
        self.recall.clear()
        self.table.fill([])
        self._outcome, self._problem, self._wrote, self._stopping = None, "", b"", False
        self._show_state(running=True)
        library = self._context.library_path
        program, *arguments = command("trainer", "--from-library", "--library", str(library))
        arguments += ["--name", self.name.text().strip() or "personal"]
        if self.text_tower.isChecked():
            arguments.append("--text-tower")
        self.says.setText(self.tr("Training …"))
        self.process.start(program, arguments)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow(self.tr("Base model"), self._base_shown)
        form.addRow(self.tr("Name of the new model"), self.name)
        form.addRow(self.tr("Train"), self.text_tower)
        curves = QHBoxLayout()
        curves.addWidget(self.loss)
        curves.addWidget(self.recall)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.back, self.adopt, self.stop, self.start):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.says)
        column.addWidget(self.bar)
        column.addLayout(curves, 1)
        column.addWidget(self.table, 1)
        column.addLayout(buttons)

    def _show_state(self, running: bool) -> None:
        self.start.setEnabled(not running)
        self.stop.setEnabled(running)
        self.name.setEnabled(not running)
        self.text_tower.setEnabled(not running)
        self.bar.setVisible(running)
        self.bar.setRange(0, 0)
        made = bool(self._outcome and self._outcome["model"])
        self.adopt.setEnabled(made and not running)
        self.back.setEnabled(made and not running)

    def _read(self) -> None:
        while self.process.canReadLine():
            line = bytes(self.process.readLine().data()).decode("utf-8", "replace")
            try:
                event = json.loads(line)
            except ValueError:
                continue
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "progress":
            total = event["total"] or 0
            self.bar.setRange(0, total)
            self.bar.setValue(event["done"])
            self.says.setText(self._stage(event))
        elif kind == "loss":
            self.loss.add(float(event.get("step", len(self.loss.points))), float(event["loss"]))
        elif kind == "way":
            self.recall.add(float(event["way"]), float(event["map10"]))
            self.recall.points.sort()
        elif kind == "personal":
            self._outcome = event

    def _read_problem(self) -> None:
        wrote = bytes(self.process.readAllStandardError().data())
        self._wrote = (self._wrote + wrote)[-_KEPT:]
        text = wrote.decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.startswith("error: ")]
        if lines:
            self._problem = lines[-1].removeprefix("error: ")

    def _ended(self) -> None:
        self._read()
        self._read_problem()
        if self._outcome is not None:
            self._show_outcome(self._outcome)
        elif self._stopping:
            self.says.setText(self.tr("Stopped; start again to resume."))
        else:
            if not self._problem:
                log_end(_log, "the trainer", self.process.exitCode(), self._wrote)
            self.says.setText(self._problem or self.tr("The trainer ended without a result."))
        self._show_state(running=False)

    def _stage(self, event: dict[str, Any]) -> str:
        """Return what is being done, and how long everything still takes."""
        named = self.tr("{} …").format(event["stage"].capitalize())
        left_s = event.get("left_s")
        return named if left_s is None else f"{named} {roughly_left(float(left_s))}"

    def _show_outcome(self, outcome: dict[str, Any]) -> None:
        rows = []
        for title, key in (
            (self.tr("names found first"), "r1"),
            (self.tr("names found in the top ten"), "r10"),
            (self.tr("names, mAP@10"), "map10"),
            (self.tr("reference sounds matched as before"), "agreement"),
        ):
            before, after = outcome["before"][key], outcome["after"][key]
            if before is not None:
                rows.append((title, f"{before:.3f}", f"{after:.3f}"))
        self.table.fill(rows)
        if outcome["model"]:
            self.says.setText(f"{self._gained(outcome)}\n{self._known_in_general(outcome)}")
        else:
            self.says.setText(self.tr("No new model was made: {}.").format(outcome["kept"]))

    def _gained(self, outcome: dict[str, Any]) -> str:
        before, after = outcome["before"], outcome["after"]
        names = outcome["names"]
        said = self.tr(
            "Found first: {} of {} names, {} before (measured on {} sounds that were not "
            "used for training)."
        ).format(
            round(after["r1"] * names), names, round(before["r1"] * names), outcome["held_out"]
        )
        if after["map10"] > before["map10"]:
            return said
        doubt = self.tr(
            "These sounds do not confirm the gain seen on other held-out sounds: compare "
            "before you keep it."
        )
        return f"{said} {doubt}"

    def _known_in_general(self, outcome: dict[str, Any]) -> str:
        agreement = outcome["after"]["agreement"]
        if agreement is None:
            return self.tr(
                "Sounds in general: not measured, because the base model has no reference sounds."
            )
        return self.tr(
            "Sounds in general: as before ({} % of reference sounds are matched as they were)."
        ).format(round(100 * agreement))

    def _stop(self) -> None:
        self._stopping = True
        if self.process.state() != QProcess.ProcessState.NotRunning:
            self.process.terminate()
            if not self.process.waitForFinished(_PATIENCE_MS):
                self.process.kill()

    def _adopt(self) -> None:
        if self._outcome and self._outcome["model"]:
            self._use(Path(self._outcome["model"]).name)

    def _use(self, name: str) -> None:
        self._use_model(name, belongs_to(self, self.says.setText))
