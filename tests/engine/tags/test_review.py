"""Decisions: who said what, what a later run may change, and the way back."""

import pytest

from engine.search import search_names
from engine.search.labels.taxonomy import Label, ucs
from engine.store import FileFacts, Header
from engine.store.conditions import Category, Tag, sounds_where
from engine.store.history import Restored, Step, undo
from engine.store.listing import facets
from engine.store.tags import (
    TagRow,
    accepted_tags,
    merge,
    rejected_tags,
    tag_rows,
    tags_among,
)
from engine.tags.review import Review, record, rows_of, sure_tags
from engine.tags.suggest import Suggestion
from tests.conftest import accept_tags

MODEL = "0123456789abcdef"


def own(name: str) -> Label:
    return Label(name, name, name, (name,), (1.0,), name, "")


def category(cat_id: str) -> Label:
    return next(label for label in ucs().labels if label.id == cat_id)


@pytest.fixture
def four(library):
    """Return a library of four sounds; the third one's header says its category."""
    rows = []
    for number in range(1, 5):
        facts = FileFacts(f"/s/{number}.wav", 1, 1, str(number), 10.0, 48000, 1, 16, "wav")
        rows.append((facts, Header(category="DOORWood" if number == 3 else None)))
    library.put_headers(rows)
    return library


def said(library, *found, ids=(1, 2, 3, 4), accept_from=None):
    suggestions: dict[int, list[Suggestion]] = {}
    for sound_id, label, probability, *part in found:
        start, end = part or (0.0, 10.0)
        suggestions.setdefault(sound_id, []).append(Suggestion(label, probability, start, end))
    return record(library, ids, rows_of(library, suggestions, ids, MODEL, accept_from))


def states(library):
    return {(r.sound_id, r.label): (r.state, r.said_by) for r in tag_rows(library)}


def test_another_label_is_said_of_the_same_part(four):
    said(four, (1, own("wet"), 0.9, 2.0, 4.5))
    Review(four).edit([(1, "wet"), (2, "dry")], "moist")
    (of_part,) = tag_rows(four, [1], "accepted")
    (of_all,) = tag_rows(four, [2], "accepted")
    assert (of_part.label, of_part.start_s, of_part.end_s) == ("moist", 2.0, 4.5)
    assert (of_all.label, of_all.start_s, of_all.end_s) == ("moist", None, None)


def test_suggestions_are_open_until_somebody_decides(four):
    said(four, (1, own("wet"), 0.9), (2, own("dry"), 0.4))
    assert states(four) == {(1, "wet"): ("suggested", MODEL), (2, "dry"): ("suggested", MODEL)}
    assert accepted_tags(four) == {}
    assert [row.probability for row in tag_rows(four, [1])] == [0.9]


def test_sure_ones_are_accepted_and_found_at_once(four):
    said(four, (1, own("wet"), 0.9), (2, own("wet"), 0.4), accept_from=0.5)
    assert accepted_tags(four) == {1: ["wet"]}
    assert list(sounds_where(four, [Tag("wet")])) == [1]
    assert [match.sound.id for match in search_names(four, "wet").matches] == [1]


def test_a_sound_gets_one_category_and_it_is_found_and_counted_as_one(four):
    wood, metal = category("DOORWood"), category("DOORMetl")
    said(four, (1, wood, 0.9), (1, metal, 0.8), (1, own("wet"), 0.7), accept_from=0.5)
    assert accepted_tags(four) == {1: ["DOORWood", "wet"]}
    assert states(four)[1, "DOORMetl"] == ("suggested", MODEL)
    assert list(sounds_where(four, [Category("doorwood")])) == [1, 3]
    assert list(sounds_where(four, [Category("DOOR", prefix=True)])) == [1, 3]
    assert facets(four).tags == {"DOORWood": 1, "wet": 1}


def test_a_category_that_the_file_names_is_said_by_the_file(four):
    said(four, (3, category("DOORWood"), 0.99), accept_from=0.5)
    assert states(four)[3, "DOORWood"] == ("accepted", "file")
    assert facets(four).tags == {} and facets(four).categories == {"DOORWood": 1}


def test_a_correction_by_hand_is_never_overwritten(four):
    review = Review(four)
    said(four, (1, own("wet"), 0.9), (2, own("wet"), 0.9), (4, category("DOORWood"), 0.9))
    review.reject([(1, "wet")])
    review.edit([(2, "wet")], "moist")
    review.edit([(4, "DOORWood")], "DOORMetl")
    again = ((1, own("wet"), 0.99), (2, own("wet"), 0.99), (4, category("DOORWood"), 0.99))
    said(four, *again, accept_from=0.5)
    assert states(four)[1, "wet"] == ("rejected", "person")
    assert states(four)[2, "wet"] == ("edited", "person")
    assert accepted_tags(four) == {2: ["moist"], 4: ["DOORMetl"]}
    assert rejected_tags(four, 1) == {"wet"} and rejected_tags(four, 2) == {"wet"}
    said(four, (4, category("GLASBrk"), 0.99), accept_from=0.5)  # no second category either
    assert accepted_tags(four)[4] == ["DOORMetl"]


def test_a_later_run_replaces_open_suggestions_and_keeps_accepted_ones(four):
    said(four, (1, own("wet"), 0.9), (1, own("dry"), 0.6), (2, own("wet"), 0.4), accept_from=0.8)
    said(four, (1, own("wet"), 0.5), (1, own("cold"), 0.4), ids=(1,))
    assert states(four) == {
        (1, "wet"): ("accepted", MODEL),
        (1, "cold"): ("suggested", MODEL),
        (2, "wet"): ("suggested", MODEL),  # it was not looked at again
    }


def test_the_surest_part_of_a_sound_is_kept(four):
    said(four, (1, own("wet"), 0.9, 2.0, 4.0), (1, own("wet"), 0.5, 6.0, 8.0))
    ((row),) = tag_rows(four, [1])
    assert (row.probability, row.start_s, row.end_s) == (0.9, 2.0, 4.0)
    said(four, (2, own("wet"), 0.9, 0.0, 10.0), ids=(2,))
    assert tag_rows(four, [2])[0].start_s is None  # of the whole sound


def test_every_decision_can_be_taken_back(four):
    review = Review(four)
    said(four, (1, own("wet"), 0.9), (2, own("wet"), 0.9))
    before = states(four)
    review.accept([(1, "wet"), (2, "wet")])
    accepted = states(four)
    review.edit([(1, "wet")], "moist")
    review.accept([(4, "new")])
    assert accepted_tags(four) == {1: ["moist"], 2: ["wet"], 4: ["new"]}
    assert undo(four) == Restored(Step("tags", 1, "new"), (4,))
    assert undo(four) == Restored(Step("tags", 1), (1,))
    assert states(four) == accepted and search_names(four, "moist").matches == ()
    undo(four)
    assert states(four) == before and undo(four) is None


def test_a_tag_is_removed_from_some_sounds_or_from_all(four):
    review = Review(four)
    review.accept([(1, "wet"), (2, "wet"), (4, "wet"), (4, "dry")])
    assert review.remove("wet", [2, 3]) == [2]
    assert accepted_tags(four) == {1: ["wet"], 4: ["dry", "wet"]}
    assert review.remove("wet") == [1, 4] and review.remove("wet") == []
    assert accepted_tags(four) == {4: ["dry"]} and rejected_tags(four, 1) == {"wet"}
    assert tags_among(four, [1, 4]) == {"dry": 1}


def test_what_was_decided_since_is_not_taken_back(four):
    change = said(four, (1, own("wet"), 0.9), (2, own("wet"), 0.9), accept_from=0.5)
    accept_tags(four, [(2, "wet")])
    taken = change.take_back(four)
    assert [row.sound_id for row in taken] == [1]
    assert states(four) == {(2, "wet"): ("accepted", "person")}


def test_all_sure_ones_are_one_category_for_each_sound():
    rows = [
        TagRow(1, "DOORWood", "suggested", MODEL, 0.8),
        TagRow(1, "DOORMetl", "suggested", MODEL, 0.9),
        TagRow(1, "wet", "suggested", MODEL, 0.6),
        TagRow(2, "DOORWood", "accepted", "person"),
        TagRow(2, "GLASBrk", "suggested", MODEL, 0.9),
        TagRow(3, "wet", "rejected", "person", 0.9),
        TagRow(3, "dry", "suggested", MODEL, 0.4),
    ]
    assert sure_tags(rows, 0.5) == [(1, "DOORMetl"), (1, "wet")]


def test_merging_keeps_what_a_person_said_and_what_is_accepted():
    old = [
        TagRow(1, "a", "rejected", "person"),
        TagRow(1, "b", "accepted", MODEL),
        TagRow(1, "c", "suggested", MODEL),
    ]
    new = [TagRow(1, label, "suggested", "other") for label in "abcd"]
    assert [row.label for row in merge(old, new)] == ["c", "d"]
    sure = [TagRow(1, label, "accepted", "other") for label in "abcd"]
    assert [row.label for row in merge(old, sure)] == ["b", "c", "d"]
