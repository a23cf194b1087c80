"""Tags in the window: suggested, decided on by keyboard, written, renamed, and taken back."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QInputDialog

from app.gui.kit.tables import choose_row
from app.gui.shell.keys import DEFAULTS, to_keep, with_key
from app.gui.tagging.renaming import RenameFiles
from app.gui.tagging.tags_model import TagColumn
from app.gui.tagging.writing import WriteTags
from engine.metadata.read import read_header
from engine.metadata.renaming import Rename
from engine.store.tags import TagRow, accepted_tags, put_tags, tag_rows
from engine.tags.run import Written


@pytest.fixture
def labels(tmp_path, settings) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text("door\nrain\nbell\nwind\n")
    settings.keep(replace(settings.now, labels=str(path)))
    return path


@pytest.fixture
def review(labels, window, qtbot):
    """Return the dialog with suggestions of the list ``mine.txt`` for all sounds."""
    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    window.actions_by_name["review"].trigger()
    dialog = window.commands.dialogs.opened["review"]
    qtbot.waitUntil(lambda: "Press Suggest" in dialog.says.text())
    dialog.bar.labels.setCurrentIndex(dialog.bar.labels.findText("mine.txt"))
    dialog.bar.least.setValue(1)
    dialog.bar.start.click()
    qtbot.waitUntil(lambda: dialog.model.rowCount() > 3)
    return dialog


def row_of(dialog, number):
    return dialog.model.rows[number]


def press(dialog, qtbot, key, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(dialog.table, key, modifier)


def library_of(window):
    return window.context.opened.library


def test_suggestions_are_shown_and_kept_but_nothing_is_accepted(review, window):
    assert "12 sounds have a suggestion" in review.says.text()
    probabilities = [row.tag.probability for row in review.model.rows]
    assert probabilities == sorted(probabilities, reverse=True)
    assert {row.tag.label for row in review.model.rows} <= {"door", "rain", "bell", "wind"}
    assert accepted_tags(library_of(window)) == {}
    assert len(tag_rows(library_of(window), None, "suggested")) == review.model.rowCount()
    index = review.model.index(0, TagColumn.STATE)
    assert index.data() == "open" and not review.table.grab().isNull()


def test_keys_that_decide_may_be_others_and_are_told(review, window, qtbot, settings):
    keys = with_key(DEFAULTS, "review_accept", "J")
    settings.keep(replace(settings.now, keys=to_keep(with_key(keys, "review_reject", "A"))))
    review.look_at([1, 2, 3])
    assert review.keys.text().startswith("J accept · A reject · E replace · Space play")
    qtbot.waitUntil(lambda: {row.sound.id for row in review.model.rows} == {1, 2, 3})
    choose_row(review.table, 0)
    press(review, qtbot, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: row_of(review, 0).tag.state == "accepted")
    press(review, qtbot, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: row_of(review, 1).tag.state == "rejected")


def test_a_key_that_is_held_down_does_not_unchoose_the_first_row(review, qtbot):
    press(review, qtbot, Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier
    for _ in range(2):
        review.table.choose_first()
        assert len(review.table.chosen()) == 1


def test_keys_decide_on_one_row_after_another(review, window, qtbot):
    choose_row(review.table, 0)
    first, second, third = (row_of(review, n).tag for n in range(3))
    press(review, qtbot, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: row_of(review, 0).tag.state == "accepted")
    assert review.table.currentIndex().row() == 1
    press(review, qtbot, Qt.Key.Key_X)
    qtbot.waitUntil(lambda: row_of(review, 1).tag.state == "rejected")
    assert row_of(review, 1).tag.said_by == "person"
    assert accepted_tags(library_of(window)) == {first.sound_id: [first.label]}
    qtbot.waitUntil(
        lambda: (
            first.label
            in (
                window.library_controller.overview.facets.tags
                if window.library_controller.overview
                else ()
            )
        )
    )
    press(review, qtbot, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: row_of(review, 1).tag.state == "suggested")
    press(review, qtbot, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: row_of(review, 0).tag.state == "suggested")
    assert row_of(review, 2).tag == third and row_of(review, 1).tag == second


def test_several_rows_get_another_label_at_once(review, window, qtbot, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getText", lambda *a, **k: ("  my  label ", True))
    review.table.clearSelection()
    review.table.selectAll()
    press(review, qtbot, Qt.Key.Key_E)
    qtbot.waitUntil(lambda: all(row.tag.state == "edited" for row in review.model.rows))
    found = accepted_tags(library_of(window))
    assert len(found) == 12 and set(map(tuple, found.values())) == {("my label",)}


def test_all_sure_ones_are_accepted_at_once(review, window, qtbot):
    review.sure.setValue(1)
    review.accept_sure()
    qtbot.waitUntil(lambda: all(row.tag.state == "accepted" for row in review.model.rows))
    assert "0 suggestions are open" in review.says.text()


def test_space_plays_the_part_that_was_meant(review, window, qtbot):
    choose_row(review.table, 0)
    press(review, qtbot, Qt.Key.Key_Space)
    assert window.player.playing
    assert window.player.loaded == Path(row_of(review, 0).sound.path)
    press(review, qtbot, Qt.Key.Key_Space)
    assert not window.player.playing


def test_columns_sort_and_open_suggestions_wait_for_the_next_time(review, window, qtbot):
    review.table.sortByColumn(TagColumn.FILE, Qt.SortOrder.AscendingOrder)
    names = [Path(row.sound.path).name.lower() for row in review.model.rows]
    assert names == sorted(names)
    count = review.model.rowCount()
    review.close()
    qtbot.waitUntil(lambda: "review" not in window.commands.dialogs.opened)
    window.actions_by_name["review"].trigger()
    again = window.commands.dialogs.opened["review"]
    qtbot.waitUntil(lambda: again.model.rowCount() == count)
    assert "waiting for you" in again.says.text()


def test_a_broken_list_of_labels_is_told(review, labels, qtbot):
    labels.write_text("")
    review.bar.start.click()
    qtbot.waitUntil(lambda: "contains no labels" in review.says.text())
    assert review.bar.start.isEnabled()


def test_the_chosen_rows_are_what_is_tagged(labels, window, qtbot):
    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    window.results.selectRow(0)
    assert len(window.selection.scope()) == 12  # one row is chosen to be heard, not to be tagged
    window.results.selectAll()
    assert len(window.selection.scope()) == 12
    (folder,) = library_of(window).folders()
    window.sources.tag_wanted.emit(str(Path(folder) / "tones"))
    dialog = window.commands.dialogs.opened["review"]
    qtbot.waitUntil(lambda: "6 sounds" in dialog.says.text())


def accept_everything(window) -> list[int]:
    ids = [int(i) for i in window.results.results.ids]
    put_tags(library_of(window), [TagRow(i, "DOORWood", "accepted", "person") for i in ids])
    return ids


def dialog_of(kind, window, qtbot):
    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    ids = accept_everything(window)
    dialog = kind(window, window.context, window.tagging, ids)
    dialog.open()
    return dialog


def taken_back(window, qtbot):
    said = []
    window.tagging.take_back(said.append, lambda text: pytest.fail(text))
    qtbot.waitUntil(lambda: bool(said))
    return said[0]


def test_what_is_written_is_shown_first_and_can_be_taken_back(window, qtbot):
    dialog = dialog_of(WriteTags, window, qtbot)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 12)
    assert "CATID DOORWood" in dialog.table.item(0, 1).text()
    (folder,) = map(Path, library_of(window).folders())
    paths = list(folder.rglob("Sound*.wav"))
    before = {path: path.read_bytes() for path in paths}
    assert all(read_header(path).category is None for path in paths)
    dialog.write.click()
    qtbot.waitUntil(lambda: window.results.results.row_of(1) is not None)
    qtbot.waitUntil(lambda: all(read_header(path).category == "DOORWood" for path in paths))
    qtbot.waitUntil(lambda: "12 files written" in window.status.message.text())
    assert taken_back(window, qtbot).files == 12
    assert {path: path.read_bytes() for path in paths} == before


def test_what_is_written_into_files_and_names_is_undone_and_redone_by_keys(
    window, qtbot, monkeypatch
):
    said = []
    monkeypatch.setattr(window.context, "say", lambda text, *_: said.append(text))
    dialog = dialog_of(WriteTags, window, qtbot)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 12)
    (folder,) = map(Path, library_of(window).folders())
    before = {path: path.read_bytes() for path in folder.rglob("Sound*.wav")}
    dialog.write.click()
    qtbot.waitUntil(lambda: "12 files written" in str(said))
    written = {path: path.read_bytes() for path in before}
    old = min(before)
    new = old.with_name("another name.wav")
    window.tagging.rename([Rename(str(old), str(new))], said.append, pytest.fail)
    qtbot.waitUntil(lambda: [(str(old), str(new))] in said)
    for action, text in (
        ("undo", "Undone: name of one file"),
        ("undo", "Undone: tags in 12 files"),
        ("redo", "Done again: tags in 12 files"),
        ("redo", "Done again: name of one file"),
    ):
        window.actions_by_name[action].trigger()
        qtbot.waitUntil(lambda text=text: text == said[-1])
        assert old.exists() == ("name of one file" not in text or action == "undo")
    assert new.read_bytes() == written[old] != before[old]
    assert str(new) in {sound.path for sound in library_of(window).sounds().values()}


def test_a_copy_of_the_library_that_cannot_be_kept_is_told(window, qtbot, monkeypatch):
    monkeypatch.setattr("engine.tags.run.keep_copy", lambda path: "no copy could be kept")
    said = []
    monkeypatch.setattr(window.context, "say", lambda text, *_: said.append(text))
    dialog = dialog_of(WriteTags, window, qtbot)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 12)
    dialog.write.click()
    qtbot.waitUntil(lambda: "no copy could be kept" in said)


def test_writing_that_was_stopped_says_so_and_can_go_on(window, qtbot):
    dialog = dialog_of(WriteTags, window, qtbot)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 12)
    before = {path: Path(path).read_bytes() for path in dialog._wanted}
    dialog.write.click()
    window.jobs.shown()[0].cancel()
    qtbot.waitUntil(lambda: dialog.says.text().startswith("Stopped"))
    assert dialog.write.isEnabled()
    dialog.write.click()
    qtbot.waitUntil(lambda: "written." in window.status.message.text())  # but what was, before
    assert len(before) == 12
    assert not [path for path, old in before.items() if Path(path).read_bytes() == old]


def test_suggesting_that_was_stopped_can_begin_again(review, window, qtbot):
    review.bar.start.click()
    window.jobs.shown()[0].cancel()
    qtbot.waitUntil(lambda: review.says.text() == "Stopped.")
    review.bar.start.click()
    qtbot.waitUntil(lambda: "have a suggestion" in review.says.text())


def test_what_was_not_written_is_counted_and_what_is_none_left_out(window, qtbot):
    dialog = dialog_of(WriteTags, window, qtbot)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 12)
    dialog._written(Written(("/a.wav",), (("/b.wav", "why"),)))
    assert dialog.says.text() == "One file written. One was left unchanged."
    dialog._written(Written(("/a.wav",), (), (("/a.wav", "why"), ("/b.wav", "why"))))
    assert dialog.says.text() == "One file written. 2 were written only in part."


def test_nothing_accepted_is_nothing_to_write(window, qtbot):
    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    dialog = WriteTags(window, window.context, window.tagging, [1, 2])
    dialog.open()
    qtbot.waitUntil(lambda: "None of these sounds" in dialog.says.text())
    assert not dialog.write.isEnabled()
    dialog.close()


def test_new_names_are_shown_as_the_pattern_is_typed(window, qtbot):
    dialog = dialog_of(RenameFiles, window, qtbot)
    said = "No file will be renamed, 12 cannot be renamed."
    qtbot.waitUntil(lambda: dialog.says.text() == said)
    assert "it has no creator" in dialog.table.item(0, 1).text() and not dialog.rename.isEnabled()
    dialog.creator.setText("ABC")
    dialog.source.setText("Lib")
    qtbot.waitUntil(lambda: dialog.says.text() == "12 files will be renamed.")
    shown = {dialog.table.item(row, 1).text() for row in range(12)}
    assert "DOORWood_Sound 03_ABC_Lib.wav" in shown
    dialog.pattern.setText("{what}")
    qtbot.waitUntil(lambda: "can use the fields" in dialog.says.text())
    assert not dialog.rename.isEnabled() and dialog.table.rowCount() == 0
    dialog.pattern.setText("{catid} {name}")
    qtbot.waitUntil(lambda: "12 files will be renamed" in dialog.says.text())
    dialog.rename.click()
    (folder,) = map(Path, library_of(window).folders())
    qtbot.waitUntil(lambda: "12 files renamed" in window.status.message.text())
    assert (folder / "tones" / "DOORWood Sound 03.wav").is_file()
    names = {Path(s.path).name for s in library_of(window).sounds().values()}
    assert "DOORWood Sound 03.wav" in names and len(names) == 12
    assert taken_back(window, qtbot).names == 12
    assert (folder / "tones" / "Sound_03.wav").is_file()


def test_names_are_compared_with_sounds(window, qtbot):
    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    window.actions_by_name["audit"].trigger()
    dialog = window.commands.dialogs.opened["audit"]
    # Names such as Sound_03 say nothing: that is told.
    qtbot.waitUntil(lambda: "sounds have names that describe" in dialog.says.text())
    assert not dialog.swap.isEnabled()


def test_exchanged_names_are_put_right(window, qtbot, tmp_path):
    from engine.tags.audit import Audit, Doubt

    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    window.actions_by_name["audit"].trigger()
    dialog = window.commands.dialogs.opened["audit"]
    qtbot.waitUntil(lambda: bool(dialog.says.text()) and "Comparing" not in dialog.says.text())
    (folder,) = map(Path, library_of(window).folders())
    one, two = folder / "tones" / "Sound_01.wav", folder / "tones" / "Sound_03.wav"
    first = one.read_bytes()
    dialog._show(
        Audit(
            12,
            0,
            (
                Doubt(str(one), "one", 0.9, "two", str(two)),
                Doubt(str(two), "two", 0.9, "one", str(one)),
            ),
        )
    )
    assert dialog.table.item(0, 3).text() == "Sound_03.wav"
    choose_row(dialog.table, 0)
    dialog.hear()
    qtbot.waitUntil(lambda: window.player.loaded == one)
    dialog.swap.click()
    qtbot.waitUntil(lambda: "each other's names" in dialog.says.text())
    assert two.read_bytes() == first and dialog.table.rowCount() == 0
    assert taken_back(window, qtbot).names == 2 and one.read_bytes() == first


def test_a_tag_from_the_window_can_be_taken_back(window, qtbot):
    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    library = library_of(window)
    window.tagging.accept([(1, "wet"), (2, "wet")])
    qtbot.waitUntil(lambda: accepted_tags(library) == {1: ["wet"], 2: ["wet"]})
    window.actions_by_name["undo"].trigger()
    qtbot.waitUntil(lambda: accepted_tags(library) == {})
    window.actions_by_name["undo"].trigger()
    qtbot.waitUntil(lambda: "nothing to undo" in window.status.message.text())


def test_categories_that_were_accepted_stand_among_the_categories(window, qtbot):
    qtbot.waitUntil(lambda: len(window.results.results.ids) == 12)
    window.tagging.accept([(1, "DOORWood"), (2, "wet")])

    def counted() -> bool:
        overview = window.library_controller.overview
        return overview is not None and overview.facets.tags == {"DOORWood": 1, "wet": 1}

    qtbot.waitUntil(counted)
    model = window.sources.tree.model()
    groups = {model.index(row, 0).data(): model.index(row, 0) for row in range(model.rowCount())}
    categories, tags = groups["UCS categories"], groups["Tags"]
    assert model.rowCount(categories) == 1 and model.rowCount(tags) == 1
    assert model.index(0, 0, tags).data() == "wet"


def test_rows_of_a_search_follow_files_that_the_user_renames(window, qtbot, sounds):
    window.bar.add_filter("in:tones")
    qtbot.waitUntil(lambda: window.results.results.rowCount() == 6)
    model = window.results.results
    qtbot.waitUntil(lambda: all(model.row_at(i).sound for i in range(6)))
    window.results.choose(0)
    dialog = opened_review(window)
    put_tags(library_of(window), [TagRow(int(i), "wet", "suggested", "m") for i in model.ids])
    dialog.look_at([int(i) for i in model.ids])
    qtbot.waitUntil(lambda: len(dialog.model.rows) == 6)
    plans = [
        Rename(path, str(Path(path).with_name(f"new {number}.wav")))
        for number, path in enumerate(model.row_at(row).sound.path for row in range(6))
    ]
    done = []
    window.tagging.rename(plans, done.append, lambda text: pytest.fail(text))
    names = {f"new {number}.wav" for number in range(6)}

    def shown() -> set[str]:
        return {Path(row.sound.path).name for i in range(6) if (row := model.row_at(i)).sound}

    qtbot.waitUntil(lambda: shown() == names)
    qtbot.waitUntil(lambda: window.player_controller.sound.path.endswith("new 0.wav"))
    qtbot.waitUntil(lambda: len(model.known(list(model.ids))) == 6)
    assert all(Path(sound.path).is_file() for sound in model.known(list(model.ids)).values())
    qtbot.waitUntil(lambda: {Path(row.sound.path).name for row in dialog.model.rows} == names)
    assert window.player.loaded is None or window.player.loaded.name == "new 0.wav"


def opened_review(window):
    window.actions_by_name["review"].trigger()
    return window.commands.dialogs.opened["review"]


def test_taking_back_asks_names_the_run_and_tells_what_could_not_be(window, qtbot, monkeypatch):
    dialog = dialog_of(WriteTags, window, qtbot)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 12)
    dialog.write.click()
    qtbot.waitUntil(lambda: "12 files written" in window.status.message.text())
    (folder,) = map(Path, library_of(window).folders())
    changed = next(folder.rglob("Sound_00.wav"))
    changed.write_bytes(changed.read_bytes() + b"x")
    asked, told = [], []
    monkeypatch.setattr(
        window.prompts, "confirm", lambda *said: asked.append(said) or len(asked) > 1
    )
    monkeypatch.setattr(window.prompts, "inform", lambda *said: told.append(said))
    review = opened_review(window)
    review.take_back()
    qtbot.waitUntil(lambda: len(asked) == 1)
    assert asked[0][0].startswith("Undo the run of ") and "into 12 files." in asked[0][0]
    assert read_header(changed).category == "DOORWood"
    review.take_back()
    qtbot.waitUntil(lambda: bool(told))
    qtbot.waitUntil(lambda: not window.jobs.shown() and not window.jobs._running)
    said, reasons = told[0]
    assert said.startswith("Undone: 11 files and 0 names. One was left as it is: ")
    assert len(reasons) == 1 and "Sound_00.wav" in reasons[0]
    assert review.says.text() == said
