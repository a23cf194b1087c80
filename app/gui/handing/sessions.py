"""Sessions: which program sounds are sent to, and how files leave for all others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QIntValidator
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.gui.handing.addresses import address_of, target_of, with_address
from app.gui.handing.fields import FormBox, PatternEdit
from app.gui.kit.buttons import push_button
from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.jobs import belongs_to
from app.gui.kit.numbers import NumberBox
from app.gui.kit.plain import PlainLabel
from engine.handover.targets.reaper_script import install_script, scripts_folder
from engine.handover.targets.registry import TARGETS, open_target
from engine.handover.targets.target import Address
from engine.progress import Control

_PORT_PX = 70


class Sessions(QDialog):
    """Every change holds at once; ``changed`` says that files leave otherwise now."""

    changed = Signal()

    def __init__(self, parent: QWidget, context: Context, as_heard: QAction) -> None:
        super().__init__(parent)
        self._context = context
        now = context.settings.now
        self.setWindowTitle(self.tr("Sessions"))
        self.setMinimumWidth(520)
        fit(self)
        self.as_heard = QCheckBox(self.tr("As heard: with speed, direction and volume"))
        self.as_heard.setChecked(as_heard.isChecked())
        self.as_heard.clicked.connect(as_heard.trigger)
        as_heard.toggled.connect(self.as_heard.setChecked)
        self.form = FormBox(now.handover_form)
        self.form.chosen.connect(lambda form: self._keep(handover_form=form))
        self.pattern = PatternEdit(now.handover_pattern)
        self.pattern.chosen.connect(lambda pattern: self._keep(handover_pattern=pattern))
        self.handles = NumberBox(0, 60_000, now.handles_ms, self.tr(" ms"))
        self.handles.setSingleStep(250)
        self.handles.setAccessibleName(self.tr("Handles"))
        self.handles.valueChanged.connect(lambda ms: self._keep(handles_ms=ms))
        self.project = QLineEdit(now.project)
        self.project.setPlaceholderText(self.tr("what {project} stands for in names"))
        self.project.textEdited.connect(lambda text: self._keep(project=text))
        self.in_project = QCheckBox(self.tr("Keep copies with the project that is open there"))
        self.in_project.setChecked(now.spot_in_project)
        self.in_project.toggled.connect(lambda on: self._keep(spot_in_project=on))
        self.note_uses = QCheckBox(self.tr("Mark sounds as used once they have left"))
        self.note_uses.setChecked(now.note_uses)
        self.note_uses.toggled.connect(lambda on: self._keep(note_uses=on))
        self._make_target()
        form = self._form = QFormLayout()
        form.addRow(self.tr("Files leave"), self.as_heard)
        form.addRow(self.tr("Format"), self.form)
        sides = PlainLabel(self.tr("extra sound before and after a range"))
        handles = _row(self.handles, sides)
        form.addRow(self.tr("Handles"), handles)
        form.addRow(self.tr("Names"), self.pattern)
        form.addRow("", self.pattern.example)
        form.addRow(self.tr("Project"), self.project)
        form.addRow("", self.note_uses)
        form.addRow(self.tr("Send to"), self.target)
        form.addRow("", self.in_project)
        form.addRow(self.tr("Address"), self._place)
        form.addRow(self.tr("Command id"), self.action)
        form.addRow(self.tr("Folder of requests"), self._folder_row)
        buttons = QHBoxLayout()
        buttons.addWidget(self.test)
        buttons.addWidget(self.install)
        buttons.addStretch(1)
        form.addRow("", buttons)
        form.addRow("", self.says)
        close = QHBoxLayout()
        close.addStretch(1)
        close.addWidget(push_button(self.tr("Close"), self.close))
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addStretch(1)
        column.addLayout(close)
        self._show_target()

    def _make_target(self) -> None:
        """Make what says where the program is."""
        self.target = QComboBox()
        for name, kind in TARGETS.items():
            self.target.addItem(kind.title, name)
        known = target_of(self._context.settings.now)
        self.target.setCurrentIndex(self.target.findData(known))
        self.target.currentIndexChanged.connect(self._on_target)
        self.host = QLineEdit()
        self.host.setAccessibleName(self.tr("Host"))
        self.host.editingFinished.connect(self._keep_address)
        self.port = QLineEdit()
        self.port.setValidator(QIntValidator(1, 65535, self.port))
        self.port.setFixedWidth(_PORT_PX)
        self.port.setAccessibleName(self.tr("Port"))
        self.port.editingFinished.connect(self._keep_address)
        self._place = _row(self.host, self.port)
        self.action = QLineEdit()
        self.action.setPlaceholderText(self.tr("of the script, such as _RS7d3c…; may stay empty"))
        self.action.editingFinished.connect(self._keep_address)
        self.folder = PlainLabel()
        self.folder.setWordWrap(True)
        self.folder.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        choose = push_button(self.tr("Choose …"), self._choose_folder)
        self._folder_row = _row(self.folder, choose)
        self.test = push_button(self.tr("Test the connection"), self._test, "connect")
        title = self.tr("Install the script …")
        self.install = push_button(title, self._install, "download")
        self.says = PlainLabel()
        self.says.setWordWrap(True)
        self.says.setMinimumHeight(3 * self.says.fontMetrics().lineSpacing())
        self.says.setAlignment(Qt.AlignmentFlag.AlignTop)

    @property
    def _name(self) -> str:
        return str(self.target.currentData())

    def _on_target(self) -> None:
        self._keep(spot_target=self._name)
        self._show_target()

    def _show_target(self) -> None:
        """Show where the program is, and only what it has."""
        kind, address = TARGETS[self._name], address_of(self._context.settings.now, self._name)
        for widget in (self.host, self.port, self.action):
            widget.blockSignals(True)
        self.host.setText(address.host)
        self.port.setText(str(address.port))
        self.action.setText(address.action)
        for widget in (self.host, self.port, self.action):
            widget.blockSignals(False)
        self.folder.setText(str(address.folder or ""))
        self._form.setRowVisible(self._place, bool(kind.port))
        self._form.setRowVisible(self.action, kind.has_action)
        self._form.setRowVisible(self._folder_row, kind.has_folder)
        self.install.setVisible(kind.has_action or kind.has_folder)
        self.says.setText("")

    def _address(self, folder: str | None = None) -> Address:
        kept = folder if folder is not None else self.folder.text()
        return Address(
            self.host.text().strip() or Address.host,
            int(self.port.text() or 0) or TARGETS[self._name].port,
            Path(kept) if kept else None,
            self.action.text().strip(),
        )

    def _keep_address(self) -> None:
        settings = self._context.settings
        settings.keep(with_address(settings.now, self._name, self._address()))

    def _choose_folder(self) -> None:
        title = self.tr("Look for requests in")
        folder = QFileDialog.getExistingDirectory(self, title, self.folder.text())
        if folder:
            self.folder.setText(folder)
            self._keep_address()

    def _test(self) -> None:
        name, address = self._name, self._address()
        self.says.setText(self.tr("Asking …"))
        self.test.setEnabled(False)

        def ask(control: Control) -> str:
            return open_target(name, address).test()

        def answered(said: str) -> None:
            self.test.setEnabled(True)
            self.says.setText(self.tr("{} answers.").format(said))

        def failed(said: str) -> None:
            self.test.setEnabled(True)
            self.says.setText(said)

        self._context.jobs.start(
            "read", ask, belongs_to(self, answered), belongs_to(self, failed), newest="spot-test"
        )

    def _install(self) -> None:
        title = self.tr("REAPER's folder of scripts")
        into = QFileDialog.getExistingDirectory(self, title, str(scripts_folder()))
        if not into:
            return
        folder = address_of(self._context.settings.now, "reaper-folder").folder
        assert folder is not None

        def write(control: Control) -> Path:
            return install_script(Path(into), folder)

        said = self.tr("{} is installed: load and run it in REAPER's list of actions.")
        self._context.jobs.start(
            "read",
            write,
            belongs_to(self, lambda path: self.says.setText(said.format(path))),
            belongs_to(self, self.says.setText),
        )

    def _keep(self, **changes: object) -> None:
        settings = self._context.settings
        settings.keep(replace(settings.now, **changes))  # type: ignore[arg-type]
        self.changed.emit()


def _row(*widgets: QWidget) -> QWidget:
    """Return widgets side by side; the first that can grow takes the room."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    fixed = [w.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Fixed for w in widgets]
    for place, widget in enumerate(widgets):
        line.addWidget(widget, 1 if place == fixed.index(False) else 0)
    return row
