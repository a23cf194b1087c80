"""The one style sheet, filled with a palette's colours."""

from __future__ import annotations

from string import Template

from app.gui.kit.style import resources
from app.gui.kit.style.palette import Colours, names_of

_SHEET = Template(
    """
* { outline: none; }
QMainWindow, QDialog, QWidget#body { background: $window; }
QInputDialog { min-width: 340px; }
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

QFrame#notice { background: $match; border-top: 1px solid $line; }
QFrame#notice QPushButton { padding: 1px 10px; }
QFrame#bubble { background: $raised; border: 1px solid $warning; border-radius: 4px; }

QFrame#search { background: $raised; border: 1px solid $line; border-radius: 6px; }
QFrame#search[focused="true"] { border-color: $accent; }
QFrame#search[drop="true"] { border: 1px dashed $accent; background: $match; }
QFrame#search QLineEdit { background: transparent; border: 0; padding: 4px; font-size: 15px; }
QFrame#chip { background: $window; border: 1px solid $line; border-radius: 10px; }
QFrame#chip:focus { border-color: $accent; }
QFrame#chip[sound="true"] { border-color: $accent; }
QFrame#chip QToolButton { padding: 0; border-radius: 7px; }

QFrame#field { border: 1px solid transparent; border-radius: 4px; background: transparent; }
QFrame#field:hover { background: $raised; }
QFrame#field:focus { border-color: $accent; }
QFrame#field QPlainTextEdit, QFrame#field QLineEdit { padding: 0 3px; }

QLineEdit, QPlainTextEdit, QAbstractSpinBox, QComboBox {
  background: $raised; border: 1px solid $line; border-radius: 4px; padding: 3px 6px;
  selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit:focus, QPlainTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {
  border-color: $accent;
}
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {
  background: $window; color: $dim;
}
QLineEdit { lineedit-clear-button-icon: url("$close_dim"); }
QComboBox { padding-right: 22px; }
QComboBox:!editable { padding-left: 8px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $line; }
QComboBox::drop-down { width: 20px; border: 0; background: transparent; }
QComboBox::down-arrow, QAbstractSpinBox::down-arrow {
  image: url("$mark_down_dim"); width: 10px; height: 10px;
}
QAbstractSpinBox::up-arrow { image: url("$mark_up_dim"); width: 10px; height: 10px; }
QComboBox::down-arrow:hover, QAbstractSpinBox::down-arrow:hover {
  image: url("$mark_down_text");
}
QAbstractSpinBox::up-arrow:hover { image: url("$mark_up_text"); }
QComboBox::down-arrow:disabled, QAbstractSpinBox::down-arrow:disabled,
QAbstractSpinBox::down-arrow:off { image: url("$mark_down_line"); }
QAbstractSpinBox::up-arrow:disabled, QAbstractSpinBox::up-arrow:off {
  image: url("$mark_up_line");
}
QAbstractSpinBox { padding: 2px 20px 1px 6px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {
  subcontrol-origin: border; width: 20px; border: 0; background: transparent;
}
QAbstractSpinBox::up-button { subcontrol-position: top right; margin-top: 1px; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; margin-bottom: 1px; }
QToolButton { border: 0; border-radius: 4px; padding: 4px; background: transparent; color: $text; }
QToolButton:hover { background: $line; }
QToolButton:focus { background: $line; }
QToolButton:checked { background: $selected; }
QToolButton:disabled { color: $dim; }
QToolButton[role="details"]:checked { background: transparent; }
QToolButton#crumb { padding: 1px 3px; color: $dim; }
QToolButton#crumb:hover { color: $text; }
QToolButton::menu-indicator { image: none; }
QPushButton {
  background: $raised; border: 1px solid $line; border-radius: 4px; padding: 3px 14px;
  min-height: 16px;
}
QPushButton:hover { border-color: $dim; }
QPushButton:focus { border-color: $accent; }
QPushButton:default { background: $accent; color: $on_accent; border-color: $accent; }
QPushButton:disabled { color: $dim; background: $window; border-color: $line; }
$buttons

QTableView, QTreeView, QListView, QTreeWidget, QListWidget, QTableWidget {
  background: $panel; border: 0; selection-background-color: $selected; selection-color: $text;
  gridline-color: transparent;
}
QTreeView::item, QListView::item { padding: 3px 4px; border-radius: 3px; }
QTreeView::branch { background: transparent; }
QTreeView::branch:has-children:closed { image: url("$mark_right_dim"); }
QTreeView::branch:has-children:open { image: url("$mark_down_dim"); }
QTreeView::item:hover, QListView::item:hover { background: $raised; }
QTreeView::item:selected, QListView::item:selected { background: $selected; color: $text; }
QHeaderView { background: $panel; border: 0; }
QHeaderView::section {
  background: $panel; color: $dim; border: 0; border-bottom: 1px solid $line; padding: 4px 6px;
}
QHeaderView::section:hover { color: $text; }
QHeaderView::up-arrow { image: url("$mark_up_dim"); width: 8px; height: 8px; }
QHeaderView::down-arrow { image: url("$mark_down_dim"); width: 8px; height: 8px; }
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
QMenu::indicator { width: 12px; height: 12px; left: 6px; }
QMenu::indicator:checked { image: url("$mark_check_accent"); }
QMenu::indicator:checked:disabled { image: url("$mark_check_dim"); }
QMenu::right-arrow { image: url("$mark_right_dim"); width: 10px; height: 10px; right: 6px; }
QMenu::separator { height: 1px; background: $line; margin: 4px 6px; }
QTabWidget::pane { border: 0; }
QTabBar::tab { background: transparent; color: $dim; padding: 6px 10px; border: 0; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:focus { color: $accent; }
QCheckBox::indicator, QRadioButton::indicator, QAbstractItemView::indicator {
  width: 14px; height: 14px; border: 1px solid $dim; border-radius: 3px; background: $raised;
}
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $accent; }
QCheckBox::indicator:checked, QCheckBox::indicator:indeterminate,
QRadioButton::indicator:checked, QAbstractItemView::indicator:checked,
QAbstractItemView::indicator:indeterminate {
  background: $accent; border-color: $accent;
}
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked {
  image: url("$mark_check_on_accent");
}
QCheckBox::indicator:indeterminate, QAbstractItemView::indicator:indeterminate {
  image: url("$mark_partly_on_accent");
}
QRadioButton::indicator:checked { image: url("$mark_dot_on_accent"); }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {
  background: $window; border-color: $line;
}
QCheckBox::indicator:checked:disabled { image: url("$mark_check_dim"); }
QCheckBox::indicator:indeterminate:disabled { image: url("$mark_partly_dim"); }
QRadioButton::indicator:checked:disabled { image: url("$mark_dot_dim"); }
QTableWidget::item { padding: 0 4px; }
QTableWidget::item:focus, QListWidget::item:focus { border: 1px solid $accent; }
QCheckBox, QRadioButton { background: transparent; spacing: 6px; }
QCheckBox:disabled, QRadioButton:disabled { color: $dim; }
QCheckBox:focus, QRadioButton:focus { color: $accent; }
"""
)


# What the sheet has pictures of: an icon, and the colours that it is drawn in.
_MARKS = {
    "mark-check": ("on_accent", "accent", "dim"),
    "mark-partly": ("on_accent", "dim"),
    "mark-dot": ("on_accent", "dim"),
    "mark-down": ("dim", "text", "line"),
    "mark-up": ("dim", "text", "line"),
    "mark-right": ("dim",),
    "close": ("dim",),
}
# Icons of dialogs' buttons, by :func:`app.gui.kit.buttons.push_button`.
BUTTON_ICONS = (
    *("accept", "close", "collection", "connect", "copy", "cues", "download", "edit", "folder"),
    *("folder-add", "next", "play", "rename", "repair", "rescan", "save", "search", "stop"),
    *("swap", "tag", "train", "transfer", "trash", "undo", "write"),
)
# Qt makes what is disabled faint by itself.
_BUTTON_STATES = (("", "text"), (":default", "on_accent"), (":disabled", "text"))


def style_sheet(colours: Colours) -> str:
    """Return the style sheet in these colours; its pictures are registered with Qt."""
    names = names_of(colours)
    marks = {
        f"{icon}_{role}".replace("-", "_"): (icon, names[role])
        for icon, roles in _MARKS.items()
        for role in roles
    }
    buttons = {
        f'QPushButton[picture="{icon}"]{state}': (icon, names[role])
        for icon in BUTTON_ICONS
        for state, role in _BUTTON_STATES
    }
    resources.register((*marks.values(), *buttons.values()))
    rules = [f'{of} {{ icon: url("{resources.address(one)}"); }}' for of, one in buttons.items()]
    places = {name: resources.address(picture) for name, picture in marks.items()}
    return _SHEET.substitute(names, **places, buttons="\n".join(rules))
