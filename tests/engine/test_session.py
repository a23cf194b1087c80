import csv
import subprocess
import sys

import pytest

from engine import open_library
from engine.errors import InputError, LibraryError, ModelError
from engine.index.build import IndexReport
from engine.progress import Cancelled, Control
from engine.search import QuerySound
from engine.session import open_to_index
from engine.tags.suggest import Rules
from engine.tags.tagging import Naming, TagOrder


def test_a_script_needs_five_lines(tmp_path, sounds):
    script = f"""
from engine import open_library
with open_library({str(tmp_path / "library.db")!r}) as library:
    library.index({str(sounds)!r})
    for match in library.search("noise dur:<1s", 3):
        print(match.sound.path, match.strength)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


def test_a_session_indexes_searches_and_refreshes(tmp_path, sounds, model_folder):
    with open_library(tmp_path / "library.db", str(model_folder)) as session:
        with pytest.raises(LibraryError, match="holds no sounds yet"):
            session.search("door")
        assert session.index(str(sounds / "tones")).heard == 6
        assert len(session.search("tone", 50)) == 6
        assert session.index([sounds / "noises"]).heard == 6
        assert len(session.search("tone", 50)) == 12
        assert len(session.similar(sounds / "tones" / "Sound_01.wav", 5)) == 5
        answers = session.cues(["door", "rain"], alternates=2)
        assert [answer.cue.text for answer in answers] == ["door", "rain"]
        labels = tmp_path / "labels.txt"
        labels.write_text("door\nrain\n")
        rules = Rules(least=0.0, most=1)
        tags = session.suggest_tags(sounds / "tones", str(labels), rules)
        assert len(tags) == 6 and all(path.startswith(str(sounds / "tones")) for path in tags)
        assert all(listed[0].label.name in ("door", "rain") for listed in tags.values())
    with open_library(tmp_path / "library.db") as again:
        assert again.model_folder == model_folder
        assert len(again.search("tone", 50)) == 12


def test_importing_the_engine_loads_nothing_heavy():
    script = "import sys, engine; assert not {'torch', 'sqlalchemy', 'numpy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_what_is_to_exist_is_not_made(tmp_path):
    with pytest.raises(LibraryError, match=r"there is no library at .* yet"):
        open_library(tmp_path / "none.db", make=False)
    with pytest.raises(ModelError, match="there is no model named nonsense"):
        open_library(tmp_path / "none.db", "nonsense")
    assert not list(tmp_path.iterdir())


def test_a_wrong_path_or_model_leaves_no_library_behind_and_another_model_is_refused(
    tmp_path, sounds, model_folder, make_model
):
    path = tmp_path / "library.db"
    with pytest.raises(InputError, match="does not exist"):
        open_to_index(tmp_path / "none", path, str(model_folder))
    with pytest.raises(ModelError, match="there is no model named nonsense"):
        open_to_index(sounds, path, "nonsense")
    assert not path.exists()
    with open_to_index(sounds, path, str(model_folder)) as session:
        session.index(sounds / "tones")
    other = make_model("other", seed=3)
    with pytest.raises(InputError, match="this library uses the model random"):
        open_to_index(sounds, path, str(other))
    with open_to_index(sounds, path, str(model_folder)) as session:
        assert session.use_model(str(other)) and session.model_name == "other"
        assert session.search("tone").model == "other"


@pytest.fixture
def session(tmp_path, sounds, model_folder):
    """A session on a library of a folder of six sounds; six more lie beside it."""
    with open_library(tmp_path / "library.db", str(model_folder)) as opened:
        opened.index(sounds / "tones")
        yield opened


def test_an_answer_is_a_sequence_of_its_matches(session, sounds):
    answer = session.search("tone", 4)
    assert list(answer) == list(answer.matches) and answer[0] is answer.matches[0]
    assert len(answer) == 4 and answer.model == "random"
    assert not session.search("nowhere", names=True)
    first = QuerySound(sounds / "tones" / "Sound_01.wav", 0.1)
    assert len(session.similar(first, 3)) == len(session.similar([first], 3)) == 3


def test_words_are_searched_without_a_model(session, model_folder):
    hidden = model_folder.rename(model_folder.with_name("hidden"))
    try:
        with open_library(session.library.path, make=False) as again:
            assert [m.sound.path[-6:] for m in again.search("07", names=True)] == ["07.wav"]
            with pytest.raises(ModelError, match="there is no model named"):
                again.search("tone")
    finally:
        hidden.rename(model_folder)


def test_a_run_of_tagging_is_foreseen_done_and_taken_back(session, sounds, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("tone\nrain\n")
    order = TagOrder(Rules(least=0.01, most=1), apply=True, accept=0.01)
    dry = session.tag(sounds, TagOrder(order.rules, True, 0.01, dry_run=True), str(labels))
    assert dry.accepted == 12 and not session.search("has:tags")
    done = session.tag(sounds, order, str(labels))
    assert (done.accepted, done.paths, done.taxonomy) == (12, dry.paths, "labels")
    assert len(session.search("has:tags")) == 12
    assert session.undo_tags().tags == 12 and not session.search("has:tags")
    only = session.tag([next(iter(done.paths))], None, str(labels))
    assert len(only.paths) == 1 and only.accepted == 0
    with pytest.raises(InputError, match="no sounds in the selection"):
        session.tag([])


def test_names_without_what_they_hold_are_refused_before_anything_is_done(session, sounds):
    for naming, says in (
        (Naming(), "the pattern uses creator: give one, such as --creator ABC"),
        (Naming("{what}"), "can use the fields catid"),
    ):
        with pytest.raises(InputError, match=says):
            session.tag(sounds, TagOrder(rename=naming))
    assert session.library.statistics().sounds == 6


def test_whoever_waits_for_the_model_can_be_stopped(session):
    with pytest.raises(Cancelled), session.searching(Control(cancel=lambda: True)):
        raise AssertionError("it was searched")
    assert session.search("tone")


def test_a_table_is_exported_of_all_sounds_or_of_some(session, tmp_path):
    for text, count in (("", 6), ("07", 1)):
        assert session.export(tmp_path / "some.csv", text) == count
        with (tmp_path / "some.csv").open(encoding="utf-8-sig") as file:
            assert len(list(csv.reader(file))) == count + 1
    with pytest.raises(InputError, match="unknown file type"):
        session.export(tmp_path / "some.docx")


def test_a_summary_of_an_index_run_names_all_that_happened_in_one_order():
    report = IndexReport(9, 3, 2, 0, 1, 4, 5, audio_s=1.0, took_s=1.0)
    assert report.summary() == [
        *(("heard", 2), ("unchanged", 3), ("back", 1), ("missing", 4), ("skipped", 5))
    ]
    assert IndexReport(0, 0, 0, 0, 0, 0, 0, 0.0, 0.0).summary() == []


def test_no_cues_have_no_clips_and_a_closed_session_says_so(tmp_path, sounds, model_folder):
    with open_library(tmp_path / "library.db", str(model_folder)) as session:
        session.index(sounds / "tones")
        assert session.cues([]) == []
        assert len(session.search("tone")) > 0
    with pytest.raises(LibraryError, match="is closed: open it again"):
        session.search("tone")
