"""The table of filters is whole: what it offers is understood, asked of a library, and told."""

import re
from pathlib import Path

import pytest

from engine.search.filters import FILTERS
from engine.search.grammar import parse
from engine.store import Library
from engine.store.conditions import sounds_where
from engine.store.listing import Facets, FolderCounts
from engine.store.marks import COLOURS

GUIDE = Path(__file__).parents[3] / "docs" / "user-guide.md"
EXAMPLES = [(key, example) for key, known in FILTERS.items() for example in known.examples]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with Library(tmp_path_factory.mktemp("filters") / "library.db") as opened:
        yield opened


@pytest.mark.parametrize(("key", "example"), EXAMPLES)
def test_every_example_is_understood_and_can_be_asked_of_a_library(library, key, example):
    assert example.startswith(f"{key}:")
    query = parse(example)
    assert len(query.conditions) == 1 and not query.groups
    assert not len(sounds_where(library, query.conditions))


def test_no_two_filters_ask_the_same():
    asked = [(type(c), repr(c)) for _, e in EXAMPLES for c in parse(e).conditions]
    assert len(set(asked)) == len(asked)


def test_whatever_completes_a_filter_is_understood():
    facets = Facets(
        {"DOORWood": 1}, {"heavy metal": 1}, {"/a/Boom Library": FolderCounts(1, 0, 0)}, ["My film"]
    )
    offered = {key: known.completes(facets, {"My doors": 2}) for key, known in FILTERS.items()}
    assert {key: list(words) for key, words in offered.items() if words} == {
        "ch": ["mono", "stereo", ">2", "quad", "5.1", "7.1", "ambisonic"],
        "cat": ["DOORWood"],
        "tag": ["heavy metal"],
        "in": ["Boom Library"],
        "coll": ["My doors"],
        "colour": [*COLOURS],
        "color": [*COLOURS],
        "used": ["never", "<30d", ">1y", "My film"],
        "has": ["tags", "regions", "note", "colour"],
    }
    for key, words in offered.items():
        for word in words:
            assert len(parse(f'{key}:"{word}"').conditions) == 1


def test_of_a_library_without_categories_all_of_ucs_are_offered():
    offered = FILTERS["cat"].completes(Facets({}, {}, {}), ())
    assert len(offered) > 700 and "DOORWood" in offered


def test_the_user_guide_tells_of_every_filter():
    told = set(re.findall(r"`-?([a-z]+):", GUIDE.read_text(encoding="utf-8")))
    assert set(FILTERS) - told == set()
