"""What stands above the map: by what it is coloured, and how it is looked at."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QWidget

from app.gui.kit.buttons import IconButton
from app.gui.kit.style.palette import Colours
from app.gui.library.map.canvas import MapCanvas
from app.gui.library.map.colouring import COLOURINGS
from app.gui.library.map.legend import Legend

_ZOOM = 1.6


class MapBar(QWidget):
    """``colour_wanted`` says that points are to be coloured by :attr:`coloured_by`."""

    colour_wanted = Signal()

    def __init__(self, canvas: MapCanvas, colours: Colours) -> None:
        super().__init__()
        self._box = QComboBox()
        self._box.setAccessibleName(self.tr("Colour by"))
        self._box.setToolTip(self.tr("Colour by"))
        for name, by in COLOURINGS.items():
            self._box.addItem(by.title(), name)
        self.legend = Legend(colours)
        self.hover = QCheckBox(self.tr("Play under the pointer"))
        self.lasso = IconButton(
            "lasso", self.tr("Draw around sounds (or hold Shift)"), colours, checkable=True
        )
        zoom_in = IconButton("zoom-in", self.tr("Zoom in (+)"), colours)
        zoom_out = IconButton("zoom-out", self.tr("Zoom out (-)"), colours)
        whole = IconButton("whole", self.tr("Show all (0)"), colours)
        self._box.currentIndexChanged.connect(lambda _: self.colour_wanted.emit())
        self.lasso.toggled.connect(lambda on: setattr(canvas, "lasso_on", on))
        zoom_in.clicked.connect(lambda: canvas.zoom(_ZOOM))
        zoom_out.clicked.connect(lambda: canvas.zoom(1 / _ZOOM))
        whole.clicked.connect(lambda: canvas.set_view(canvas.view.fitted()))
        line = QHBoxLayout(self)
        line.setContentsMargins(10, 8, 10, 6)
        line.addWidget(self._box)
        line.addSpacing(8)
        line.addWidget(self.legend, 1)
        line.addWidget(self.hover)
        line.addSpacing(8)
        for button in (self.lasso, zoom_out, zoom_in, whole):
            line.addWidget(button)

    @property
    def coloured_by(self) -> str:
        """Return the name of one of :data:`COLOURINGS`."""
        return str(self._box.currentData())

    def colour_by(self, name: str) -> None:
        """Choose by what points are coloured."""
        self._box.setCurrentIndex(max(0, self._box.findData(name)))
