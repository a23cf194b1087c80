"""Regions: named, searched, kept when files move and when a library is damaged."""

from dataclasses import replace

import pytest
from sqlalchemy import insert

from engine.errors import InputError
from engine.progress import Control
from engine.search import search_names
from engine.search.filters import FILTERS
from engine.search.grammar import parse
from engine.store import FileFacts, Header, Library, tables
from engine.store.conditions import Region as Named
from engine.store.conditions import sounds_where
from engine.store.history import redo, steps, undo
from engine.store.listing import facets
from engine.store.regions import add_region, regions_of, remove_region, rename_region
from engine.store.repair import repair
from engine.store.salvage import counts
from tests.engine.store.test_repair import index_page


def facts(path, content="h"):
    return FileFacts(path, 1, 2, content, 10.0, 48000, 2, 24, "wav")


@pytest.fixture
def sound_id(library):
    library.put_sounds([(facts("/a/Gate.wav"), [])])
    (found,) = library.sounds()
    return found


def found(library, text):
    return [match.sound.id for match in search_names(library, text).matches]


def test_regions_are_kept_in_the_order_of_time(library, sound_id):
    late = add_region(library, sound_id, "  slow   creak ", 4.0, 6.5)
    early = add_region(library, sound_id, "slam", 1.0, 1.2)
    assert regions_of(library, [sound_id]) == {sound_id: [early, late]}
    assert (late.name, late.start_s, late.end_s) == ("slow creak", 4.0, 6.5)


def test_a_sound_is_found_by_the_words_of_its_regions(library, sound_id):
    region = add_region(library, sound_id, "slow creak", 4.0, 6.5)
    for text in ("creak", "region:creak", 'region:"slow creak"', "has:regions", "region:*"):
        assert found(library, text) == [sound_id], text
    for text in ("region:crea", 'region:"creak slow"', "-has:regions"):
        assert found(library, text) == [], text
    rename_region(library, region, "DoorSlam")
    assert found(library, "region:slam") == found(library, "slam") == [sound_id]
    assert found(library, "region:creak") == found(library, "creak") == []
    remove_region(library, region)
    assert found(library, "region:slam") == found(library, "slam") == []
    assert regions_of(library, [sound_id]) == {}


def test_a_region_filter_asks_for_its_words():
    assert parse('region:"slow creak"').conditions == (Named("slow creak"),)
    assert parse("has:regions").conditions == (Named(None),)
    with pytest.raises(InputError, match="region:%% is not understood"):
        parse("region:%%")


def test_what_is_no_region_is_told(library, sound_id):
    with pytest.raises(InputError, match="a region needs a name"):
        add_region(library, sound_id, "  ", 0.0, 1.0)
    for start, end in ((1.0, 1.0), (2.0, 1.0), (-1.0, 1.0)):
        with pytest.raises(InputError, match="has no length"):
            add_region(library, sound_id, "slam", start, end)
    region = add_region(library, sound_id, "slam", 0.0, 1.0)
    with pytest.raises(InputError, match="a region needs a name"):
        rename_region(library, region, "")
    assert regions_of(library, [sound_id])[sound_id] == [region]


def test_regions_follow_their_sound_to_another_name_and_stay_when_it_changes(library, sound_id):
    region = add_region(library, sound_id, "slam", 1.0, 1.2)
    library.move_sound(sound_id, "/b/Other.wav", 3)
    assert found(library, "region:slam other") == [sound_id]
    library.put_headers([(replace(facts("/b/Other.wav"), size=9), Header())])
    assert regions_of(library, [sound_id]) == {sound_id: [region]}
    assert found(library, "slam") == [sound_id]


@pytest.mark.sqlite
def test_regions_count_as_decisions_and_survive_a_damaged_library(tmp_path):
    path = tmp_path / "library.db"
    with Library(path) as library:
        library.put_sounds([(facts(f"/a/{n}.wav", f"h{n}"), []) for n in range(50)])
        ids = sorted(library.sounds())
        for sound_id in ids:
            add_region(library, sound_id, f"slam {sound_id}", 1.0, 2.0)
    assert counts(path)["decisions"] == 50
    index_page(path)
    report = repair(path, Control())
    assert report.action == "salvaged" and report.kept["regions"] == 50
    with Library(path) as library:
        assert len(regions_of(library, ids)) == 50
        assert len(sounds_where(library, parse("region:slam").conditions)) == 50
        assert found(library, "slam 7") and library.sounds().keys() == set(ids)


def test_every_change_of_a_region_can_be_undone_and_done_again(library, sound_id):
    region = add_region(library, sound_id, "slow creak", 4.0, 6.5)
    rename_region(library, region, "slam")
    renamed = replace(region, name="slam")
    remove_region(library, renamed)
    assert [(step.kind, step.name) for step in steps(library)] == [
        ("remove region", "slam"),
        ("rename region", "slam"),
        ("add region", "slow creak"),
    ]
    for wanted, words in (([renamed], "slam"), ([region], "creak"), ([], "")):
        restored = undo(library)
        assert restored.sounds == (sound_id,) and not restored.left
        assert regions_of(library, [sound_id]).get(sound_id, []) == wanted
        for word in ("slam", "creak"):
            there = [sound_id] if word == words else []
            assert found(library, f"region:{word}") == found(library, word) == there
    for wanted in ([region], [renamed], []):
        redo(library)
        assert regions_of(library, [sound_id]).get(sound_id, []) == wanted


def test_a_region_that_was_changed_since_stays_as_it_is(library, sound_id):
    region = add_region(library, sound_id, "slow creak", 4.0, 6.5)
    remove_region(library, region)
    with library.writing() as connection:
        values = {"id": region.id, "sound_id": sound_id, "name": "other", "words": "other"}
        connection.execute(insert(tables.regions).values(**values, start_s=0.0, end_s=1.0))
    assert undo(library).left == 1
    assert [one.name for one in regions_of(library, [sound_id])[sound_id]] == ["other"]


def test_names_of_regions_complete_their_filter_the_most_frequent_first(library, sound_id):
    completes = FILTERS["region"].completes
    assert completes(facets(library), ()) == ()
    for name in ("creak", "slam", "slam"):
        add_region(library, sound_id, name, 4.0, 6.5)
    assert completes(facets(library), ()) == ("*", "slam", "creak")
