"""The tree of a library's folders, and sounds of one folder."""

from pathlib import Path

import pytest

from engine.search.grammar import parse
from engine.store import FileFacts, Header, Library
from engine.store.conditions import sounds_where
from engine.store.folders import folder_tree, tree_of
from engine.store.places import count_waiting
from engine.store.tables import MISSING

PATHS = (
    "/sfx/Boom/Doors/Wood/a.wav",
    "/sfx/Boom/Doors/Wood/b.wav",
    "/sfx/Boom/Doors/c.wav",
    "/sfx/Boom/Doors 2/d.wav",
    "/sfx/Boom/e.wav",
    "/sfx/Zoo/DOORS/Wood/f.wav",
    "/other/Größe/Doors/g.wav",
)


@pytest.fixture
def library(library: Library) -> Library:
    library.add_folder("/sfx")
    library.add_folder("/other")
    rows = [
        (
            FileFacts(path, 1, 1, "h" if "/other" in path else "", 1.0, 48000, 1, 16, "wav"),
            Header(None, None, "", {}),
        )
        for path in PATHS
    ]
    library.put_headers(rows)
    return library


def found(library, query):
    ids = sounds_where(library, parse(query).conditions).tolist()
    sounds = library.sounds(ids)
    return {Path(sounds[i].path).stem for i in ids}


def test_every_folder_counts_what_is_in_and_below_it(library):
    tree = folder_tree(library)
    assert tree.roots == ("/other", "/sfx")
    assert tree.counts["/sfx"] == 6 and tree.counts["/sfx/Boom"] == 5
    assert tree.counts["/sfx/Boom/Doors"] == 3 and tree.counts["/sfx/Boom/Doors/Wood"] == 2
    assert tree.children["/sfx"] == ["/sfx/Boom", "/sfx/Zoo"]
    assert tree.children["/sfx/Boom"] == ["/sfx/Boom/Doors", "/sfx/Boom/Doors 2"]
    assert "/sfx/Boom/Doors/Wood" not in tree.children and "/" not in tree.children


def test_what_is_missing_does_not_count(library):
    library.set_state([1, 2], MISSING)
    tree = folder_tree(library)
    assert tree.counts["/sfx/Boom/Doors"] == 1 and "/sfx/Boom/Doors/Wood" not in tree.counts


def test_what_a_folder_counts_is_what_a_search_in_it_finds(library):
    tree = folder_tree(library)
    for folder, count in tree.counts.items():
        assert len(found(library, f'in:"{folder}"')) == count, folder


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('in:"/sfx/Boom/Doors"', "abc"),  # not its neighbour Doors 2
        ('in:"/sfx/Boom/Doors/"', "abc"),
        ('in:"Boom/Doors"', "abc"),
        ('in:"boom/doors"', "abc"),
        ('in:"Doors/Wood"', "abf"),
        ('in:"Größe/Doors"', "g"),
        ('-in:"Boom/Doors" in:Boom', "de"),
        ('in:"/nowhere"', ""),
        ('in:"Boom/Zoo"', ""),
        ("in:doors", "abcdfg"),  # words of a name, as before
    ],
)
def test_a_folder_is_searched_by_its_path_a_part_of_it_or_its_words(library, query, names):
    assert found(library, query) == set(names)


def test_ones_home_may_be_written_short(library, monkeypatch):
    monkeypatch.setenv("HOME", "/sfx")
    monkeypatch.setenv("USERPROFILE", "/sfx")
    assert found(library, 'in:"~/Zoo"') == {"f"}


def test_folders_are_completed_by_any_part_of_their_names(library):
    tree = folder_tree(library)
    assert tree.completing("wood")[:2] == ["sfx/Boom/Doors/Wood", "sfx/Zoo/DOORS/Wood"]
    assert tree.completing("boom/do") == [
        "sfx/Boom/Doors",
        "sfx/Boom/Doors 2",
        "sfx/Boom/Doors/Wood",
    ]
    assert tree.completing("GRÖ") == ["other/Größe", "other/Größe/Doors"]
    assert tree.completing("nothing") == []
    assert len(tree.completing("", 3)) == 3


def test_what_is_offered_is_found_as_it_is_offered(library):
    tree = folder_tree(library)
    for name in tree.completing("", 100):
        if "/" in name:
            assert found(library, f'in:"{name}"'), name


def test_an_indexed_folder_inside_another_is_one_of_its_folders():
    inner = str(Path("/a") / "b")
    tree = tree_of(["/a", inner], {inner: 2, "/a": 1, "/elsewhere": 5})
    assert tree.roots == ("/a",) and tree.counts == {"/a": 3, inner: 2}


def test_an_empty_library_has_an_empty_tree(tmp_path):
    with Library(tmp_path / "empty.db") as library:
        assert folder_tree(library) == tree_of([], {})
        assert folder_tree(library).completing("") == []


def test_what_waits_is_counted_by_indexed_folder(library):
    assert count_waiting(library) == {"/sfx": 6}
    library.set_state(range(1, 7), MISSING)
    assert count_waiting(library) == {}
