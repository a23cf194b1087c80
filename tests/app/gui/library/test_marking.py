"""Stars, colours, notes, uses, saved searches and undo, on the real window."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QInputDialog

from app.gui.kit.marks import star_at
from app.gui.kit.prompts import Prompts
from app.gui.library.sources_panel import COUNT, SEARCH, TAG
from app.gui.search.columns import COLUMNS, NAME, STARS, TAGS
from engine.metadata.read import read_header
from engine.store.collections import collections
from engine.store.history import steps
from engine.store.marks import set_stars
from engine.store.saved_searches import saved_searches
from engine.store.tags import accepted_tags, tag_rows
from engine.store.uses import note_use, uses_of


def marks_of(window, row=0):
    found = window.results.results.row_at(row).sound
    return found.marks if found is not None else None


def library_of(window):
    return window.context.opened.library


def choose(window, qtbot, *rows):
    window.results.choose(rows[0])
    for row in rows[1:]:
        index = window.results.results.index(row, NAME.place)
        flag = window.results.selectionModel().SelectionFlag
        window.results.selectionModel().select(index, flag.Select | flag.Rows)
    sound_id = window.results.results.id_at(rows[0])
    qtbot.waitUntil(lambda: window.results.results.row_at(rows[0]).sound is not None)
    qtbot.waitUntil(
        lambda: (
            window.inspector.details is not None and window.inspector.details.sound.id == sound_id
        )
    )


def cell(window, row, column):
    return window.results.visualRect(window.results.results.index(row, column.place))


def click_star(window, qtbot, row, star):
    rect = cell(window, row, STARS)
    x = next(x for x in range(rect.width()) if star_at(x) == star) + 5
    place = QPoint(rect.left() + x, rect.center().y())
    qtbot.mouseClick(window.results.viewport(), Qt.MouseButton.LeftButton, pos=place)


def trigger(window, name):
    window.actions_by_name[name].trigger()


def item_of(window, role, value):
    model = window.sources.model
    (found,) = model.match(
        model.index(0, 0), role, value, 1, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive
    )
    return found


def test_all_chosen_rows_get_stars_and_colours_by_their_actions(window, qtbot):
    choose(window, qtbot, 0, 1, 2)
    trigger(window, "stars_4")
    qtbot.waitUntil(
        lambda: [marks_of(window, r).stars for r in range(3) if marks_of(window, r)] == [4] * 3
    )
    assert window.status.message.text() == "3 sounds: 4 stars"
    trigger(window, "colour_red")
    qtbot.waitUntil(lambda: marks_of(window, 2) is not None and marks_of(window, 2).colour == "red")
    trigger(window, "stars_0")
    qtbot.waitUntil(lambda: marks_of(window, 1) is not None and not marks_of(window, 1).stars)
    assert marks_of(window, 3).stars == 0 and marks_of(window, 3).colour is None


def test_a_click_sets_stars_and_the_same_click_takes_them_away(window, qtbot):
    choose(window, qtbot, 5)
    click_star(window, qtbot, 1, 3)
    qtbot.waitUntil(lambda: marks_of(window, 1) is not None and marks_of(window, 1).stars == 3)
    assert window.results.currentIndex().row() == 5  # nothing else is chosen or played
    click_star(window, qtbot, 1, 3)
    qtbot.waitUntil(lambda: marks_of(window, 1) is not None and marks_of(window, 1).stars == 0)


def test_a_click_on_one_of_several_chosen_rows_is_for_all_of_them(window, qtbot):
    choose(window, qtbot, 0, 2)
    click_star(window, qtbot, 2, 5)
    qtbot.waitUntil(lambda: marks_of(window, 0) is not None and marks_of(window, 0).stars == 5)
    assert marks_of(window, 1).stars == 0 and marks_of(window, 2).stars == 5


def test_the_inspector_shows_marks_and_changes_them(window, qtbot):
    note_use(library_of(window), window.results.results.id_at(0), "My film", "REAPER")
    choose(window, qtbot, 0)
    box, inspector = window.inspector.marks, window.inspector
    assert any("My film · REAPER" in (w.text() or "") for w in labels(inspector))
    box.stars.setFocus()
    qtbot.keyClick(box.stars, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: box.stars.stars == 3)
    qtbot.keyClick(box.stars, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: box.stars.stars == 4)
    assert box.stars.accessibleName() == "Stars: 4 stars"
    box.labels["blue"].click()
    qtbot.waitUntil(lambda: box.labels["blue"].isChecked())
    box.labels["blue"].click()
    qtbot.waitUntil(lambda: inspector.details.sound.marks.colour is None)
    qtbot.keyClicks(box.note, "for the attic")
    qtbot.keyClick(box.note, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: inspector.details.sound.marks.note == "for the attic")
    assert marks_of(window).stars == 4


def test_stars_of_the_inspector_are_for_all_chosen_rows_and_its_note_for_one(window, qtbot):
    choose(window, qtbot, 0, 1)
    window.inspector.marks.stars.chosen.emit(4)
    qtbot.waitUntil(lambda: [marks_of(window, row).stars for row in (0, 1, 2)] == [4, 4, 0])
    qtbot.keyClicks(window.inspector.marks.note, "attic")
    qtbot.keyClick(window.inspector.marks.note, Qt.Key.Key_Return)
    shown = window.inspector.details.sound.id
    library = library_of(window)
    qtbot.waitUntil(lambda: library.sounds([shown])[shown].marks.note == "attic")
    assert sum(bool(sound.marks.note) for sound in library.sounds().values()) == 1


def labels(inspector):
    from PySide6.QtWidgets import QLabel

    return inspector.findChildren(QLabel)


def test_a_note_that_is_being_typed_belongs_to_the_sound_it_was_begun_on(window, qtbot):
    choose(window, qtbot, 0)
    first = window.results.results.id_at(0)
    qtbot.keyClicks(window.inspector.marks.note, "half")
    window.player_controller.look_again()  # something else has changed meanwhile
    choose(window, qtbot, 1)
    library = library_of(window)
    qtbot.waitUntil(lambda: library.sounds([first])[first].marks.note == "half")
    assert window.inspector.marks.note.text() == ""


def test_notes_and_projects_are_asked_for(window, qtbot, monkeypatch):
    choose(window, qtbot, 0, 1)
    ids = window.results.chosen_ids()
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("attic", True))
    trigger(window, "note")
    qtbot.waitUntil(lambda: marks_of(window, 1) is not None and marks_of(window, 1).note == "attic")
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_, **__: ("Film", True))
    trigger(window, "used")
    library = library_of(window)
    qtbot.waitUntil(lambda: [len(uses_of(library, i)) for i in ids] == [1, 1])
    assert uses_of(library, ids[0])[0].project == "Film"
    trigger(window, "unused")
    qtbot.waitUntil(lambda: uses_of(library, ids[0]) == [])


def test_marks_found_by_a_search_are_sorted_as_they_are_now(window, qtbot):
    window.bar.set_text("tone")
    qtbot.waitUntil(lambda: window.results.results.found.answer is not None)
    qtbot.waitUntil(lambda: not window.results.results.found.words_only)
    last = window.results.results.rowCount() - 1
    sound_id = window.results.results.id_at(last)
    choose(window, qtbot, last)
    trigger(window, "stars_5")
    qtbot.waitUntil(
        lambda: marks_of(window, last) is not None and marks_of(window, last).stars == 5
    )
    window.results.sortByColumn(STARS.place, Qt.SortOrder.DescendingOrder)
    assert window.results.results.id_at(0) == sound_id


def test_a_list_is_sorted_by_stars(window, qtbot):
    library, model = library_of(window), window.results.results
    wanted = model.id_at(7)
    set_stars(library, [wanted], 5)
    window.results.sortByColumn(STARS.place, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: model.id_at(0) == wanted)


def test_whatever_was_decided_is_undone_in_turn_and_told(window, qtbot):
    library, say = library_of(window), window.status.message.text
    choose(window, qtbot, 0, 1)
    ids = window.results.chosen_ids()
    trigger(window, "stars_4")
    qtbot.waitUntil(lambda: len(steps(library)) == 1)
    window.library_controller.collect("Doors", ids)
    qtbot.waitUntil(lambda: len(steps(library)) == 2)
    window.tagging.accept([(ids[0], "wet")])
    qtbot.waitUntil(lambda: accepted_tags(library) == {ids[0]: ["wet"]})
    trigger(window, "undo")
    qtbot.waitUntil(lambda: say() == "Undone: tags of one sound")
    assert accepted_tags(library) == {}
    trigger(window, "undo")
    qtbot.waitUntil(lambda: say() == "Undone: 2 sounds added to the collection “Doors”")
    qtbot.waitUntil(lambda: not window.library_controller.overview.collections)
    trigger(window, "undo")
    qtbot.waitUntil(lambda: say() == "Undone: stars of 2 sounds")
    qtbot.waitUntil(lambda: marks_of(window, 1) is not None and not marks_of(window, 1).stars)
    trigger(window, "undo")
    qtbot.waitUntil(lambda: say() == "There is nothing to undo")
    trigger(window, "redo")
    qtbot.waitUntil(lambda: say() == "Done again: stars of 2 sounds")
    qtbot.waitUntil(lambda: marks_of(window, 1) is not None and marks_of(window, 1).stars == 4)


def test_undo_reaches_back_before_the_window_was_opened(open_window, library_path, qtbot):
    from engine.store import Library

    with Library(library_path) as library:
        set_stars(library, sorted(library.sounds())[:2], 3)
    window = open_window(library_path)
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)
    trigger(window, "undo")
    qtbot.waitUntil(lambda: window.status.message.text() == "Undone: stars of 2 sounds")
    qtbot.waitUntil(lambda: not window.jobs.shown())


def test_searches_are_saved_counted_asked_again_and_deleted(window, qtbot, monkeypatch):
    library = library_of(window)
    set_stars(library, [window.results.results.id_at(3)], 4)
    window.bar.set_text("stars:>=4 ")
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 1)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("Good ones", True))
    trigger(window, "save_search")
    qtbot.waitUntil(lambda: saved_searches(library) == {"Good ones": "stars:>=4"})
    counted = lambda: item_of(window, SEARCH, "Good ones").data(COUNT)  # noqa: E731
    qtbot.waitUntil(lambda: bool(window.library_controller.overview.searches))
    qtbot.waitUntil(lambda: counted() == 1)
    window.bar.clear()
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 12)
    choose(window, qtbot, 0, 1)
    trigger(window, "stars_5")
    qtbot.waitUntil(lambda: (counted() or 0) >= 2)  # it is live
    window.sources.tree.clicked.emit(item_of(window, SEARCH, "Good ones"))
    qtbot.waitUntil(lambda: window.results.results.rowCount() == counted())
    assert window.bar.query.text == "stars:>=4"
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("Best", True))
    window.sources.rename_search_wanted.emit("Good ones")
    qtbot.waitUntil(lambda: saved_searches(library) == {"Best": "stars:>=4"})
    window.sources.drop_search_wanted.emit("Best")
    qtbot.waitUntil(lambda: saved_searches(library) == {})
    trigger(window, "undo")
    qtbot.waitUntil(lambda: saved_searches(library) == {"Best": "stars:>=4"})


def test_a_search_for_words_is_counted_by_what_matches_well(window, qtbot):
    window.library_controller.save_search("Words", "tone")
    qtbot.waitUntil(lambda: window.sources._search_counts.get("Words") is not None)


def test_there_is_nothing_to_save_without_a_search(window, qtbot):
    trigger(window, "save_search")
    assert "nothing to save" in window.status.message.text()


def test_a_tag_is_taken_from_the_chosen_sounds(window, qtbot, monkeypatch):
    library = library_of(window)
    choose(window, qtbot, 0, 1)
    ids = window.results.chosen_ids()
    other = window.results.results.id_at(5)
    window.tagging.accept([(i, "wet") for i in (*ids, other)])
    qtbot.waitUntil(lambda: len(accepted_tags(library)) == 3)
    offered = []
    monkeypatch.setattr(
        QInputDialog, "getItem", lambda *given: (offered.append(given[3]) or given[3][0], True)
    )
    trigger(window, "untag")
    qtbot.waitUntil(lambda: accepted_tags(library) == {other: ["wet"]})
    assert offered == [["wet  (2)"]]


def test_a_tag_is_taken_from_every_sound_after_a_question(window, qtbot, monkeypatch):
    library = library_of(window)
    window.tagging.accept([(1, "wet"), (2, "wet"), (2, "dry")])
    qtbot.waitUntil(lambda: bool(window.library_controller.overview.facets.tags))
    assert item_of(window, TAG, "wet").data(COUNT) == 2
    asked = []
    monkeypatch.setattr(Prompts, "confirm", lambda _, text, yes: bool(asked.append(text)))
    window.sources.untag_wanted.emit("wet")
    qtbot.waitUntil(lambda: len(asked) == 1)
    assert "from 2 sounds" in asked[0] and len(accepted_tags(library)) == 2
    monkeypatch.setattr(Prompts, "confirm", lambda *_: True)
    window.sources.untag_wanted.emit("wet")
    qtbot.waitUntil(lambda: accepted_tags(library) == {2: ["dry"]})
    assert {row.state for row in tag_rows(library) if row.label == "wet"} == {"rejected"}
    trigger(window, "undo")
    qtbot.waitUntil(lambda: accepted_tags(library) == {1: ["wet"], 2: ["dry", "wet"]})


def test_families_of_tags_are_hidden_everywhere_and_that_is_remembered(window, qtbot, settings):
    window.tagging.accept([(1, "DOORWood"), (1, "Speech"), (1, "own words")])
    qtbot.waitUntil(lambda: len(window.library_controller.overview.facets.tags) == 3)
    row = window.results.results.row_of(1)
    choose(window, qtbot, row)
    qtbot.waitUntil(lambda: len(window.inspector.details.tags) == 3)

    def shown():
        chips = {c.text for c in window.inspector.findChildren(Chip)}
        return TAGS.text(window.results.results.row_at(row)), chips

    from app.gui.kit.chips import Chip

    qtbot.waitUntil(lambda: shown()[0] == "DOORWood, Speech, own words")
    assert shown()[1] == {"DOORWood", "Speech", "own words"}
    trigger(window, "tags_ucs")
    qtbot.waitUntil(lambda: shown() == ("Speech, own words", {"Speech", "own words"}))
    trigger(window, "tags_audioset")
    qtbot.waitUntil(lambda: shown() == ("own words", {"own words"}))
    model = window.sources.model
    titles = [model.index(n, 0).data() for n in range(model.rowCount())]
    assert "UCS categories" not in titles and "Tags" in titles
    assert list(window._words("tag")) == ["own words"]
    trigger(window, "tags_other")
    qtbot.waitUntil(lambda: shown()[0] == "")
    window.close()
    assert not settings.now.tags_ucs and not settings.now.tags_other


def test_stars_and_notes_are_written_into_files_and_taken_back(window, qtbot, monkeypatch):
    choose(window, qtbot, 0)
    sound = window.results.results.row_at(0).sound
    from pathlib import Path

    path = Path(sound.path)
    before = path.read_bytes()
    trigger(window, "write_marks")
    qtbot.waitUntil(lambda: "has stars or a note" in window.status.message.text())
    trigger(window, "stars_4")
    qtbot.waitUntil(lambda: marks_of(window) is not None and marks_of(window).stars == 4)
    monkeypatch.setattr(Prompts, "confirm", lambda *_: True)
    trigger(window, "write_marks")
    qtbot.waitUntil(lambda: "One file written" in window.status.message.text())
    assert read_header(path).fields["ixml.RATING"] == "4"
    window.tagging.take_back(lambda undone: None, pytest.fail)
    qtbot.waitUntil(lambda: path.read_bytes() == before)
    qtbot.waitUntil(lambda: not window.jobs.shown())


def test_the_default_list_shows_stars_and_hides_what_is_rarely_looked_at():
    assert not STARS.hidden
    assert {c.key for c in COLUMNS if c.hidden} == {
        "tags",
        "channels",
        "colour",
        "used",
        "note",
        "added",
        "root",
        "loudness",
    }


def test_collections_of_the_window_are_in_the_history(window, qtbot):
    library = library_of(window)
    window.library_controller.collect("Doors", [1, 2])
    qtbot.waitUntil(lambda: collections(library) == {"Doors": 2})
    window.library_controller.drop_collection("Doors")
    qtbot.waitUntil(lambda: collections(library) == {})
    trigger(window, "undo")
    qtbot.waitUntil(lambda: collections(library) == {"Doors": 2})
