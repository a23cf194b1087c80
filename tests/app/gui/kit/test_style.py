"""The style sheet's pictures are ours, there, and seen."""

import re

import numpy as np
import pytest
from PySide6.QtCore import QFile, QSize
from PySide6.QtGui import QFont, QImage
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QWidget,
)

from app.gui.kit.buttons import push_button
from app.gui.kit.dialogs import fit
from app.gui.kit.numbers import NumberBox
from app.gui.kit.style.apply import apply_theme
from app.gui.kit.style.fonts import with_even_figures
from app.gui.kit.style.palette import colours_of
from app.gui.kit.style.sheet import BUTTON_ICONS, style_sheet

THEMES = pytest.mark.parametrize("theme", ["light", "dark"])


def seen(widget, scale=1.0):
    """Return what a widget looks like, (height, width, 3)."""
    widget.ensurePolished()
    widget.resize(widget.sizeHint())
    picture = QImage(widget.size() * scale, QImage.Format.Format_RGB888)
    picture.setDevicePixelRatio(scale)
    picture.fill("#808080")
    widget.render(picture)
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), -1)
    return rows[:, : 3 * picture.width()].reshape(picture.height(), picture.width(), 3).astype(int)


def away(colour, picture):
    """Return how far pixels are from a colour, of 255."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return np.abs(picture - wanted).max(axis=2)


def pixels_of(colour, picture):
    """Return how many pixels have nearly a colour."""
    return int((away(colour, picture) < 24).sum())


@THEMES
def test_every_picture_of_the_style_sheet_is_there_and_has_its_colour(qapp, theme):
    sheet = style_sheet(colours_of(theme))
    addresses = set(re.findall(r'url\("([^"]+)"\)', sheet))
    assert len(addresses) > len(BUTTON_ICONS)
    for address in addresses:
        file = QFile(address)
        assert file.open(QFile.OpenModeFlag.ReadOnly), address
        drawn = bytes(file.readAll().data()).decode()
        assert "#" + address[-10:-4] in drawn and "currentColor" not in drawn


@THEMES
@pytest.mark.parametrize("kind", [QCheckBox, QRadioButton])
def test_what_is_checked_bears_a_mark_also_where_it_is_disabled(qtbot, theme, kind):
    colours = apply_theme(None, theme)
    box = kind()
    qtbot.addWidget(box)
    box.setChecked(True)
    box.setFixedSize(QSize(24, 24))
    once, twice = seen(box), seen(box, 2.0)
    assert pixels_of(colours.on_accent, once) > 4 and pixels_of(colours.on_accent, twice) > 8
    enlarged = once.repeat(2, axis=0).repeat(2, axis=1)
    marked = (enlarged != twice).any(axis=2)[16:32, 8:24]
    assert marked.mean() > 0.1, "it is drawn anew for a finer screen, not enlarged"
    box.setEnabled(False)
    disabled = seen(box)
    assert pixels_of(colours.accent, disabled) == 0 and pixels_of(colours.dim, disabled) > 4


@THEMES
def test_a_number_has_arrows_and_one_that_leads_nowhere_is_faint(qtbot, theme):
    colours = apply_theme(None, theme)
    box = NumberBox(0, 9, 5, " %")
    qtbot.addWidget(box)

    def arrows():
        right = seen(box)[:, -18:-3]
        half = right.shape[0] // 2
        drawn = away(colours.raised, right) > 60
        return int(drawn[2:half].sum()), int(drawn[half:-2].sum())

    assert min(arrows()) >= 3
    box.setValue(0)
    up, down = arrows()
    assert up >= 3 and down < up


def test_buttons_are_as_wide_as_their_words_and_icon(qtbot):
    apply_theme(None, "dark")
    dialog = QDialog()
    qtbot.addWidget(dialog)
    plain, iconic = push_button("Move", dialog.close), push_button("Move", dialog.close, "trash")
    for button in (plain, iconic):
        button.setParent(dialog)
        button.ensurePolished()
    assert iconic.sizeHint().width() >= plain.sizeHint().width() + 16
    assert iconic.sizeHint().height() == plain.sizeHint().height()
    assert not plain.autoDefault() and not plain.isDefault()


@THEMES
def test_an_icon_has_the_colour_of_the_words_beside_it(qtbot, theme):
    colours = apply_theme(None, theme)
    dialog = QDialog()
    qtbot.addWidget(dialog)
    button = push_button("", dialog.close, "stop", default=True)
    button.setParent(dialog)
    assert pixels_of(colours.on_accent, seen(button)) > 40
    button.setDefault(False)
    assert pixels_of(colours.text, seen(button)) > 40
    button.setEnabled(False)
    disabled = seen(button)
    assert pixels_of(colours.text, disabled) == 0
    assert (away(colours.window, disabled) > 40).sum() > 40


def test_a_dialog_is_as_wide_as_its_title_and_no_larger_than_its_window(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(900, 560)
    small = QDialog(window)
    small.setWindowTitle("Keys like those of another program, and of a third one")
    fit(small)
    words = small.fontMetrics().horizontalAdvance(small.windowTitle())
    assert small.minimumWidth() > words
    large = QDialog(window)
    fit(large, 1080, 700)
    assert (large.width(), large.height()) == (900, 560)


def test_fields_and_buttons_are_equally_high(qtbot):
    apply_theme(None, "light")
    widgets = [NumberBox(0, 9, 5), QPushButton("Choose")]
    for widget in widgets:
        qtbot.addWidget(widget)
        widget.ensurePolished()
    assert len({widget.sizeHint().height() for widget in widgets}) == 1


def test_figures_stand_below_one_another_where_the_font_can():
    font = with_even_figures(QFont())
    assert font.featureValue(QFont.Tag("tnum")) == 1


def test_other_fields_for_numbers_have_arrows_too(qtbot):
    colours = apply_theme(None, "dark")
    box = QSpinBox()
    qtbot.addWidget(box)
    box.setValue(5)
    assert (away(colours.raised, seen(box)[2:-2, -18:-3]) > 60).sum() >= 6
