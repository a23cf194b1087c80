"""The map on the real window: made, heard, chosen from, kept up to date."""

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt

from app.gui.kit.style.apply import apply_theme
from app.index_process import map_apart
from engine.index.build import index_folders
from engine.progress import Cancelled, Control
from engine.search.library_map.kept import read_map


@pytest.fixture
def shown(window, qtbot):
    """Return the window of the map, once the map is there."""
    window.actions_by_name["map"].trigger()
    dialog = window.commands.dialogs.opened["map"]
    qtbot.waitUntil(lambda: len(dialog.canvas.cloud.ids) == 12)
    qtbot.waitUntil(lambda: dialog.canvas.frames.is_there)
    return dialog


def test_a_child_process_makes_the_map(window, library_path, model_folder):
    map_apart(library_path, model_folder, Control())
    assert len(read_map(window.context.opened.library).ids) == 12


def test_a_child_process_can_be_stopped(library_path, model_folder):
    with pytest.raises(Cancelled):
        map_apart(library_path, model_folder, Control(cancel=lambda: True))


def test_opening_the_map_makes_it_and_opening_it_again_does_not(window, shown, qtbot):
    kept = read_map(window.context.opened.library)
    assert sorted(shown.canvas.cloud.ids.tolist()) == kept.ids.tolist()
    shown.close()
    qtbot.waitUntil(lambda: "map" not in window.commands.dialogs.opened)
    window.actions_by_name["map"].trigger()
    again = window.commands.dialogs.opened["map"]
    qtbot.waitUntil(lambda: len(again.canvas.cloud.ids) == 12)
    qtbot.waitUntil(lambda: not window.jobs.is_running("map making"))
    assert (read_map(window.context.opened.library).places == kept.places).all()


def test_new_sounds_come_onto_the_map_while_it_is_open(window, shown, sounds, model_folder, qtbot):
    before = read_map(window.context.opened.library)
    soundfile.write(sounds / "new.wav", np.random.default_rng(5).normal(0, 0.1, 16000), 32000)
    index_folders(window.context.opened.library, model_folder, [sounds], Control())
    window.library_controller.refresh()
    qtbot.waitUntil(lambda: len(shown.canvas.cloud.ids) == 13)
    after = read_map(window.context.opened.library)
    assert (after.places[:12] == before.places).all()


def test_a_point_is_heard_told_and_silenced(window, shown, qtbot):
    canvas = shown.canvas
    shown.bar.hover.setChecked(True)
    canvas.mean(3)
    qtbot.waitUntil(lambda: window.player.playing)
    sound_id = int(canvas.cloud.ids[3])
    assert window.player_controller.sound.id == sound_id
    assert ".wav" in shown.says.text() and ".wav" in canvas.accessibleDescription()
    canvas.mean(None)
    qtbot.waitUntil(lambda: not window.player.playing)
    shown.bar.hover.setChecked(False)
    canvas.mean(5)
    qtbot.waitUntil(lambda: "Sound" in shown.says.text())
    qtbot.wait(50)
    assert not window.player.playing
    canvas.open(5)
    qtbot.waitUntil(lambda: window.player.playing)
    qtbot.keyClick(canvas, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not window.player.playing)


def test_chosen_points_are_listed_until_something_is_searched_for(window, shown, qtbot):
    canvas = shown.canvas
    assert not shown.show_chosen.isEnabled()
    canvas.choose(np.array([1, 4, 6]))
    wanted = sorted(canvas.cloud.ids[[1, 4, 6]].tolist())
    assert shown.show_chosen.isEnabled() and "3" in shown.show_chosen.text()
    shown.show_chosen.click()
    model = window.results.results
    qtbot.waitUntil(lambda: sorted(model.ids.tolist()) == wanted)
    window.library_controller.refresh(by_user=True)  # the list stays when the library changes
    qtbot.wait(200)
    assert sorted(model.ids.tolist()) == wanted
    window.bar.set_text("noise")
    qtbot.waitUntil(lambda: sorted(model.ids.tolist()) != wanted)
    window.bar.clear()
    qtbot.waitUntil(lambda: len(model.ids) == 12)


def test_chosen_points_become_a_collection(window, shown, qtbot, monkeypatch):
    from PySide6.QtWidgets import QInputDialog

    monkeypatch.setattr(QInputDialog, "getItem", lambda *_: ("Near", True))
    shown.canvas.choose(np.array([0, 2]))
    shown.collect_chosen.click()
    qtbot.waitUntil(lambda: window.library_controller.overview.collections.get("Near") == 2)


def test_what_a_search_finds_stands_out(window, shown, qtbot):
    assert not len(shown.canvas._found)
    window.bar.set_text('"sound 03"')
    qtbot.waitUntil(lambda: len(window.searching.found_ids) > 0)
    found = set(window.searching.found_ids.tolist())
    qtbot.waitUntil(lambda: set(shown.canvas.cloud.ids[shown.canvas._found].tolist()) == found)
    window.bar.clear()
    qtbot.waitUntil(lambda: not len(shown.canvas._found))


@pytest.mark.parametrize("name", ["category", "folder", "loudness", "length", "none"])
def test_points_are_coloured_and_the_choice_is_remembered(window, shown, qtbot, name):
    shown.bar.colour_by(name)
    qtbot.waitUntil(lambda: (shown._coloured.colouring is None) == (name == "none"))
    qtbot.waitUntil(lambda: (shown.canvas.frames.look.kinds is None) == (name == "none"))
    shown.bar.hover.setChecked(False)
    shown.close()
    assert window.context.settings.now.map_colours == name
    assert not window.context.settings.now.map_hover


def test_the_map_follows_the_theme(window, shown, qtbot):
    def corner() -> int:
        image = shown.canvas.grab().toImage()
        return image.pixelColor(3, image.height() - 3).lightness()

    assert corner() < 80
    apply_theme(window, "light")
    qtbot.waitUntil(lambda: corner() > 200)
    apply_theme(window, "dark")
    qtbot.waitUntil(lambda: corner() < 80)


def test_a_library_without_sounds_says_so(open_window, tmp_path, qtbot):
    window = open_window(tmp_path / "empty.db")
    window.actions_by_name["map"].trigger()
    dialog = window.commands.dialogs.opened["map"]
    qtbot.waitUntil(lambda: "sounds" in dialog.message.text())
    assert dialog.message.isVisible()


def test_a_map_waits_until_folders_are_indexed(window, shown, sounds, model_folder, qtbot):
    busy = [True]
    shown._busy = lambda: busy[0]
    soundfile.write(sounds / "new.wav", np.random.default_rng(5).normal(0, 0.1, 16000), 32000)
    index_folders(window.context.opened.library, model_folder, [sounds], Control())
    shown._later.setInterval(10)
    window.library_controller.refresh()
    qtbot.waitUntil(lambda: window.library_controller.overview.statistics.embedded == 13)
    qtbot.wait(200)
    assert len(shown.canvas.cloud.ids) == 12
    busy[0] = False
    qtbot.waitUntil(lambda: len(shown.canvas.cloud.ids) == 13)
