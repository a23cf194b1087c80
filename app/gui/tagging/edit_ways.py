"""What is to be done to the texts of many sounds: a field, a way, and what it needs."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLineEdit,
    QStackedWidget,
    QWidget,
)

from app.gui.kit.plain import tip
from engine.metadata.edits import (
    FIELDS,
    IN_TEMPLATES,
    Edit,
    EditKeywords,
    FillTemplate,
    ReplaceText,
    SetText,
)
from engine.metadata.ucs_names import categories

_ANY_CASE, _ANYWHERE = Qt.CaseSensitivity.CaseInsensitive, Qt.MatchFlag.MatchContains
_WAYS = ("set", "replace", "template", "words")


class EditWays(QWidget):
    """Chooses an edit; ``changed`` tells that it may be another one."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.field = QComboBox()
        self.field.setAccessibleName(self.tr("Field"))
        titles = (self.tr("Description"), self.tr("Keywords"), self.tr("Category"), "FXName")
        for name, title in zip(FIELDS, titles, strict=True):
            self.field.addItem(title, name)
        self.way = QComboBox()
        self.way.setAccessibleName(self.tr("What to do"))
        self.text = self._line(self.tr("New text"), self.tr("new text; empty removes it"))
        self.sought = self._line(self.tr("Find"), self.tr("find"))
        self.by = self._line(self.tr("Replace with"), self.tr("replace with"))
        self.case = QCheckBox(self.tr("Match case"))
        self.words = QCheckBox(self.tr("Whole words"))
        self.template = self._line(self.tr("Template"), "{category}: {fxname}[, {tags}]")
        self.template.setToolTip(
            tip(
                self.tr("Fields: {}; a part in [brackets] is left out where its field is empty")
            ).format(" ".join(f"{{{name}}}" for name in IN_TEMPLATES))
        )
        self.add = self._line(self.tr("Add keywords"), self.tr("add: rain, wet"))
        self.remove = self._line(self.tr("Remove keywords"), self.tr("remove: zoom"))
        self._stack = QStackedWidget()
        for page in (
            (self.text,),
            (self.sought, self.by, self.case, self.words),
            (self.template,),
            (self.add, self.remove),
        ):
            self._stack.addWidget(_row(page))
        self._stack.setFixedHeight(self.text.sizeHint().height())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.field)
        row.addWidget(self.way)
        row.addWidget(self._stack, 1)
        self._wire()

    def edits(self) -> list[Edit]:
        """Return what is chosen; nothing while too little of it is written."""
        field, way = str(self.field.currentData()), self.way.currentData()
        if way == "words":
            adding, removing = self.add.text().strip(), self.remove.text().strip()
            kept = tuple(filter(None, (adding,))), tuple(filter(None, (removing,)))
            return [EditKeywords(*kept)] if adding or removing else []
        if way == "replace":
            case, words = self.case.isChecked(), self.words.isChecked()
            found = ReplaceText(field, self.sought.text(), self.by.text(), case, words)
            return [found] if found.find else []
        if way == "template":
            return [FillTemplate(field, self.template.text())] if self.template.text() else []
        if not self.text.text() and not self.text.isModified():
            return []
        return [SetText(field, self.text.text())]

    def choose(self, field: str, way: str) -> None:
        """Choose a field and a way."""
        self.field.setCurrentIndex(FIELDS.index(field))
        self.way.setCurrentIndex(self.way.findData(way))

    def _wire(self) -> None:
        self.field.currentIndexChanged.connect(lambda _: self._offer_ways())
        self.way.currentIndexChanged.connect(lambda _: self._show_way())
        for line in (self.text, self.sought, self.by, self.template, self.add, self.remove):
            line.textEdited.connect(lambda _: self.changed.emit())
        for box in (self.case, self.words):
            box.toggled.connect(lambda _: self.changed.emit())
        self._offer_ways()

    def _offer_ways(self) -> None:
        titles = {
            "set": self.tr("Set to"),
            "replace": self.tr("Find and replace"),
            "template": self.tr("Fill a template"),
            "words": self.tr("Add and remove"),
        }
        field, chosen = self.field.currentData(), self.way.currentData()
        offered = [way for way in _WAYS if way != "words" or field == "keywords"]
        self.way.blockSignals(True)
        self.way.clear()
        for way in offered[::-1] if field == "keywords" else offered:
            self.way.addItem(titles[way], way)
        if chosen in offered and field != "keywords":
            self.way.setCurrentIndex(self.way.findData(chosen))
        self.way.blockSignals(False)
        completer = None
        if field == "category":
            completer = QCompleter(sorted(c.id for c in categories().values()), self.text)
            completer.setCaseSensitivity(_ANY_CASE)
            completer.setFilterMode(_ANYWHERE)
            completer.activated.connect(lambda _: self.changed.emit())
        self.text.setCompleter(completer)  # type: ignore[arg-type]  # None takes it away
        self._show_way()

    def _show_way(self) -> None:
        self._stack.setCurrentIndex(_WAYS.index(str(self.way.currentData())))
        self.changed.emit()

    def _line(self, title: str, hint: str) -> QLineEdit:
        line = QLineEdit()
        line.setAccessibleName(title)
        line.setPlaceholderText(hint)
        return line


def _row(widgets: tuple[QWidget, ...]) -> QWidget:
    page = QWidget()
    row = QHBoxLayout(page)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QLineEdit) else 0)
    return page
