"""The one style sheet, filled with a palette's colours."""

from __future__ import annotations

from string import Template

from app.gui.kit.style.palette import Colours, names_of

_SHEET = Template(
    """
* { outline: none; }
QMainWindow, QDialog, QWidget#body { background: $window; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 3px; }
QFrame#panel, QWidget#panel { background: $panel; border: 0; }
QLabel { background: transparent; }
QLabel[role="title"] { font-weight: 600; }
QLabel[role="heading"] {
  color: $dim; font-weight: 600; margin: 8px 0 2px 0; qproperty-indent: 0;
}
QLabel[role="dim"] { color: $dim; }
QLabel[role="warning"] { color: $warning; }
QSplitter::handle { background: $line; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }

QFrame#search { background: $raised; border: 1px solid $line; border-radius: 6px; }
QFrame#search[focused="true"] { border-color: $accent; }
QFrame#search[drop="true"] { border: 1px dashed $accent; background: $match; }
QFrame#search QLineEdit { background: transparent; border: 0; padding: 4px; font-size: 15px; }
QFrame#chip { background: $window; border: 1px solid $line; border-radius: 10px; }
QFrame#chip:focus { border-color: $accent; }
QFrame#chip[sound="true"] { border-color: $accent; }
QFrame#chip QToolButton { padding: 0; border-radius: 7px; }

QLineEdit, QPlainTextEdit, QSpinBox, QComboBox {
  background: $raised; border: 1px solid $line; border-radius: 4px; padding: 3px 6px;
  selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit:focus, QPlainTextEdit:focus, QSpinBox:focus, QComboBox:focus { border-color: $accent; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $line; }
QToolButton { border: 0; border-radius: 4px; padding: 4px; background: transparent; color: $text; }
QToolButton:hover { background: $line; }
QToolButton:focus { background: $line; }
QToolButton:checked { background: $selected; }
QToolButton::menu-indicator { image: none; }
QPushButton {
  background: $raised; border: 1px solid $line; border-radius: 4px; padding: 5px 14px;
}
QPushButton:hover { border-color: $dim; }
QPushButton:focus { border-color: $accent; }
QPushButton:default { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton:disabled { color: $dim; background: $window; border-color: $line; }

QTableView, QTreeView, QListView, QTreeWidget, QListWidget, QTableWidget {
  background: $panel; border: 0; selection-background-color: $selected; selection-color: $text;
  gridline-color: transparent;
}
QTreeView::item, QListView::item { padding: 3px 4px; border-radius: 3px; }
QTreeView::item:hover, QListView::item:hover { background: $raised; }
QTreeView::item:selected, QListView::item:selected { background: $selected; color: $text; }
QHeaderView { background: $panel; border: 0; }
QHeaderView::section {
  background: $panel; color: $dim; border: 0; border-bottom: 1px solid $line; padding: 4px 6px;
}
QHeaderView::section:hover { color: $text; }
QTableCornerButton::section { background: $panel; border: 0; }

QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $line; border-radius: 4px; margin: 1px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $dim; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {
  background: transparent; width: 0; height: 0;
}
QScrollArea { border: 0; background: transparent; }
QStatusBar { background: $window; color: $dim; border-top: 1px solid $line; }
QStatusBar::item { border: 0; }
QProgressBar {
  background: $line; border: 0; border-radius: 3px; max-height: 6px; min-height: 6px;
}
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QSlider::groove:horizontal { height: 4px; background: $line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal {
  background: $text; width: 10px; height: 10px; margin: -3px 0; border-radius: 5px;
}
QSlider::handle:horizontal:focus { background: $accent; }
QMenu { background: $raised; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 4px 22px; border-radius: 3px; }
QMenu::item:selected { background: $selected; }
QMenu::item:disabled { color: $dim; }
QMenu::separator { height: 1px; background: $line; margin: 4px 6px; }
QTabWidget::pane { border: 0; }
QTabBar::tab { background: transparent; color: $dim; padding: 6px 10px; border: 0; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:focus { color: $accent; }
QCheckBox::indicator, QTableView::indicator {
  width: 12px; height: 12px; border: 1px solid $dim; border-radius: 3px; background: $raised;
}
QCheckBox::indicator:checked, QTableView::indicator:checked {
  background: $accent; border-color: $accent;
}
QTableWidget::item { padding: 0 4px; }
QSpinBox::up-button, QSpinBox::down-button { width: 0; border: 0; }
QCheckBox, QRadioButton { background: transparent; spacing: 6px; }
QCheckBox:focus, QRadioButton:focus { color: $accent; }
"""
)


def style_sheet(colours: Colours) -> str:
    """Return the style sheet in these colours."""
    return _SHEET.substitute(names_of(colours))
