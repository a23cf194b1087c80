"""The window on a team's library, which lies on a real server."""

import shutil
import threading

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QHelpEvent, QStandardItem
from PySide6.QtWidgets import QApplication, QMenu, QPushButton, QToolTip

from app.gui.kit.style.apply import apply_theme
from app.gui.library import others
from app.gui.library.sources_model import COLLECTION
from app.gui.library.sources_panel import SEARCH
from app.gui.shell.libraries import library_to_open
from app.gui.shell.open_team import OpenTeam
from app.gui.shell.running import make_settings, take_down
from app.gui.shell.window import MainWindow
from engine.errors import LibraryError
from engine.store import Library
from engine.store.claims import enlist
from engine.store.collections import collections
from engine.store.saved_searches import saved_searches
from engine.store.server import connected, login_of
from engine.store.tags import accepted_tags
from engine.store.team import add
from tests.app.gui.shell.team_stage import Stage, team
from tests.postgres import running

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


def item_of(window: MainWindow, role: int, name: str) -> QStandardItem:
    model = window.sources.model
    recursive = Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive
    (index,) = model.match(model.index(0, 0), role, name, -1, recursive)
    return model.itemFromIndex(index)


def shown_menu(window: MainWindow, role: int, name: str) -> QMenu:
    tree = window.sources.tree
    index = item_of(window, role, name).index()
    tree.scrollTo(index)
    before = set(window.sources.findChildren(QMenu))
    tree.customContextMenuRequested.emit(tree.visualRect(index).center())
    (menu,) = set(window.sources.findChildren(QMenu)) - before
    menu.close()
    return menu


def menu_of(window: MainWindow, role: int, name: str) -> list[str]:
    return [action.text() for action in shown_menu(window, role, name).actions()]


def choose(window: MainWindow, role: int, name: str, entry: str) -> None:
    (action,) = [a for a in shown_menu(window, role, name).actions() if a.text() == entry]
    action.trigger()


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


def test_a_password_goes_into_the_keyring(dialog, team, qtbot, held_passwords):
    team.server.make_secretive("right")
    add(team.url, "secretive", "reader")
    address = team.server.address(team.database, "secretive")
    assert "lets nobody in" in answer(qtbot, dialog, address)
    dialog.password.setText("right")
    assert answer(qtbot, dialog, address) == "Connected: 12 sounds, you are a reader."
    assert held_passwords == {login_of(address): "right"}
    dialog.password.clear()
    assert answer(qtbot, dialog, address) == "Connected: 12 sounds, you are a reader."


def test_the_window_remembers_the_address_and_opens_it_again(dialog, window, team, qtbot):
    dialog.address.setText(team.address("editor"))
    dialog.opens.click()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert window.next_library == team.address("editor")
    assert library_to_open(make_settings()) == team.address("editor")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("somewhere", "Somewhere is no address of a server"),
        ("postgresql://mia@/sounds?host=/nowhere", "cannot be reached: check its address"),
        ("postgresql://stranger@{at}", "The server lets nobody in as you are named"),
        ("postgresql://mia@/not_there?host={host}&port=5432", "lets nobody in"),
        ("postgresql://postgres@/not_there?host={host}&port=5432", "There is no database at"),
        ("postgresql://mia:secret@{at}", "The address of the library holds a password"),
    ],
)
def test_the_test_says_in_a_sentence_what_is_wrong(dialog, team, qtbot, address, said):
    at = team.address("editor").partition("@")[2]
    told = answer(qtbot, dialog, address.format(at=at, host=team.server.folder))
    assert said in told and "secret" not in told and dialog.isVisible()
    assert dialog.says.property("role") == "warning"


def test_the_test_tells_of_a_database_without_a_library_and_of_a_newer_one(dialog, team, qtbot):
    empty = team.server.address(team.server.new_database())
    assert "no library in it yet" in answer(qtbot, dialog, empty)
    with connected(team.url) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "newer Soundsift" in answer(qtbot, dialog, team.address("editor"))


def test_nothing_more_is_heard_of_a_test_that_was_stopped(dialog, monkeypatch, qtbot):
    asked, may_answer = threading.Event(), threading.Event()

    def wait(address: str) -> None:
        asked.set()
        may_answer.wait(30)
        raise LibraryError("too late")

    monkeypatch.setattr("app.gui.shell.open_team.try_address", wait)
    dialog.address.setText("postgresql://a@b/c")
    dialog.tries.click()
    qtbot.waitUntil(asked.is_set)
    assert not dialog.opens.isEnabled() and dialog.stops.isVisible()  # and the window is alive
    dialog.stops.click()
    assert dialog.opens.isEnabled() and dialog.says.text() == ""
    may_answer.set()
    qtbot.wait(50)
    assert dialog.says.text() == ""


def tip_over(menu: QMenu, action: QAction) -> str:
    point = menu.actionGeometry(action).center()
    QApplication.sendEvent(menu, QHelpEvent(QEvent.Type.ToolTip, point, menu.mapToGlobal(point)))
    return QToolTip.text() if QToolTip.isVisible() else ""


def test_what_one_may_not_is_disabled_and_says_why(open_team):
    window = open_team("reader")
    actions = window.actions_by_name
    (menu,) = (m for m in window.menuBar().findChildren(QMenu) if actions["repair"] in m.actions())
    menu.popup(window.rect().center())
    assert not tip_over(menu, actions["cues"])  # its title says it all
    assert "backups" in tip_over(menu, actions["repair"])
    menu.close()
    assert actions["similar"].isEnabled() and actions["export"].isEnabled()
    for name, role in (("collect", "editor"), ("stars_3", "editor"), ("add", "curator")):
        assert not actions[name].isEnabled()
        assert actions[name].toolTip() == f"This takes the role {role}; here you are reader"
    assert not actions["repair"].isEnabled() and "backups" in actions["repair"].toolTip()
    assert not actions["train"].isEnabled()


def test_an_editor_tags_and_keeps_what_others_do_not_see_until_it_is_shared(open_team, team, qtbot):
    window = open_team("editor")
    (first, *_) = (int(i) for i in window.results.results.ids)
    window.tagging.accept([(first, "Rain")])
    window.library_controller.collect("Doors", [first])
    window.library_controller.save_search("Short", "dur:<1s")
    overview = lambda: window.library_controller.overview  # noqa: E731
    qtbot.waitUntil(lambda: "Doors" in overview().collections and "Short" in overview().searches)
    assert menu_of(window, COLLECTION, "Doors")[-1] == "Share with the team"
    with Library(team.address("mia")) as theirs:
        assert accepted_tags(theirs, [first]) == {first: ["Rain"]}
        assert not collections(theirs) and not saved_searches(theirs)
        choose(window, COLLECTION, "Doors", "Share with the team")
        qtbot.waitUntil(lambda: overview().collection_owners["Doors"].is_shared)
        choose(window, SEARCH, "Short", "Share with the team")
        qtbot.waitUntil(lambda: overview().search_owners["Short"].is_shared)
        assert collections(theirs) == {"Doors": 1} and saved_searches(theirs) == {
            "Short": "dur:<1s"
        }
        assert menu_of(window, COLLECTION, "Doors")[-1] == "Keep to myself"
        assert item_of(window, COLLECTION, "Doors").toolTip() == "yours, shared with the team"
    other = open_team("mia")
    assert "shared with the team" in item_of(other, COLLECTION, "Doors").toolTip()
    assert "Keep to myself" not in menu_of(other, COLLECTION, "Doors")


def test_the_status_bar_names_the_library_and_leads_to_who_is_here(open_team, team, qtbot):
    window = open_team("reader")
    assert window.status.team.isVisible() and window.status.team.text() == team.database
    with Library(team.address("mia")) as theirs:
        assert theirs.folders()
        window.status.team.click()
        dialog = window.commands.dialogs.opened["team"]
        qtbot.waitUntil(lambda: dialog.people.rowCount() == len(team.people))
        here = {
            dialog.people.item(row, 0).text(): dialog.people.item(row, 2).text()
            for row in range(dialog.people.rowCount())
        }
    assert here[team.people["mia"]] and here[team.people["reader"]]
    assert not here[team.people["curator"]]
    assert f"You are {team.people['reader']}, reader." in dialog.says.text()


def test_a_curator_indexes_from_the_window(open_team, sounds, qtbot):
    window = open_team("curator")
    shutil.copy(sounds / "tones" / "Sound_01.wav", sounds / "tones" / "New.wav")
    window.actions_by_name["rescan"].trigger()
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 13)


def test_workers_of_the_library_are_listed(open_team, team, qtbot):
    window = open_team("reader")
    with Library(team.address("curator")) as theirs:
        enlist(theirs, "studio-2", 60.0)
        window.actions_by_name["team"].trigger()
        dialog = window.commands.dialogs.opened["team"]
        qtbot.waitUntil(lambda: dialog.workers.rowCount() == 1)
        assert dialog.workers.item(0, 0).text() == "studio-2"


def test_a_server_that_goes_is_told_of_nothing_is_changed_and_it_goes_on_when_it_is_back(
    open_team, team, qtbot
):
    window = open_team("editor")
    team.server.run(f"ALTER DATABASE {team.database} ALLOW_CONNECTIONS false")
    end_connections(team, "editor")
    window.others.look()
    qtbot.waitUntil(lambda: window.context.offline is not None)
    assert window.notice.isVisible() and window.notice.says.text().startswith("Offline since ")
    assert not window.actions_by_name["stars_3"].isEnabled()
    assert "does not answer" in window.actions_by_name["stars_3"].toolTip()
    assert "does not answer" in window.status.team.toolTip()
    team.server.run(f"ALTER DATABASE {team.database} ALLOW_CONNECTIONS true")
    window.notice.button.click()
    qtbot.waitUntil(lambda: window.context.offline is None)
    assert not window.notice.isVisible() and window.actions_by_name["stars_3"].isEnabled()
    assert "Connected" in window.status.team.toolTip()


def end_connections(team: Stage, name: str) -> None:
    team.server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE usename = '{team.people[name]}'"
    )


@pytest.mark.parametrize("upgraded", [True, False])
def test_a_server_that_answers_and_refuses_is_not_called_offline(open_team, team, qtbot, upgraded):
    window = open_team("editor")
    schema = "UPDATE alembic_version SET version_num = '{}'"
    with connected(team.url) as connection:
        before = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        if upgraded:
            connection.exec_driver_sql(schema.format("9999"))
    if not upgraded:
        team.server.run(f"ALTER ROLE {team.people['editor']} NOLOGIN")
        end_connections(team, "editor")
    why = "newer Soundsift (its schema is 9999): update Soundsift" if upgraded else "lets nobody in"
    qtbot.waitUntil(lambda: why in window.notice.says.text())
    assert window.notice.says.text().startswith("Nothing can be changed, and you see")
    stars = window.actions_by_name["stars_3"]
    assert not stars.isEnabled() and why in stars.toolTip()
    assert "does not answer" not in stars.toolTip() and why in window.status.team.toolTip()
    team.server.run(f"ALTER ROLE {team.people['editor']} LOGIN")
    with connected(team.url) as connection:
        connection.exec_driver_sql(schema.format(before))
    qtbot.waitUntil(stars.isEnabled)


def test_a_role_that_is_changed_counts_in_an_open_window(open_team, team, qtbot, monkeypatch):
    monkeypatch.setattr(others, "_ROLE_S", 0.0)
    window = open_team("editor")
    actions, person = window.actions_by_name, team.people["editor"]
    assert actions["stars_3"].isEnabled() and not actions["add"].isEnabled()
    add(team.url, person, "curator")
    qtbot.waitUntil(actions["add"].isEnabled)
    assert window.welcome.add.isEnabled()
    add(team.url, person, "reader")
    qtbot.waitUntil(lambda: not actions["stars_3"].isEnabled())
    assert actions["stars_3"].toolTip() == "This takes the role editor; here you are reader"
    assert not actions["add"].isEnabled() and not window.welcome.add.isEnabled()


def test_a_window_whose_server_is_stopped_lives_on_and_closes(
    server, open_window, library_path, qtbot
):
    with running() as own:
        window = open_window(Stage(own, library_path).address("curator"))
        qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)
        own.stop()
        window.others.look()
        qtbot.waitUntil(lambda: window.context.offline is not None)
        (first, *_) = (int(i) for i in window.results.results.ids)
        window.marking.set_stars([first], 3)
        qtbot.waitUntil(lambda: "the server of" in window.status.message.text())
        assert window.results.results.rowCount() == 12
        window.close()
        assert not window.isVisible()


def test_a_window_opens_without_its_server_and_opens_it_when_it_answers(
    qtbot, outputs, settings, team
):
    name = team.people["editor"]
    team.server.run(f"ALTER ROLE {name} NOLOGIN")
    window = MainWindow(team.address("editor"), settings, apply_theme(None, "dark"), outputs)
    try:
        window.show()
        qtbot.waitUntil(lambda: "lets nobody in" in window.empty.hint.text())
        buttons = {b.text(): b for b in window.empty.findChildren(QPushButton)}
        assert list(buttons) == ["Try again", "Open team library …", "Open another library …"]
        window.actions_by_name["collect"].trigger()
        assert "lets nobody in" in window.status.message.text()
        team.server.run(f"ALTER ROLE {name} LOGIN")
        buttons["Try again"].click()
        qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)
    finally:
        window.close()
        take_down(window)
