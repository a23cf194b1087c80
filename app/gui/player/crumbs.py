"""The folders that a sound lies in, one after another: each can be searched in."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.gui.kit.chips import FlowLayout
from app.gui.kit.labels import ElidedButton
from app.gui.kit.plain import tip
from engine.plain_text import one_line

_MOST = 4  # of the innermost folders


class Crumbs(QWidget):
    """Folders as buttons, the outermost first; ``wanted`` gives the path of one."""

    wanted = Signal(str)

    def __init__(self, path: str) -> None:
        super().__init__()
        flow = FlowLayout(self, spacing=0)
        folders = [folder for folder in PurePath(path).parents if folder.name]
        for place, folder in enumerate(reversed(folders[:_MOST])):
            before = "› " if place else "… › " if len(folders) > _MOST else ""
            button = ElidedButton(before + one_line(folder.name))
            button.setAccessibleName(folder.name)
            button.setObjectName("crumb")
            button.setToolTip(tip(self.tr("Search in {}").format(folder)))
            button.setEnabled('"' not in str(folder))  # which no filter can say
            button.clicked.connect(lambda _=False, chosen=str(folder): self.wanted.emit(chosen))
            flow.addWidget(button)
