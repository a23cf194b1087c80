"""The switch of Preferences that lets other programs search, and what they need to be told."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.kit.buttons import push_button
from app.gui.kit.jobs import belongs_to
from app.gui.kit.plain import PlainLabel
from app.gui.shell.serving import Serving


class ServingBox(QWidget):
    """A switch; below it the address and a way to the token, or why there is none."""

    def __init__(self, serving: Serving) -> None:
        super().__init__()
        self._serving = serving
        self.switch = QCheckBox(self.tr("Let other programs on this computer search"))
        self.switch.setChecked(serving.is_wanted)
        self.switch.toggled.connect(serving.switch)
        self.address = PlainLabel("")
        self.address.setWordWrap(True)
        self.address.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = push_button(self.tr("Copy the token"), self._copy, "copy")
        self.copy.setToolTip(self.tr("Programs need this token to connect; keep it secret"))
        below = QHBoxLayout()
        below.addWidget(self.address, 1)
        below.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.switch)
        column.addLayout(below)
        serving.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        serving = self._serving
        self.switch.setEnabled(bool(serving.is_possible))
        if serving.is_possible is False:
            said = self.tr("To use this, install soundsift[serve]")
        elif serving.served is not None:
            said = serving.served.address
        elif serving.problem:
            said = serving.problem
        else:
            said = self.tr("Starting …") if serving.is_wanted else ""
        self.address.setText(said)
        self.copy.setVisible(serving.served is not None)
        self.address.setVisible(bool(said))
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the room for a sentence of several lines, which forms do not give by themselves."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        alone = self._serving.served is None
        needed = self.address.heightForWidth(self.width()) if alone else 0
        self.address.setMinimumHeight(max(0, needed))

    def _copy(self) -> None:
        self._serving.copy_token(belongs_to(self, self._copied))

    def _copied(self, token: str) -> None:
        QGuiApplication.clipboard().setText(token)
