"""Tags: what is said of sounds, by whom, and what becomes of earlier words."""

import pytest

from engine.errors import InputError
from engine.store import FileFacts, Library, chunks
from engine.store.collections import (
    collect,
    collections,
    drop_collection,
    rename_collection,
    take_out,
)
from engine.store.keywords import match_words
from engine.store.tags import (
    PERSON,
    TagRow,
    accepted_tags,
    merge,
    put_tags,
    rejected_tags,
    sounds_with_tags,
    suggest_tags,
    tag_rows,
)


@pytest.fixture
def filled(library: Library) -> Library:
    library.put_sounds(
        [(FileFacts(f"/s/{n}.wav", 1, 5, "h", 1.0, 1, 1, 16, "wav"), []) for n in "abcdefg"]
    )
    return library


def found(library: Library, word: str) -> list[int]:
    return [sound_id for sound_id, _ in match_words(library, [[word]])]


def test_tags_come_back_whole_in_order_of_sound_and_label(filled):
    rows = [
        TagRow(2, "wet", "accepted", PERSON),
        TagRow(1, "rusty", "suggested", "model-1", 0.75, 1.5, 2.5),
        TagRow(1, "bright", "rejected", "file", 0.25, 0.0, 1.0),
    ]
    put_tags(filled, rows)
    assert tag_rows(filled) == [rows[2], rows[1], rows[0]]
    assert tag_rows(filled, [2]) == [rows[0]]
    assert tag_rows(filled, []) == []
    assert tag_rows(filled, None, "suggested") == [rows[1]]
    assert tag_rows(filled, [2], "suggested") == []


def test_a_later_word_replaces_all_of_an_earlier_one(filled):
    put_tags(filled, [TagRow(1, "wet", "suggested", "model-1", 0.75, 1.5, 2.5)])
    later = TagRow(1, "wet", "accepted", PERSON, 0.5, 3.5, 4.5)
    put_tags(filled, [later])
    assert tag_rows(filled) == [later]
    assert found(filled, "wet") == [1]


def test_dropped_tags_go_with_their_words_and_no_others(filled):
    rows = [TagRow(i, label, "accepted", PERSON) for i in (1, 2) for label in ("dry", "wet")]
    put_tags(filled, rows)
    assert (found(filled, "wet"), found(filled, "dry")) == ([1, 2], [1, 2])
    put_tags(filled, [TagRow(3, "new", "accepted", PERSON)], [(1, "wet"), (9, "dry")])
    assert accepted_tags(filled) == {1: ["dry"], 2: ["dry", "wet"], 3: ["new"]}
    assert (found(filled, "wet"), found(filled, "dry"), found(filled, "new")) == ([2], [1, 2], [3])
    put_tags(filled, [], [(2, "dry")])
    assert accepted_tags(filled, [1, 2]) == {1: ["dry"], 2: ["wet"]}
    assert found(filled, "dry") == [1]


def test_rejected_and_replaced_labels_are_told_of_their_sound_only(filled):
    put_tags(
        filled,
        [
            TagRow(1, "no", "rejected", PERSON),
            TagRow(1, "instead", "edited", PERSON),
            TagRow(1, "yes", "accepted", PERSON),
            TagRow(1, "maybe", "suggested", "m"),
            TagRow(2, "other", "rejected", PERSON),
        ],
    )
    assert rejected_tags(filled, 1) == {"no", "instead"}
    assert rejected_tags(filled, 3) == set()
    assert accepted_tags(filled) == {1: ["yes"]}


def test_only_accepted_tags_are_words(filled):
    for state in ("suggested", "rejected", "edited"):
        put_tags(filled, [TagRow(1, "wet", state, PERSON)])
        assert found(filled, "wet") == []


OLD = [
    TagRow(1, "by person", "rejected", PERSON),
    TagRow(1, "accepted", "accepted", "model-1"),
    TagRow(1, "suggested", "suggested", "model-1", 0.5),
]


@pytest.mark.parametrize(
    ("new", "counts"),
    [
        (TagRow(1, "by person", "accepted", "m"), False),
        (TagRow(1, "by person", "suggested", "m"), False),
        (TagRow(1, "accepted", "suggested", "m"), False),
        (TagRow(1, "accepted", "accepted", "m", 0.9), True),
        (TagRow(1, "suggested", "suggested", "m", 0.9), True),
        (TagRow(1, "suggested", "accepted", "m"), True),
        (TagRow(1, "unknown", "suggested", "m"), True),
        (TagRow(2, "by person", "suggested", "m"), True),
    ],
)
def test_what_a_person_said_stays_and_what_is_accepted_is_not_doubted(new, counts):
    last = TagRow(3, "last", "suggested", "m")
    assert merge(OLD, [new, last]) == [new, last] if counts else [last]
    assert merge(OLD, [new]) == ([new] if counts else [])


def test_new_suggestions_take_the_place_of_old_ones_of_the_same_sounds(filled):
    put_tags(filled, [*OLD, TagRow(2, "kept", "suggested", "model-1")])
    seen = []
    new = [
        TagRow(1, "fresh", "suggested", "m", 0.5, 1.0, 2.0),
        TagRow(1, "sure", "accepted", "m"),
        TagRow(1, "by person", "accepted", "m"),
    ]
    suggest_tags(filled, [1], new, lambda old, after: seen.append((old, after)))
    labels = {(row.sound_id, row.label): row for row in tag_rows(filled)}
    assert sorted(labels) == [
        (1, "accepted"),
        (1, "by person"),
        (1, "fresh"),
        (1, "sure"),
        (2, "kept"),
    ]
    assert labels[1, "fresh"] == new[0]
    assert labels[1, "by person"] == OLD[0]
    ((old, after),) = seen
    assert old == sorted(OLD, key=lambda row: row.label)
    assert after == tag_rows(filled, [1])
    assert (found(filled, "sure"), found(filled, "fresh")) == ([1], [])


def test_suggestions_go_when_a_model_has_none_any_more(filled):
    put_tags(filled, [TagRow(i, "old", "suggested", "m") for i in (1, 2, 3)])
    suggest_tags(filled, [1, 2], [])
    assert [row.sound_id for row in tag_rows(filled)] == [3]
    suggest_tags(filled, [1], [TagRow(1, "new", "suggested", "m")])
    assert [row.sound_id for row in tag_rows(filled)] == [1, 3]


def test_a_refusal_to_see_undoes_suggestions(filled):
    def refuse(old, new):
        raise InputError("no")

    with pytest.raises(InputError):
        suggest_tags(filled, [1], [TagRow(1, "new", "accepted", "m")], refuse)
    assert tag_rows(filled) == []
    assert found(filled, "new") == []


def test_words_and_tags_of_many_sounds_are_written_some_at_a_time(filled, monkeypatch):
    monkeypatch.setattr("engine.store.words._AT_ONCE", 3)
    monkeypatch.setattr(chunks, "_AT_ONCE", 2)
    put_tags(filled, [TagRow(i, f"tag{i}", "accepted", PERSON) for i in range(1, 8)])
    put_tags(filled, [TagRow(i, "common", "accepted", PERSON) for i in range(1, 8)])
    assert found(filled, "common") == list(range(1, 8))
    assert [found(filled, f"tag{i}") for i in range(1, 8)] == [[i] for i in range(1, 8)]
    assert len(accepted_tags(filled, range(1, 8))) == 7


def test_sounds_come_with_what_was_accepted_of_them(filled):
    put_tags(filled, [TagRow(1, "b", "accepted", PERSON), TagRow(1, "a", "accepted", "model")])
    put_tags(filled, [TagRow(2, "c", "suggested", "model"), TagRow(3, "d", "accepted", PERSON)])
    sounds, tags = sounds_with_tags(filled, [1, 2])
    assert sounds == filled.sounds([1, 2])
    assert tags == {1: ["a", "b"]}


# Collections


def test_sounds_are_put_into_collections_once(filled):
    assert collect(filled, "  My   doors ", [1, 2]) == 2
    assert collect(filled, "My doors", [2, 3, 4]) == 2
    assert collect(filled, "Bells", iter([1])) == 1
    assert collect(filled, "empty", []) == 0
    assert list(collections(filled).items()) == [("Bells", 1), ("empty", 0), ("My doors", 4)]


def test_sounds_are_taken_out_of_one_collection_only(filled):
    collect(filled, "one", [1, 2, 3])
    collect(filled, "other", [1, 2, 3])
    take_out(filled, "one", [1, 2, 99])
    take_out(filled, "one", [])
    take_out(filled, "none", [3])
    assert collections(filled) == {"one": 1, "other": 3}


def test_collections_are_renamed_and_dropped_one_at_a_time(filled):
    collect(filled, "one", [1, 2])
    collect(filled, "other", [3])
    rename_collection(filled, "one", "  A  new name ")
    assert collections(filled) == {"A new name": 2, "other": 1}
    with pytest.raises(InputError) as told:
        rename_collection(filled, "other", "A new name")
    assert str(told.value) == "there is already a collection named A new name: choose another name"
    drop_collection(filled, "A new name")
    assert collections(filled) == {"other": 1}
    assert len(filled.sounds()) == 7


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (" \t", "a collection needs a name, such as Doors for scene 12"),
        ('a  "b"', 'the name a "b" holds a quotation mark: leave it out'),
    ],
)
def test_unusable_names_of_collections_are_told(filled, name, said):
    collect(filled, "one", [1])
    for refused in (
        lambda: collect(filled, name, [1]),
        lambda: rename_collection(filled, "one", name),
    ):
        with pytest.raises(InputError) as told:
            refused()
        assert str(told.value) == said
    assert collections(filled) == {"one": 1}
