"""The window on a team's library, which lies on a real server."""

import pytest

from app.gui.shell.libraries import library_to_open
from app.gui.shell.open_team import OpenTeam
from app.gui.shell.running import make_settings
from tests.app.gui.shell.team_stage import Stage, team

__all__ = ["team"]


@pytest.fixture
def open_team(open_window, team: Stage, qtbot):
    """Return a function that opens a window as somebody; its model is warm."""

    def show(name: str):
        window = open_window(team.address(name))
        qtbot.waitUntil(lambda: window.context.session.is_warm)
        qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)
        return window

    return show


@pytest.fixture
def dialog(window):
    """Return the dialog that asks for an address."""
    window.actions_by_name["open_team_library"].trigger()
    (found,) = window.findChildren(OpenTeam)
    return found


def answer(qtbot, dialog: OpenTeam, address: str) -> str:
    dialog.address.setText(address)
    dialog.tries.click()
    assert not dialog.opens.isEnabled()
    qtbot.waitUntil(dialog.opens.isEnabled)
    return dialog.says.text()


@pytest.mark.parametrize("role", ["reader", "editor", "curator", "admin"])
def test_a_window_opens_on_a_server_as_on_a_file(open_team, qtbot, role):
    window = open_team(role)
    window.bar.set_text("in:tones")
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 6)
    window.results.selectRow(0)
    qtbot.waitUntil(lambda: window.player_controller.sound is not None)
    qtbot.waitUntil(lambda: not window.jobs.shown())
    assert window.status.message.property("role") != "warning", window.status.message.text()


def test_the_test_says_what_answers(dialog, team, qtbot):
    said = answer(qtbot, dialog, team.address("editor"))
    assert said == "Connected: 12 sounds, you are an editor."


def test_the_window_remembers_the_address_and_opens_it_again(dialog, window, team, qtbot):
    dialog.address.setText(team.address("editor"))
    dialog.opens.click()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert window.next_library == team.address("editor")
    assert library_to_open(make_settings()) == team.address("editor")
