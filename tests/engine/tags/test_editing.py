"""Texts edited by a person: planned, written into every format, found at once, and back."""

import os
import shutil
from pathlib import Path

import pytest
import soundfile

from engine.errors import AudioError, InputError
from engine.index.build import index_folders
from engine.index.drives import relink
from engine.metadata.edits import EditKeywords, FillTemplate, ReplaceText, SetText
from engine.metadata.journal import Journal
from engine.metadata.read import read_header, said_in
from engine.metadata.ucs_names import categories
from engine.metadata.write import SoundTags, write_tags
from engine.models.trial import remember_tried
from engine.progress import Cancelled, Control
from engine.search import search_names
from engine.search.grammar import parse
from engine.store import Library
from engine.store.history import steps
from engine.store.places import sound_at
from engine.store.tags import PERSON, accepted_tags
from engine.tags.editing import plan_edits, read_texts, write_edits
from engine.tags.run import undo_last
from engine.tags.run_folders import runs_of
from engine.tags.undoing import redo_now, undo_now
from tests.conftest import accept_tags, encode, tone

KINDS = ("wav", "flac", "ogg", "aiff", "mp3", "m4a")
DOOR = SoundTags("A heavy door", categories()["doorwood"], "Door Heavy", ("wood", "door"))


@pytest.fixture(scope="module")
def indexed(tmp_path_factory, model_folder) -> Path:
    """Return where ``library.db`` knows ``sounds``: a described door in every format."""
    place = tmp_path_factory.mktemp("indexed")
    sounds = place / "sounds"
    sounds.mkdir()
    for kind in KINDS:
        path = sounds / f"thing_{kind}.{kind}"
        if kind == "m4a":
            encode(path, "aac", duration_s=0.4)
        else:
            soundfile.write(path, tone(300, 0.4), 32000)
        write_tags(path, DOOR, Journal(place / "journal"))
    with pytest.MonkeyPatch.context() as patch, Library(place / "library.db") as library:
        patch.setenv("SOUNDSIFT_HOME", str(place / "home"))
        remember_tried(model_folder)
        library.set_settings({"model_folder": str(model_folder).encode()})
        index_folders(library, model_folder, [sounds], Control())
    return place


@pytest.fixture
def library(tmp_path: Path, indexed: Path):
    """Give a library of one's own of the same sounds, as if they had been indexed here."""
    shutil.copytree(indexed / "sounds", tmp_path / "sounds")
    with Library(Path(shutil.copy2(indexed / "library.db", tmp_path))) as opened:
        relink(opened, indexed / "sounds", tmp_path / "sounds")
        yield opened


@pytest.fixture
def folder(tmp_path: Path, library) -> Path:
    """Return the folder of the doors."""
    return tmp_path / "sounds"


@pytest.fixture
def one(folder, library):
    """Return the WAV file alone."""
    return folder / "thing_wav.wav"


def planned(library, edits, *paths: Path):
    ids = [sound_at(library, str(path)) for path in paths] or list(library.sounds())
    return plan_edits(read_texts(library, ids, Control()), edits)


def write(library, edits, *paths: Path, control=None):
    plan = planned(library, edits, *paths)
    return write_edits(library, plan, edits, control or Control())[0]


def said(path: Path) -> dict[str, str]:
    return said_in(read_header(path))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def found(library, text: str) -> int:
    return len(search_names(library, parse(text)).matches)


EDITS = [
    SetText("description", "Slow gate, emoji \U0001f6aa and ümläut"),
    SetText("fxname", "Gate Slow"),
    SetText("category", "gates wood"),
    EditKeywords(("slow", "wet"), ("WOOD",)),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_replaced_in_every_format_and_comes_back_byte_for_byte(
    library, folder, kind
):
    path, before = folder / f"thing_{kind}.{kind}", contents(folder)
    edits = [*EDITS[:2], SetText("category", "DOORMetl"), EDITS[3]]
    written = write(library, edits, path)
    assert written.done == (str(path),) and not written.refused and not written.kept
    assert said(path) == {
        "description": "Slow gate, emoji \U0001f6aa and ümläut",
        "keywords": "door, slow, wet",
        "category": "DOORMetl",
        "fxname": "Gate Slow",
    }
    assert said(path)["description"] in {r.description for r in library.sounds().values()}
    assert found(library, "slow gate") == 1 == found(library, "cat:DOORMetl")
    assert undo_now(library, Control()).step.count == 1
    assert contents(folder) == before and found(library, "slow gate") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_can_be_emptied_in_every_format(library, folder, kind):
    path = folder / f"thing_{kind}.{kind}"
    edits = [SetText(name, "") for name in ("description", "keywords", "category", "fxname")]
    written = write(library, edits, path)
    assert not written.refused and not written.kept
    assert set(said(path).values()) == {""}
    assert found(library, "door") == len(KINDS) - 1


def test_what_is_found_is_replaced_and_nothing_else_is_planned(library, folder):
    edits = [ReplaceText("description", "HEAVY", "light")]
    plan = planned(library, edits)
    assert {one.new["description"] for one in plan} == {"A light door"}
    assert not any(one.changes for one in planned(library, [ReplaceText("fxname", "gate", "x")]))
    assert not any(p.new for p in planned(library, [ReplaceText("fxname", "door", "x", case=True)]))
    assert not any(p.new for p in planned(library, [ReplaceText("fxname", "doo", "x", words=True)]))
    assert planned(library, [ReplaceText("fxname", "Door H", "\\1", True)])[0].new == {
        "fxname": "\\1eavy"
    }


def test_a_replacement_keeps_the_line_breaks_that_are_in_a_file(library, folder, tmp_path):
    path = folder / "thing_flac.flac"
    soundfile.write(path, tone(300, 0.4), 32000)
    write_tags(path, SoundTags("One door\nof wood"), Journal(tmp_path / "journal2"))
    write(library, [ReplaceText("description", "door", "gate")], path)
    assert b"One gate\nof wood" in path.read_bytes()
    assert said(path)["description"] == "One gate of wood"


def test_a_text_with_breaks_zeros_and_controls_becomes_one_line(library, one):
    write(library, [SetText("description", "a\r\nb\0c\x07\td \u2028e")], one)
    assert said(one)["description"] == "a b c d e"


def test_a_long_description_is_read_whole_though_bext_has_room_for_its_beginning(library, one):
    text = "Türen " * 1660 + "end"
    assert not write(library, [SetText("description", text)], one).kept
    assert said(one)["description"] == text and len(text) > 9_900
    write(library, [ReplaceText("description", "end", "ende")], one)
    assert said(one)["description"].endswith("Türen ende")
    with pytest.raises(InputError, match="32,001 characters; 32,000 is the most"):
        planned(library, [SetText("description", "x" * 32_001)])


def test_templates_take_fields_of_the_file_and_leave_out_what_is_empty(library, folder, one):
    accept_tags(library, [(sound_at(library, str(one)), "metal")])
    edits = [FillTemplate("description", "{category}_{fxname}_{tags}")]
    plans = {Path(p.held.path).suffix: p for p in planned(library, edits)}
    assert plans[".wav"].new == {"description": "Doors_Door Heavy_metal"}
    assert plans[".mp3"].problem == "it has no tags, which the template needs"
    edits = [FillTemplate("description", "{subcategory}: {name}[ ({tags})] {folder}")]
    plans = {Path(p.held.path).suffix: p for p in planned(library, edits)}
    assert plans[".wav"].new == {"description": "Wood: thing_wav (metal) sounds"}
    assert plans[".mp3"].new == {"description": "Wood: thing_mp3 sounds"}


def test_an_fx_name_can_be_drafted_from_tags_by_a_template(library, model_folder, folder):
    path = folder / "ZOOM0002.wav"
    soundfile.write(path, tone(300, 0.4), 32000)
    index_folders(library, model_folder, [folder], Control())
    accept_tags(library, [(sound_at(library, str(path)), "metal gate")])
    write(library, [FillTemplate("fxname", "{fxname}")], path)
    assert said(path)["fxname"] == "Metal Gate"


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (SetText("title", "x"), "there is no field title: edit description, keywords"),
        (SetText("category", "nonsense"), "there is no UCS category nonsense: write a CatID"),
        (ReplaceText("fxname", "", "x"), "there is nothing to look for"),
        (EditKeywords(), "there are no keywords to add or remove"),
        (FillTemplate("fxname", "{artist}"), r"is not understood: use \{name\}"),
        (FillTemplate("fxname", "{name"), "is not understood"),
        (FillTemplate("fxname", "plain"), "is not understood"),
        (FillTemplate("fxname", "{name!r}"), "is not understood"),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused_before_anything_is_read(edit, why):
    with pytest.raises(InputError, match=why):
        plan_edits([], [edit])


def test_a_category_that_a_replacement_makes_must_exist(library, one):
    (plan,) = planned(library, [ReplaceText("category", "Wood", "Gold")], one)
    assert plan.problem == "there is no UCS category DOORGold: write a CatID such as DOORWood"
    (plan,) = planned(library, [ReplaceText("category", "Wood", "Metl")], one)
    assert plan.new == {"category": "DOORMetl"} and plan.changes


def test_a_keyword_may_change_its_letters_and_keeps_its_place_in_no_order(library, one):
    write(library, [ReplaceText("keywords", "wood", "Wood", case=True)], one)
    assert said(one)["keywords"] == "door, Wood"
    assert not planned(library, [SetText("keywords", "Wood; door, Wood")], one)[0].new


def test_a_category_that_was_a_tag_gives_way_and_comes_back(library, one):
    sound_id = sound_at(library, str(one))
    accept_tags(library, [(sound_id, "DOORGlas"), (sound_id, "metal")])
    write(library, [SetText("category", "DOORMetl")], one)
    assert accepted_tags(library) == {sound_id: ["DOORMetl", "metal"]}
    undo_now(library, Control())
    assert accepted_tags(library) == {sound_id: ["DOORGlas", "metal"]}


def test_one_order_is_one_step_among_all_others(library, folder):
    before = contents(folder)
    write(library, [SetText("description", "first")])
    sound_id = min(library.sounds())
    library_step(library, sound_id)
    write(library, [SetText("description", "second")])
    assert [(step.kind, step.count) for step in steps(library)][:3] == [
        *(("edit", 6), ("tags", 1), ("edit", 6))
    ]
    assert undo_now(library, Control()).step.count == 6
    assert {said(p)["description"] for p in folder.iterdir()} == {"first"}
    assert undo_now(library, Control()).step.kind == "tags"
    assert undo_now(library, Control()).step.kind == "edit" and contents(folder) == before
    assert undo_now(library, Control()) is None
    for kind, text in (("edit", "first"), ("tags", "first"), ("edit", "second")):
        assert redo_now(library, Control()).step.kind == kind
        assert {said(p)["description"] for p in folder.iterdir()} == {text}
    assert redo_now(library, Control()) is None and found(library, "second") == 6


def library_step(library, sound_id):
    from engine.tags.review import Review

    Review(library).accept([(sound_id, "creak")])


def test_a_step_whose_run_was_undone_otherwise_is_passed_over(library, folder):
    library_step(library, min(library.sounds()))
    write(library, [SetText("description", "first")])
    undo_last(library, Control())
    assert undo_now(library, Control()).step.kind == "tags"


def test_an_order_that_changes_nothing_leaves_neither_step_nor_run(library, folder):
    assert write(library, [SetText("description", "A heavy door")]).done == ()
    assert not steps(library) and not list(runs_of(library).iterdir())


def test_what_was_written_before_a_stop_is_known_and_undone(library, folder):
    before, asked = contents(folder), []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    edits = [SetText("description", "stopped")]
    plan = planned(library, edits)
    with pytest.raises(Cancelled):
        write_edits(library, plan, edits, Control(cancel=stop))
    changed = [p for p in folder.iterdir() if said(p)["description"] == "stopped"]
    assert len(changed) == 3 == steps(library)[0].count == found(library, "stopped")
    undo_now(library, Control())
    assert contents(folder) == before


def test_a_killed_order_is_undone_as_the_step_that_it_is(library, folder, monkeypatch):
    import engine.tags.run as runs

    before, real, done = contents(folder), runs.write_tags, []

    def die(path, *rest):
        if len(done) == 2:
            raise SystemExit
        done.append(path)
        return real(path, *rest)

    edits = [SetText("description", "new")]
    plan = planned(library, edits)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_tags", die)
        patch.setattr(runs, "settle_run", lambda *_: None)  # what a killed process does not do
        with pytest.raises(SystemExit):
            write_edits(library, plan, edits, Control())
    assert found(library, "new") == 2
    assert undo_now(library, Control()).step.kind == "edit"
    assert contents(folder) == before and not steps(library)


# What others do to files meanwhile


def test_a_file_that_vanishes_before_it_is_written_stops_no_other(library, folder, one):
    edits = [SetText("description", "new")]
    plan = planned(library, edits)
    one.unlink()
    written, _ = write_edits(library, plan, edits, Control())
    assert len(written.done) == 5
    assert written.refused == ((str(one), "thing_wav.wav is no longer there: nothing was written"),)


def test_a_file_that_vanishes_after_it_was_written_stops_nothing(library, folder, monkeypatch):
    import engine.tags.run as runs

    real = runs.write_tags

    def write_and_lose(path, *rest):
        result = real(path, *rest)
        if path.suffix == ".wav":
            path.unlink()
        return result

    monkeypatch.setattr(runs, "write_tags", write_and_lose)
    assert len(write(library, [SetText("description", "new")]).done) == 6
    assert found(library, "new") == 5


def test_a_text_that_another_program_changed_since_it_was_shown_stays(library, one, tmp_path):
    edits = [SetText("description", "mine")]
    plan = planned(library, edits, one)
    shutil.copy(one, tmp_path / "copy.wav")
    other = [SetText("description", "theirs")]
    write(library, other, one)
    now = one.read_bytes()
    written, _ = write_edits(library, plan, edits, Control())
    why = "thing_wav.wav has another description by now: look at it again; it is unchanged"
    assert written.refused == ((str(one), why),) and one.read_bytes() == now


def test_a_file_that_changed_since_it_was_indexed_is_read_again(library, one, tmp_path):
    soundfile.write(one, tone(500, 0.5), 32000)
    write_tags(one, SoundTags("a new one"), Journal(tmp_path / "journal3"))
    (plan,) = planned(library, [ReplaceText("description", "new", "old")], one)
    assert plan.held.texts["description"] == "a new one"
    assert plan.new == {"description": "a old one"}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.chmod(0o400), "it is read-only"),
        (lambda path: path.parent.chmod(0o500), "its folder is read-only"),
        (lambda path: os.link(path, path.parent.parent / "other"), "it has 2 hard links"),
        (lambda path: path.unlink(), "it is no longer there"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is(library, one, spoil, why, monkeypatch):
    if os.geteuid() == 0 and "read-only" in why:  # whom no right keeps out
        right = lambda path, mode: bool(Path(path).stat().st_mode & 0o200)  # noqa: E731
        monkeypatch.setattr("engine.tags.editing.os.access", right)
    spoil(one)
    try:
        (plan,) = planned(library, [SetText("description", "new")], one)
        assert plan.problem.startswith(why) and not plan.changes
        assert planned(library, [SetText("description", "A heavy door")], one)[0].problem == ""
    finally:
        one.parent.chmod(0o700)


def test_offline_and_missing_sounds_are_told(library, folder, one):
    library.set_state([sound_at(library, str(one))], 2)
    library.set_state([sound_at(library, str(folder / "thing_mp3.mp3"))], 1)
    plans = planned(library, [SetText("description", "new")])
    problems = {Path(p.held.path).suffix: p.problem for p in plans}
    assert problems[".wav"] == "its drive is not connected"
    assert problems[".mp3"] == "its file is missing" and problems[".ogg"] == ""
    assert len(write(library, [SetText("description", "new")]).done) == 4


def test_a_full_disk_leaves_every_file_as_it_was(library, folder, monkeypatch):
    import engine.metadata.journal as journals

    before = contents(folder)

    def full(path, write):
        raise OSError(28, "No space left on device")

    edits = [SetText("description", "new")]
    plan = planned(library, edits)
    monkeypatch.setattr(journals.durable, "write_file", full)
    written, _ = write_edits(library, plan, edits, Control())
    assert len(written.refused) == 6 and not written.done
    assert written.refused[0][1].endswith("No space left on device; it is unchanged")
    assert contents(folder) == before and not steps(library)


@pytest.mark.parametrize("beside", [True, False])  # another comment, or none
def test_a_text_in_a_field_into_which_nothing_is_written_is_told(library, folder, beside):
    from mutagen.id3 import ID3, TIT3

    path = folder / "thing_mp3.mp3"
    tags = ID3(path)
    if not beside:
        tags.delall("COMM")
    tags.add(TIT3(encoding=3, text="a subtitle"))
    tags.save(path)
    before = path.read_bytes()
    written = write(library, [SetText("description", "new")], path)
    why = (
        "the description of thing_mp3.mp3 stands where Soundsift does not write: the file is "
        "unchanged"
    )
    assert written.refused == ((str(path), why),) and path.read_bytes() == before


def test_a_second_description_that_says_something_else_stays_and_is_told(library, one, tmp_path):
    from engine.metadata.formats import open_container

    container = open_container(one)
    info = container.parts[2]
    info.put("ICMT", "recorded by me")
    made = tmp_path / "made.wav"
    with made.open("wb") as out:
        container.write(out, False)
    shutil.copy(made, one)
    written = write(library, [SetText("description", "new")], one)
    assert written.kept == (
        (str(one), "a second description of it says something else, and is left as it is"),
    )
    fields = read_header(one).fields
    assert fields["info.comment"] == "recorded by me" and fields["ixml.DESCRIPTION"] == "new"


def test_no_promise_of_a_plan_is_believed_without_the_look_at_the_file(library, one, monkeypatch):
    """Without the second look, in ``write_tags``, another's text would be lost."""
    tags = SoundTags(replaced=(replaced("description", "never there", "new"),))
    with pytest.raises(AudioError, match="has another description by now"):
        write_tags(one, tags, Journal(one.parent.parent / "journal4"))


def replaced(*parts):
    from engine.metadata.write import Replaced

    return Replaced(*parts)


def test_the_user_who_edits_is_the_one_who_said_it(library, one):
    sound_id = sound_at(library, str(one))
    accept_tags(library, [(sound_id, "DOORGlas")], "a model")
    write(library, [SetText("category", "DOORMetl")], one)
    from engine.store.tags import tag_rows

    assert {(r.label, r.state, r.said_by) for r in tag_rows(library, [sound_id])} == {
        *(("DOORGlas", "edited", PERSON), ("DOORMetl", "accepted", PERSON))
    }
