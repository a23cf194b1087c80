"""By which labels, and how, tags are suggested."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.numbers import NumberBox
from app.gui.kit.plain import PlainLabel
from app.gui.kit.settings import SettingsFile
from app.gui.kit.text import tr

if TYPE_CHECKING:
    from engine.tags.suggest import Rules


class SuggestBar(QWidget):
    """A list of labels, options, a sentence, and the button that begins."""

    wanted = Signal()

    def __init__(self, settings: SettingsFile) -> None:
        super().__init__()
        self._settings = settings
        self.labels = QComboBox()
        self.labels.setAccessibleName(self.tr("Labels"))
        self.labels.addItem(self.tr("UCS categories"), "ucs")
        self.labels.addItem(self.tr("AudioSet classes"), "audioset")
        own = settings.now.labels
        if own and Path(own).is_file():
            self.labels.addItem(Path(own).name, own)
        self.labels.addItem(self.tr("A list of my own …"), "")
        self.labels.activated.connect(self._choose_own)
        self.folder = QCheckBox(self.tr("as one folder"))
        self.folder.setToolTip(
            self.tr("Consider all sounds together, so that no one label dominates")
        )
        self.folder.setChecked(True)
        self.words = QCheckBox(self.tr("use names"))
        self.words.setToolTip(self.tr("Use words in file names and headers as well as the sound"))
        self.words.setChecked(True)
        self.least = percent_box(30, self.tr("Lowest probability to suggest"))
        self.says = PlainLabel()
        self.says.setWordWrap(True)
        self.start = push_button(self.tr("Suggest"), self.wanted.emit, "tag", default=True)
        self.start.setToolTip(self.tr("Tags that you accepted are examples for the others"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.labels, self.folder, self.words):
            row.addWidget(widget)
        row.addWidget(PlainLabel(self.tr("from")))
        row.addWidget(self.least)
        row.addWidget(self.says, 1)
        row.addWidget(self.start)

    @property
    def taxonomy(self) -> str:
        """Return the list of labels that is chosen."""
        return str(self.labels.currentData())

    def rules(self) -> Rules:
        """Return how to suggest."""
        from engine.tags.suggest import Rules

        return Rules(
            least=self.least.value() / 100,
            folder=self.folder.isChecked(),
            words=self.words.isChecked(),
        )

    def _choose_own(self) -> None:
        if self.taxonomy:
            return
        title, kinds = self.tr("A list of labels"), self.tr("Lists (*.csv *.txt)")
        name, _ = QFileDialog.getOpenFileName(self, title, "", kinds)
        if name:
            self._settings.keep(replace(self._settings.now, labels=name))
            self.labels.insertItem(self.labels.count() - 1, Path(name).name, name)
            self.labels.setCurrentIndex(self.labels.count() - 2)
        else:
            self.labels.setCurrentIndex(0)


def percent_box(value: int, name: str) -> NumberBox:
    """Return a box for a probability in per cent."""
    box = NumberBox(1, 99, value, tr(" %"))
    box.setAccessibleName(name)
    box.setToolTip(name)
    return box
