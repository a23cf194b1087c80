"""A list of results without a window."""

import pytest

from app.gui.kit.style.palette import DARK
from app.gui.search.results_model import ResultsModel
from app.gui.search.results_view import ResultsView


@pytest.fixture
def view(qtbot):
    shown = ResultsView(ResultsModel(), DARK)
    qtbot.addWidget(shown)
    shown.resize(900, 400)
    shown.show()
    return shown
