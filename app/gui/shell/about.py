"""About Soundsift."""

from __future__ import annotations

from importlib.metadata import version

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from app.gui.kit.context import Context
from app.gui.kit.dialogs import fit
from app.gui.kit.labels import BreakingLabel
from app.gui.kit.plain import PlainLabel
from app.gui.kit.style.icons import pixmap
from engine.children import is_bundled
from engine.log import log_file

_LEAST_PX = 440


class About(QDialog):
    """What this is, its version, and where its things are."""

    def __init__(self, parent: QWidget, context: Context) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About Soundsift"))
        column = QVBoxLayout(self)
        column.setContentsMargins(28, 20, 28, 20)
        picture = PlainLabel()
        drawn = pixmap("soundsift", "#000000", 128)
        drawn.setDevicePixelRatio(2.0)
        picture.setPixmap(drawn)
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(picture)
        title = PlainLabel(self.tr("Soundsift {}").format(version("soundsift")))
        title.setProperty("role", "title")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(title)
        where = (
            (self.tr("Library"), context.place),
            (
                self.tr("Model"),
                session.model_folder if (session := context.session) else "–",
            ),
            (self.tr("Log"), log_file()),
        )
        lines = [
            self.tr("Finds sounds by what they sound like."),
            self.tr("Everything stays on this computer."),
            self.tr("Free software under the Apache License, version 2.0."),
            *(
                [self.tr("`soundsift licences` lists the third-party work it includes.")]
                * is_bundled()
            ),
        ]
        text = PlainLabel("\n".join(lines))
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(text)
        column.addSpacing(12)
        places = QGridLayout()
        places.setHorizontalSpacing(10)
        places.setColumnStretch(1, 1)
        for row, (name, path) in enumerate(where):
            dim = PlainLabel(name)
            dim.setProperty("role", "dim")
            place = BreakingLabel(str(path))
            place.make_selectable()
            places.addWidget(dim, row, 0, Qt.AlignmentFlag.AlignTop)
            places.addWidget(place, row, 1)
        column.addLayout(places)
        self.setMinimumWidth(_LEAST_PX)
        fit(self)
