"""The folders at the left: loaded as they are opened, counted, usable by keys."""

import shutil

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QToolButton

from app.gui.kit.style.palette import DARK
from app.gui.library import sources_model
from app.gui.library.overview import Overview
from app.gui.library.sources_model import COUNT, MORE, PLACE
from app.gui.library.sources_panel import SourcesPanel
from engine.store import Statistics
from engine.store.folders import tree_of
from engine.store.listing import Facets, FolderCounts
from tests.app.gui.shell.test_window import names, search


@pytest.fixture
def panel(qtbot):
    shown = SourcesPanel(DARK)
    qtbot.addWidget(shown)
    shown.resize(260, 500)
    shown.show()
    shown.show_overview(overview(5))
    return shown


def overview(count):
    facets = Facets({}, {}, {"/sfx": FolderCounts(count, 0, 0)})
    statistics = Statistics(count, count, count, 0, 0, 0, 1.0, 0)
    return Overview(statistics, facets, {}, (), "model", {})


def item_of(panel, place):
    (found,) = (i for i in panel._opened(()) if i.data(PLACE) == place)
    return found


def places(panel):
    return [i.data(PLACE) for i in panel._opened(()) if i.data(PLACE)]


TREE = tree_of(["/sfx"], {"/sfx/a": 2, "/sfx/a/deep": 1, "/sfx/b": 2})


def test_folders_below_come_when_one_is_opened(panel):
    assert places(panel) == ["/sfx"]
    panel.show_tree(TREE)
    root = item_of(panel, "/sfx")
    assert panel.model.hasChildren(root.index()) and not root.rowCount()
    panel.tree.expand(root.index())
    assert places(panel) == ["/sfx", "/sfx/a", "/sfx/b"]
    assert item_of(panel, "/sfx/a").data(COUNT) == 3
    assert not panel.model.hasChildren(item_of(panel, "/sfx/b").index())
    assert not item_of(panel, "/sfx/a").rowCount()  # which nobody has opened


def test_what_is_open_stays_open_and_counts_follow(panel):
    panel.show_tree(TREE)
    panel.tree.expand(item_of(panel, "/sfx").index())
    panel.tree.expand(item_of(panel, "/sfx/a").index())
    panel.tree.setCurrentIndex(item_of(panel, "/sfx/a/deep").index())
    panel.show_overview(overview(6))
    assert places(panel) == ["/sfx", "/sfx/a", "/sfx/a/deep", "/sfx/b"]
    assert panel.tree.currentIndex().data(PLACE) == "/sfx/a/deep"
    panel.show_tree(tree_of(["/sfx"], {"/sfx/a": 9, "/sfx/a/deep": 1, "/sfx/c": 2}))
    assert places(panel)[:2] == ["/sfx", "/sfx/a"] and "/sfx/c" in places(panel)
    assert "/sfx/b" not in places(panel) and item_of(panel, "/sfx/a").data(COUNT) == 10


def test_what_was_folded_stays_folded(panel):
    group = next(i for i in panel._opened(()) if i.data(Qt.ItemDataRole.UserRole) == "folders")
    panel.tree.collapse(group.index())
    collections = next(
        i for i in panel._opened(()) if i.data(Qt.ItemDataRole.UserRole) == "collections"
    )
    panel.tree.collapse(collections.index())
    panel.show_overview(overview(7))
    assert places(panel) == []


def test_a_folder_of_very_many_shows_some_and_more_when_asked(panel, monkeypatch):
    monkeypatch.setattr(sources_model, "AT_ONCE", 10)
    panel.show_tree(tree_of(["/sfx"], {f"/sfx/{n:03d}": 1 for n in range(25)}))
    panel.tree.expand(item_of(panel, "/sfx").index())
    assert len(places(panel)) == 11
    more = next(i for i in panel._opened(()) if i.data(MORE))
    assert more.text() == "15 more …"
    panel._on_chosen(more.index())
    assert len(places(panel)) == 21
    more = next(i for i in panel._opened(()) if i.data(MORE))
    panel._on_chosen(more.index())
    assert places(panel)[-1] == "/sfx/024" and len(places(panel)) == 26
    assert not [i for i in panel._opened(()) if i.data(MORE)]


def test_the_tree_is_walked_and_chosen_from_by_keys_and_told_to_readers(panel, qtbot):
    wanted = []
    panel.filter_wanted.connect(wanted.append)
    panel.show_tree(TREE)
    panel.tree.setFocus()
    panel.tree.setCurrentIndex(item_of(panel, "/sfx").index())
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Return):
        qtbot.keyClick(panel.tree, key)
    assert wanted == ['in:"/sfx/a"']
    said = panel.tree.currentIndex().data(Qt.ItemDataRole.AccessibleTextRole)
    assert said == "a, 3 sounds"


def test_a_folder_of_the_tree_searches_in_it_exactly(window, sounds, qtbot):
    shutil.copytree(sounds / "tones", sounds / "tones 2")
    window.indexing.index([])
    qtbot.waitUntil(lambda: window.folders.tree.counts.get(str(sounds / "tones 2")) == 6)
    window.sources.tree.expand(item_of(window.sources, str(sounds)).index())
    item = item_of(window.sources, str(sounds / "tones"))
    assert item.data(COUNT) == 6
    window.sources._on_chosen(item.index())
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 6)
    assert all("tones 2" not in window.results.results.row_at(r).sound.path for r in range(6))


def test_any_folder_is_completed(window, sounds, qtbot):
    qtbot.waitUntil(lambda: bool(window.folders.tree.counts))
    line = window.bar.text
    line.setFocus()
    qtbot.keyClicks(line, "in:ton")
    assert window.bar.completer.currentCompletion() == f"in:{sounds.name}/tones"
    window.bar.completer.activated.emit(window.bar.completer.currentCompletion())
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 6)


def test_the_folders_of_a_sound_are_searched_in_by_a_click(window, sounds, qtbot):
    search(window, qtbot, '"sound 05"')
    window.results.choose(0)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    crumbs = [b for b in window.inspector.findChildren(QToolButton) if b.objectName() == "crumb"]
    assert [b.accessibleName() for b in crumbs][-2:] == [sounds.name, "tones"]
    window.bar.clear()
    crumbs[-1].click()
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 6)
    assert window.bar.query.text == f'in:"{sounds / "tones"}"' and "Sound_05.wav" in names(window)


def test_every_item_has_a_menu(panel):
    panel.show_tree(TREE)
    panel.tree.expandAll()
    for item in panel._opened(()):
        shown = panel.tree.visualRect(item.index()).center()
        panel.tree.customContextMenuRequested.emit(shown)
        menus = [menu for menu in panel.findChildren(QMenu) if menu.isVisible()]
        assert len(menus) == 1 and menus[0].actions(), item.text()
        menus[0].close()
