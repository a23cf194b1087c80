"""Numbers and places as the window writes them."""

import pytest

from app.gui.kit.text import channels


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "mono"), (2, "stereo"), (6, "5.1"), (8, "7.1"), (4, "4 ch"), (16, "16 ch")],
)
def test_channels_are_called_what_they_surely_are(count, said):
    assert channels(count) == said
