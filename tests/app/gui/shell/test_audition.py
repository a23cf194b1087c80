"""Auditioning in the window: loudness, regions, markers, moments, channels, scrubbing."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QInputDialog, QMenu
from sqlalchemy import update

from app.gui.player.jumps import best_moments, next_place
from app.gui.player.regions import wanted_region
from app.gui.player.sound.order import Listening
from app.gui.player.waveform_picture import RULER
from engine.search.explain import Moment
from engine.store import Library, tables
from engine.store.regions import Region, add_region, regions_of


def look_at(window, qtbot, row=0):
    """Choose a row, quietly, and wait until all is known of it."""
    window.player_controller.auto_play = False
    with qtbot.waitSignal(window.player_controller.detailed):
        window.results.setFocus()
        window.results.choose(row)
    return window.player_controller.sound


def do(window, name):
    window.actions_by_name[name].trigger()


def order(window):
    return window.player.order


def test_space_pauses_and_goes_on_and_shift_space_begins_anew(window, outputs, qtbot):
    look_at(window, qtbot)
    do(window, "play")
    assert window.player.playing
    window.player.seek(0.2)
    do(window, "play")
    assert window.player.paused and not window.player.playing
    place = window.player.position_s
    do(window, "play")
    assert window.player.playing and order(window).start_s == pytest.approx(place)
    do(window, "play_from_start")
    assert order(window).start_s == 0.0
    do(window, "escape")
    assert not window.player.playing and not window.player.paused


def test_keys_change_pitch_alone_speed_alone_and_the_volume(window, qtbot):
    look_at(window, qtbot)
    do(window, "higher")
    do(window, "higher")
    do(window, "lower")
    assert (order(window).semitones, order(window).speed) == (1.0, 1.0)
    assert window.panel.speed.text() == "+1 st"
    do(window, "keep_pitch")
    do(window, "slower")
    assert order(window).keeps_pitch and order(window).pitch == 1.0
    assert window.panel.speed.text() == "0.94× +1 st"
    do(window, "keep_pitch")
    assert order(window).pitch == pytest.approx(0.0)
    do(window, "normal")
    assert (order(window).semitones, order(window).speed) == (0.0, 1.0)
    assert window.panel.speed.text() == ""
    do(window, "quieter")
    assert window.panel.gain.value() == -2 and window.panel.level.text() == "−2.0 dB"
    do(window, "louder")
    assert window.panel.level.text() == "0.0 dB"


def test_sounds_are_played_equally_loud_and_the_gain_is_shown(window, qtbot):
    sound = look_at(window, qtbot)
    assert sound.lufs is not None
    do(window, "match")
    gain = min(-23.0 - sound.lufs, -sound.peak_db)
    assert window.player.gain_db == pytest.approx(gain)
    assert order(window).gain == pytest.approx(10 ** (gain / 20))
    assert f"{abs(gain):.1f} dB" in window.panel.level.text()
    settings = window.context.settings
    settings.keep(replace(settings.now, match_lufs=-5))
    window.commands._rooms.matching.follow()
    assert window.player.gain_db == pytest.approx(min(-5 - sound.lufs, -sound.peak_db))
    for _ in range(5):
        do(window, "louder")
    assert window.player.gain_db <= -sound.peak_db + 1e-9
    do(window, "match")
    assert window.player.gain_db == window.panel.gain.value()


def forget(path):
    with Library(path) as library, library.writing() as connection:
        connection.execute(update(tables.sounds).values(lufs=None, range_lu=None, peak_db=None))


def test_a_sound_that_was_not_measured_is_measured_while_it_plays(open_window, library_path, qtbot):
    forget(library_path)
    window = open_window(library_path)
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)
    sound = look_at(window, qtbot)
    assert sound.lufs is None
    do(window, "match")
    qtbot.waitUntil(lambda: window.player.gain_db != 0)
    known = window.commands._rooms.matching.loudness(sound)
    assert window.player.gain_db == pytest.approx(min(-23 - known.lufs, -known.peak_db))


def test_what_was_not_measured_is_made_up_for_in_the_background(
    open_window, library_path, qtbot, monkeypatch
):
    monkeypatch.setattr("app.gui.library.measuring._BEGIN_MS", 0)
    monkeypatch.setattr("app.gui.library.measuring._PIECE_S", 0.0)  # one sound at a time
    forget(library_path)
    window = open_window(library_path)
    library = window.context.session.library
    qtbot.waitUntil(lambda: all(s.lufs is not None for s in library.sounds().values()))


@pytest.fixture
def ask(monkeypatch):
    """Answer the next question for a name."""
    asked = []

    def answer(name):
        def get(parent, title, label, *args, **kwargs):
            asked.append((title, kwargs.get("text")))
            return name, name is not None

        monkeypatch.setattr(QInputDialog, "getText", get)
        return asked

    return answer


def lane(window, seconds):
    """Return where in the waveform's lane of flags a place is."""
    waveform = window.panel.waveform
    return QPoint(round(waveform.view.x(seconds)), waveform.height() - RULER - 6)


def test_a_range_is_named_found_chosen_renamed_and_removed(window, qtbot, ask):
    sound = look_at(window, qtbot)
    rooms, waveform = window.commands._rooms, window.panel.waveform
    asked = ask("slow creak")
    do(window, "region")
    assert not asked and "Mark a range" in window.status.message.text()
    waveform.set_range((0.1, 0.3))
    with qtbot.waitSignal(rooms.regions.changed):
        do(window, "region")
    assert asked == [("Name the range", "Region 1")]
    qtbot.waitUntil(lambda: len(waveform._drawn.regions) == 1)
    library = window.context.session.library
    (region,) = regions_of(library, [sound.id])[sound.id]
    assert (region.name, region.start_s, region.end_s) == ("slow creak", 0.1, 0.3)
    waveform.set_range(None)
    qtbot.mouseClick(waveform, Qt.MouseButton.LeftButton, pos=lane(window, 0.2))
    assert waveform.range_s == (0.1, 0.3) and order(window).range_s == (0.1, 0.3)
    assert order(window).start_s == pytest.approx(0.1)
    ask("slam")
    with qtbot.waitSignal(rooms.regions.changed):
        rooms.regions.rename(region)
    assert regions_of(library, [sound.id])[sound.id][0].name == "slam"
    with qtbot.waitSignal(rooms.regions.changed):
        rooms.regions.remove(region)
    qtbot.waitUntil(lambda: not waveform._drawn.regions)


def test_a_region_has_a_menu_and_other_places_have_none(window, qtbot):
    sound = look_at(window, qtbot)
    add_region(window.context.session.library, sound.id, "slam", 0.1, 0.3)
    with qtbot.waitSignal(window.player_controller.detailed):
        window.player_controller.look_again()
    waveform = window.panel.waveform

    def ask_at(place):
        reason = QContextMenuEvent.Reason.Mouse
        QApplication.sendEvent(waveform, QContextMenuEvent(reason, place, QPoint(0, 0)))
        menus = [menu for menu in waveform.findChildren(QMenu) if menu.isVisible()]
        titles = [[action.text() for action in menu.actions()] for menu in menus]
        for menu in menus:
            menu.close()
        return titles

    assert ask_at(QPoint(5, 20)) == []
    assert ask_at(lane(window, 0.2)) == [["Rename …", "Remove", "", "Write it as a file …"]]


def test_regions_are_written_as_files_and_none_is_overwritten(window, qtbot, tmp_path):
    sound = look_at(window, qtbot)
    regions = window.commands._rooms.regions
    library = window.context.session.library
    places = ((0.1, 0.3), (0.2, 0.4))
    found = tuple(add_region(library, sound.id, "a/b", *place) for place in places)
    regions.export(found, tmp_path)
    stem = Path(sound.path).stem
    names = {f"{stem} a-b.wav", f"{stem} a-b (2).wav"}
    qtbot.waitUntil(lambda: names <= {path.name for path in tmp_path.iterdir()})
    qtbot.waitUntil(lambda: not window.jobs.shown())
    for name in names:
        assert soundfile.info(tmp_path / name).duration == pytest.approx(0.2, abs=1e-3)
    assert "2 regions written" in window.status.message.text()


def with_cues(path: Path, *frames: int) -> None:
    rows = [
        struct.pack("<II4sIII", n, 0, b"data", 0, 0, at) for n, at in enumerate(frames, start=1)
    ]
    body = struct.pack("<I", len(rows)) + b"".join(rows)
    data = path.read_bytes() + b"cue " + struct.pack("<I", len(body)) + body
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])


def test_markers_of_the_file_and_regions_are_jumped_to(window, qtbot):
    sound = look_at(window, qtbot)
    do(window, "next_mark")
    assert "no regions or markers" in window.status.message.text()
    rate = sound.rate_hz
    with_cues(Path(sound.path), rate // 10, rate // 5)
    add_region(window.context.session.library, sound.id, "slam", 0.15, 0.3)
    with qtbot.waitSignal(window.player_controller.detailed):
        window.player_controller.look_again()
    assert len(window.panel.waveform._drawn.markers) == 2
    places = []
    for _ in range(3):
        do(window, "next_mark")
        places.append(order(window).start_s)
        window.player.pause()
        window.player.seek(places[-1])
    assert places == pytest.approx([0.1, 0.15, 0.2])
    do(window, "next_mark")
    assert "last one" in window.status.message.text()
    do(window, "previous_mark")
    assert order(window).start_s == pytest.approx(0.15)


def test_the_best_moments_are_the_peaks_among_their_neighbours():
    strengths = (0.1, 0.8, 0.7, 0.2, 0.5, 0.5, 0.3, 0.39)
    moments = [Moment(5.0 * n, 5.0 * n + 10, strength) for n, strength in enumerate(strengths)]
    assert best_moments(moments) == [5.0, 20.0]
    assert best_moments(()) == []
    assert best_moments(moments[:1]) == [0.0]


def test_the_next_place_lies_beyond_where_one_is():
    places = [1.0, 2.0, 3.0]
    assert next_place(places, 1.0, 1, 0.01) == 2.0
    assert next_place(places, 2.2, -1, 0.4) == 1.0  # just passed
    assert next_place(places, 2.5, -1, 0.4) == 2.0
    assert next_place(places, 3.0, 1, 0.01) is None
    assert next_place(places, 1.0, -1, 0.01) is None


def test_the_channels_are_chosen_by_key_and_by_menu(window, qtbot):
    look_at(window, qtbot)
    button = window.panel.channels
    button.show_channels(2)
    modes = []
    for _ in range(4):
        do(window, "channels")
        modes.append(order(window).listening.mode)
    assert modes == ["mono", "mid", "side", "all"]
    button.click()
    assert button._menu.isVisible()
    button._menu.close()
    actions = {action.text(): action for action in button._menu.actions()}
    assert list(actions) == [
        *("All channels", "Mono sum", "Mid", "Side", ""),
        *("Solo L", "Solo R", "Mute L", "Mute R"),
    ]
    actions["Solo R"].trigger()
    assert order(window).listening == Listening(alone=frozenset({1}))
    assert button.isChecked() and button.toolTip() == "Channels: R solo"
    actions["Solo R"].trigger()
    actions["Mute L"].trigger()
    assert order(window).listening == Listening(muted=frozenset({0}))
    actions["All channels"].trigger()
    assert order(window).listening == Listening() and not button.isChecked()


def drag(qtbot, waveform, start, end, modifier=Qt.KeyboardModifier.NoModifier):
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(waveform, left, modifier, start)
    for share in (0.3, 0.7, 1.0):
        qtbot.mouseMove(waveform, start + (end - start) * share)
    qtbot.mouseRelease(waveform, left, modifier, end)


def test_fades_are_dragged_at_the_edges_of_a_range(window, qtbot):
    sound = look_at(window, qtbot)
    waveform = window.panel.waveform
    length = sound.duration_s
    waveform.set_range((0.2 * length, 0.8 * length))
    waveform.range_changed.emit(waveform.range_s)
    x = waveform.view.x
    first, inside = QPoint(round(x(0.2 * length)), 2), QPoint(round(x(0.4 * length)), 2)
    drag(qtbot, waveform, first, inside)
    fades = waveform.fades_s
    assert fades[0] == pytest.approx(0.2 * length, rel=0.1) and fades[1] == 0
    assert order(window).fades_s == fades and waveform.range_s == (0.2 * length, 0.8 * length)
    last = QPoint(round(x(0.8 * length)), 2)
    drag(qtbot, waveform, last, QPoint(round(x(0.05 * length)), 2))  # further than there is room
    assert sum(waveform.fades_s) == pytest.approx(0.6 * length)
    edge = QPoint(round(x(0.8 * length)), 40)
    drag(qtbot, waveform, edge, QPoint(round(x(0.5 * length)), 40))
    assert waveform.range_s[1] == pytest.approx(0.5 * length, rel=0.1)
    assert sum(waveform.fades_s) <= 0.3 * length + 0.01
    free = QPoint(round(x(0.9 * length)), 40)
    drag(qtbot, waveform, free, QPoint(round(x(0.95 * length)), 40))
    assert waveform.fades_s == (0.0, 0.0)  # another range begins without


def test_dragging_with_ctrl_lets_places_be_heard_and_marks_nothing(window, outputs, qtbot):
    look_at(window, qtbot)
    waveform, heard = window.panel.waveform, []
    waveform.scrubbed.connect(heard.append)
    start, end = QPoint(50, 30), QPoint(150, 30)
    qtbot.mousePress(
        waveform, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, start
    )
    assert window.player.playing and waveform.range_s is None
    qtbot.mouseMove(waveform, end)
    qtbot.mouseRelease(waveform, Qt.MouseButton.LeftButton, pos=end)
    assert heard[0] == pytest.approx(waveform.view.seconds(50), abs=0.02)
    assert heard[-1] == pytest.approx(waveform.view.seconds(150), abs=0.02)
    assert waveform.range_s is None and order(window).range_s is None
    assert not waveform._handle(QPointF(50, 30))


def test_a_search_for_a_region_shows_and_plays_it(window, qtbot):
    library = window.context.session.library
    sound_id = window.results.results.id_at(3)
    add_region(library, sound_id, "SlamDoor", 0.25, 0.3)
    add_region(library, sound_id, "creak", 0.05, 0.1)
    window.bar.set_text("region:slam")
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 1)
    window.player_controller.auto_play = True
    with qtbot.waitSignal(window.player_controller.detailed):
        window.results.setFocus()
        window.results.choose(0)
    assert window.panel.waveform.range_s == (0.25, 0.3)
    assert order(window).range_s == (0.25, 0.3) and order(window).start_s == 0.25
    window.panel.waveform.set_range(None)
    with qtbot.waitSignal(window.player_controller.detailed):
        window.player_controller.look_again()
    assert window.panel.waveform.range_s is None  # only where the sound is new


def test_the_region_that_is_asked_for_is_the_first_that_holds_the_words():
    regions = (Region(1, 1, "creak", 0, 1), Region(2, 1, "DoorSlam", 1, 2))
    assert wanted_region(regions, "door region:slam") == regions[1]
    assert wanted_region(regions, 'region:"door slam"') == regions[1]
    for text in ("slam", "region:*", "region:sla", "-region:slam", 'region:"slam'):
        assert wanted_region(regions, text) is None
