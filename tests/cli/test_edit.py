"""``soundsift edit`` as its users meet it."""

import json

from engine.metadata.read import read_header, said_in
from tests.cli.test_cli import assert_problem
from tests.cli.test_mark import answer, run

__all__ = ["run"]  # a fixture


def test_texts_are_shown_written_found_and_undone(run):
    first, folder = run.folder / "door 0.wav", run.folder
    before = first.read_bytes()
    order = ("edit", folder, "--set", "description=A heavy door", "--add-keyword", "oak, old")
    shown = run(*order, "--dry-run")
    assert "description: – → A heavy door" in shown.stdout
    assert "3 files would be written" in shown.stdout and first.read_bytes() == before
    assert "3 files written" in run(*order).stdout
    assert said_in(read_header(first))["keywords"] == "oak, old"
    assert len(answer(run("search", "--names", "heavy oak", "--json"))["results"]) == 3
    done = answer(run("edit", first, "--replace", "Heavy", "light", "--words", "--json"))
    (plan,) = done["plan"]
    new = {"old": "A heavy door", "new": "A light door"}
    assert plan == {"path": str(first), "fields": {"description": new}, "problem": None}
    assert done["written"] == [str(first)] and not done["refused"] and not done["dry_run"]
    run("edit", first, "--template", "fxname={name} [{tags}]", "--set", "category=doors wood")
    texts = said_in(read_header(first))
    assert (texts["fxname"], texts["category"]) == ("door 0", "DOORWood")
    assert answer(run("tag", "undo", "--json"))["files"] == 1
    assert "1 file and 0 names done again" in run("tag", "redo").stdout
    assert said_in(read_header(first)) == texts
    assert answer(run("tag", "undo", "--json"))["files"] == 1
    assert answer(run("mark", "undo", "--json"))["undone"]["sounds"] == 1
    assert "undone: edit of 3 sounds" in run("mark", "undo").stdout
    assert first.read_bytes() == before
    assert "done again: edit of 3 sounds" in run("mark", "redo").stdout
    assert said_in(read_header(first))["description"] == "A heavy door"
    first.write_bytes(before)
    again = run("mark", "undo").stdout
    assert "undone: edit of 3 sounds" in again and first.read_bytes() == before


def test_what_others_changed_since_stays_when_an_edit_is_done_again(run):
    first = run.folder / "door 0.wav"
    run("edit", run.folder, "--set", "description=A heavy door")
    run("mark", "undo")
    first.write_bytes(changed := first.read_bytes() + b"\0\0")
    said = run("mark", "redo").stdout
    assert "door 0.wav has been changed since, so it is left as it is" in said
    assert first.read_bytes() == changed
    assert said_in(read_header(run.folder / "door 1.wav"))["description"] == "A heavy door"
    run("mark", "undo")
    assert_problem(run("tag", "undo"), "nothing to undo")


def test_what_makes_no_sense_is_one_sentence(run):
    assert_problem(run("edit", run.folder), "there is nothing to change")
    assert_problem(run("edit", run.folder, "--set", "oak"), "--set oak names no field")
    assert_problem(run("edit", run.folder, "--set", "title=x"), "there is no field title")
    nowhere = run.folder.parent / "nowhere"
    assert_problem(run("edit", nowhere, "--set", "fxname=x"), "there is no sound of the library at")
    only = run.folder / "door 1.wav"
    only.unlink()
    done = run("edit", only, "--set", "fxname=x")
    assert (
        done.returncode == 1
        and "the file could not be written: it is no longer there" in done.stderr
    )
    shown = json.loads(run("edit", run.folder, "--set", "fxname=x", "--json").stdout)
    assert len(shown["written"]) == 2 and shown["refused"][0]["reason"] == "it is no longer there"


def test_an_undo_that_restores_nothing_is_a_problem_and_the_next_goes_past_it(run):
    run("mark", run.folder, "--stars", 2)
    first = run.folder / "door 0.wav"
    run("edit", first, "--set", "description=A heavy door")
    first.write_bytes(first.read_bytes() + b"\0\0")
    why = "edit of 1 sound: door 0.wav has been changed since, so it is left as it is"
    assert_problem(run("mark", "undo"), f"not undone: {why}")
    assert_problem(run("mark", "undo"), f"passed over: {why}")
    assert "undone: stars of 3 sounds" in run("mark", "undo").stdout
