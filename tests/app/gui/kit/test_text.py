"""Numbers and places as the window writes them."""

import pytest
from PySide6.QtCore import QLocale

from app.gui.kit.text import channels, number


@pytest.mark.parametrize("language", ["C", "en_US"])
def test_thousands_stand_apart_also_where_no_language_is_set(language):
    before = QLocale()
    try:
        QLocale.setDefault(QLocale(language))
        assert number(8072) == "8,072" and number(1_000_000) == "1,000,000"
    finally:
        QLocale.setDefault(before)


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "mono"), (2, "stereo"), (6, "5.1"), (8, "7.1"), (4, "4 ch"), (16, "16 ch")],
)
def test_channels_are_called_what_they_surely_are(count, said):
    assert channels(count) == said
