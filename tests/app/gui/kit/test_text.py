"""Numbers and places as the window writes them."""

import pytest
from PySide6.QtCore import QLocale

from app.gui.kit.text import channels, channels_title, number, technical
from engine.store import SoundRow


@pytest.mark.parametrize("language", ["C", "en_US"])
def test_thousands_stand_apart_also_where_no_language_is_set(language):
    before = QLocale()
    try:
        QLocale.setDefault(QLocale(language))
        assert number(8072) == "8,072" and number(1_000_000) == "1,000,000"
    finally:
        QLocale.setDefault(before)


@pytest.mark.parametrize(
    ("count", "layout", "said"),
    [
        *((1, "", "Mono"), (2, "", "Stereo"), (4, "", "4 channels"), (6, "", "5.1")),
        *((4, "quad", "Quad"), (6, "5.1", "5.1"), (12, "7.1.4", "7.1.4")),
        *((4, "ambisonic 1", "Ambisonic, order 1"), (3, "ambisonic", "Ambisonic")),
    ],
)
def test_channels_are_called_by_their_layout_where_a_file_says_it(count, layout, said):
    assert channels_title(count, layout) == said


def test_a_layout_stands_behind_rate_and_depth():
    sound = SoundRow(1, "/a.wav", 1.0, 48000, 4, 24, "wav", missing=False, layout="ambisonic 1")
    assert technical(sound) == "48 k · 24 · ambisonic 1"


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "mono"), (2, "stereo"), (6, "5.1"), (8, "7.1"), (4, "4 ch"), (16, "16 ch")],
)
def test_channels_are_called_what_they_surely_are(count, said):
    assert channels(count) == said
