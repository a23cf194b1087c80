"""Decisions of other programs: they yield to a person's, and are undone as one run."""

import pytest

from engine.progress import Control
from engine.store.tags import AGENT, PERSON, TagRow, put_tags, suggest_tags, tag_rows
from engine.tags import run
from engine.tags.decisions import Decisions
from engine.tags.review import TagChange
from engine.tags.run import TagRun, undo_last
from engine.tags.run_folders import runs_of
from tests.engine.tags.test_run import folder, ids_of  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("folder")


def states(library) -> dict:
    return {(row.sound_id, row.label): (row.state, row.said_by) for row in tag_rows(library)}


def test_what_a_program_decides_is_known_as_its_own(library):
    first, second, *_ = ids_of(library)
    put_tags(library, [TagRow(first, "wet", "suggested", "model", 0.7, 1.0, 2.0)])
    decided = Decisions(library).decide([(first, "wet"), (second, "DOORWood")], [(second, "dry")])
    assert {(row.sound_id, row.label) for row in decided.changed} == {
        (first, "wet"),
        (second, "DOORWood"),
        (second, "dry"),
    }
    assert states(library) == {
        (first, "wet"): ("accepted", AGENT),
        (second, "DOORWood"): ("accepted", AGENT),
        (second, "dry"): ("rejected", AGENT),
    }
    (kept,) = tag_rows(library, [first])
    assert (kept.probability, kept.start_s, kept.end_s) == (0.7, 1.0, 2.0)


def test_what_a_person_decided_stays(library):
    first, *_ = ids_of(library)
    put_tags(library, [TagRow(first, "wet", "accepted", PERSON)])
    put_tags(library, [TagRow(first, "dry", "rejected", PERSON)])
    decided = Decisions(library).decide([(first, "dry")], [(first, "wet")])
    assert not decided.changed
    assert {label for _, label, _ in decided.kept} == {"wet", "dry"}
    assert states(library)[first, "wet"] == ("accepted", PERSON)
    assert states(library)[first, "dry"] == ("rejected", PERSON)


def test_a_sound_gets_no_second_category(library):
    first, *_ = ids_of(library)
    decisions = Decisions(library)
    assert decisions.decide([(first, "DOORWood")], []).changed
    assert "DOORWood" in decisions.decide([(first, "DOORMetl")], []).kept[0][2]
    decided = decisions.decide([(first, "DOORMetl")], [(first, "DOORWood")])
    assert not decided.kept
    assert states(library)[first, "DOORMetl"] == ("accepted", AGENT)


def test_what_a_program_rejected_is_not_suggested_again(library):
    first, *_ = ids_of(library)
    Decisions(library).decide([], [(first, "wet")])
    suggest_tags(library, [first], [TagRow(first, "wet", "suggested", "model", 0.9)])
    assert states(library)[first, "wet"] == ("rejected", AGENT)


def test_a_thousand_decisions_are_undone_as_one_run_and_push_no_other_out(library, monkeypatch):
    monkeypatch.setattr(run, "_KEPT", 6)
    first, second, *_ = ids_of(library)
    with TagRun.begin(library) as own:
        own.note(TagChange((), (TagRow(second, "mine", "accepted", PERSON),)))
    before = states(library)
    decisions = Decisions(library)
    for number in range(run._KEPT + 5):
        decisions.decide([(first, f"tag {number}")], [])
        decisions.decide([(second, "wet")] if number % 2 else [], [(second, "wet")])
    assert len(list(runs_of(library).iterdir())) == 2 and own.folder.is_dir()
    assert undo_last(library, Control()).tags
    assert states(library) == before


def test_decisions_after_another_run_are_a_run_of_their_own(library):
    first, second, *_ = ids_of(library)
    decisions = Decisions(library)
    decisions.decide([(first, "one")], [])
    with TagRun.begin(library) as other:
        other.note(TagChange((), (TagRow(second, "mine", "accepted", PERSON),)))
    decisions.decide([(first, "two")], [])
    undo_last(library, Control())
    assert (first, "one") in states(library) and (first, "two") not in states(library)
    undo_last(library, Control())  # the other
    undo_last(library, Control())
    assert not states(library)


def test_what_was_undone_is_not_undone_again_with_later_decisions(library):
    first, *_ = ids_of(library)
    decisions = Decisions(library)
    decisions.decide([(first, "one")], [])
    undo_last(library, Control())
    decisions.decide([(first, "two")], [])
    undo_last(library, Control())
    assert not states(library)


def test_a_decision_is_noted_before_it_is_made(library, monkeypatch):
    """Killed between the two, nothing that was changed is without its way back."""
    first, *_ = ids_of(library)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.tags.decisions.put_tags", killed)
    with pytest.raises(KeyboardInterrupt):
        Decisions(library).decide([(first, "one")], [])
    (noted,) = runs_of(library).iterdir()
    assert (noted / "tags.json").is_file()
