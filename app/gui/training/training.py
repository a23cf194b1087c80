"""Train on my library: the trainer as a child process, its events in users' words."""

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
    QVBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import DetailsButton, push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel, menu_text
from app.gui.training import words
from app.gui.training.behind import Behind
from engine.children import command
from engine.log import log_end, logger
from engine.models.spec import read_spec

_WIDTH, _HEIGHT, _HEIGHT_WITH_DETAILS = 620, 220, 560
_PATIENCE_MS = 5000
_KEPT = 1 << 14  # bytes of what the trainer wrote to standard error
_log = logger(__name__)
UseModel = Callable[[str, Callable[[str], None]], None]  # by name; says what that means


class Training(QDialog):
    """Starts ``python -m trainer --from-library`` and reads its JSON lines.

    What was gained is told in a sentence; curves and figures stand behind "Details".
    """

    def __init__(self, parent: QWidget, context: Context, use_model: UseModel) -> None:
        super().__init__(parent)
        self._context, self._use_model = context, use_model
        self._outcome: dict[str, Any] | None = None
        self._problem = ""
        self._wrote = b""
        self._stopping = self._leaving = False
        self._base_shown = PlainLabel()
        self.setWindowTitle(self.tr("Train on my library"))
        fit(self, _WIDTH, _HEIGHT)
        self.process = QProcess(self)
        self.process.readyReadStandardOutput.connect(self._read)
        self.process.readyReadStandardError.connect(self._read_problem)
        self.process.finished.connect(self._ended)
        self.name = QLineEdit("personal")
        self.text_tower = QCheckBox(self.tr("Learn my words more thoroughly (takes much longer)"))
        intro = self.tr(
            "The model learns from the names, tags and descriptions of your sounds; nothing has "
            "to be indexed again. The library stays as it is until you adopt the result."
        )
        self.says = PlainLabel(intro)
        self.doubt = PlainLabel()
        self.doubt.setProperty("role", "warning")
        for label in (self.says, self.doubt):
            label.setWordWrap(True)
        self.behind = Behind(context.colours)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self._make_buttons()
        self._lay_out()
        self.follow_model()
        self._show_state(running=False)
        self.finished.connect(lambda _: self.end())

    def follow_model(self) -> None:
        """Start from the library's model, which may be another one now, unless one was made."""
        if self.is_running:
            return
        if self._outcome is not None:
            self._show_state(running=False)  # it may have been adopted
            return
        self._base = self._context.opened.model_folder
        name = read_spec(self._base).name
        self._base_shown.setText(name)
        self.behind.compare_with(name)
        self.back.setText(menu_text(self.tr("Go back to {}").format(name)))

    @property
    def is_running(self) -> bool:
        """Return whether the trainer is at work."""
        return self.process.state() != QProcess.ProcessState.NotRunning

    @property
    def arguments(self) -> list[str]:
        """Return what the trainer is started with."""
        library = self._context.place
        arguments = ["--from-library", "--library", str(library)]
        arguments += ["--name", self.name.text().strip() or "personal"]
        return [*arguments, *(["--text-tower"] if self.text_tower.isChecked() else [])]

    def go_on(self, arguments: list[str]) -> None:
        """Go on with a training of these arguments, where it was interrupted."""
        self.text_tower.setChecked("--text-tower" in arguments)
        self.name.setText(arguments[arguments.index("--name") + 1])
        self.begin()

    def show_end(self, outcome: dict[str, Any] | None, problem: str) -> None:
        """Show what a training came to that went on in the background."""
        self._outcome, self._problem, self._stopping = outcome, problem, False
        self._conclude()

    def done(self, result: int) -> None:
        """Close; a training that runs goes on, and can be looked at again."""
        if self.is_running and not self._leaving:
            self.hide()
            self._context.say(self.tr("Training goes on; open it again to see how far it is."))
        else:
            super().done(result)

    def end(self) -> None:
        """Stop, because the window closes; what is done so far is kept."""
        self._leaving = True
        self._stop()

    def begin(self) -> None:
        """Start the trainer on this library."""
        self.behind.clear()
        self.doubt.setText("")
        self._outcome, self._problem, self._wrote, self._stopping = None, "", b"", False
        self._show_state(running=True)
        program, *arguments = command("trainer", *self.arguments)
        self.says.setText(self.tr("Getting ready …"))
        self.process.start(program, arguments)

    def _make_buttons(self) -> None:
        self.start = push_button(self.tr("Train"), self.begin, "train", default=True)
        self.stop = push_button(self.tr("Stop"), self._stop, "stop")
        self.adopt = push_button(self.tr("Adopt"), self._adopt, "accept")
        self.back = push_button("", lambda: self._use(str(self._base)), "undo")
        self.leave = push_button(self.tr("Close"), self.close)
        self.details = DetailsButton(self.tr("Details"), self._context.colours)
        self.details.toggled.connect(self.behind.setVisible)
        self.details.toggled.connect(
            lambda on: fit(self, self.width(), _HEIGHT_WITH_DETAILS if on else _HEIGHT)
        )

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow(self.tr("Base model"), self._base_shown)
        form.addRow(self.tr("Name of the new model"), self.name)
        form.addRow("", self.text_tower)
        buttons = QHBoxLayout()
        buttons.addWidget(self.details)
        buttons.addStretch(1)
        for button in (self.back, self.leave, self.stop, self.start, self.adopt):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addSpacing(8)
        column.addWidget(self.says)
        column.addWidget(self.doubt)
        column.addWidget(self.bar)
        column.addWidget(self.behind, 1)
        column.addStretch()
        column.addLayout(buttons)

    def _show_state(self, running: bool) -> None:
        """Show what can be done now; one button is what Return presses."""
        model = str((self._outcome or {}).get("model") or "") if not running else ""
        made = bool(model)
        adopted = made and Path(model).name == self._context.opened.model_folder.name
        self.name.setEnabled(not running)
        self.text_tower.setEnabled(not running)
        self.bar.setVisible(running)
        self.bar.setRange(0, 0)
        for button, on in (
            (self.start, not running),
            (self.stop, running),
            (self.adopt, made and not adopted),
            (self.back, adopted),
        ):
            button.setVisible(on)
            button.setEnabled(on)
        self.start.setText(self.tr("Train again") if made else self.tr("Train"))
        self.start.setDefault(not made)
        self.adopt.setDefault(made and not adopted)
        self.doubt.setVisible(bool(self.doubt.text()))
        self.details.setEnabled(running or self._outcome is not None)

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
            self.says.setText(words.doing(event))
        elif kind == "loss":
            loss = self.behind.loss
            loss.add(float(event.get("step", len(loss.points))), float(event["loss"]))
        elif kind == "way":
            self.behind.recall.add(float(event["way"]), float(event["map10"]))
            self.behind.recall.points.sort()
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
        self._conclude()

    def _conclude(self) -> None:
        if self._outcome is not None:
            self._show_outcome(self._outcome)
        elif self._stopping:
            self.says.setText(self.tr("Stopped; start again to resume."))
        else:
            if not self._problem:
                log_end(_log, "the trainer", self.process.exitCode(), self._wrote)
            self.says.setText(self._problem or self.tr("The trainer ended without a result."))
        self._show_state(running=False)

    def _show_outcome(self, outcome: dict[str, Any]) -> None:
        self.behind.show_outcome(outcome)
        if outcome["model"]:
            self.says.setText(words.gained(outcome))
            self.doubt.setText(words.doubt(outcome))
        else:
            self.says.setText(self.tr("No new model was made: {}.").format(outcome["kept"]))
            self.doubt.setText("")

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
