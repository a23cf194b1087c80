"""Queries that are misspelt, joined or split, on libraries of names."""

from pathlib import Path

import numpy as np
import pytest

from engine.models.catalog import find_model
from engine.search import Searcher
from engine.search.grammar import parse
from engine.search.slips import respell
from engine.search.vocabulary import Vocabulary, plain_forms, words_of_ucs
from engine.store import FileFacts, Header, Library
from engine.store.spelling import near_word, split_word

NAMES = ("door creak", "doors slam", "door", "creaking hinge", "footsteps", "rattle", "rattle b")


def put(library: Library, *names: str) -> None:
    rows = [FileFacts(f"/s/{name}.wav", 1, 1, "", 1.0, 48000, 1, 16, "wav") for name in names]
    library.put_headers([(row, Header()) for row in rows])


@pytest.fixture
def names(tmp_path):
    with Library(tmp_path / "names.db") as library:
        put(library, *NAMES, "slam", "slams", "rate")
        yield library


def known(word: str) -> bool:
    return word in {"brook", "croak"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("creek", "creak"),  # another letter
        ("footstps", "footsteps"),  # one too few
        ("footssteps", "footsteps"),  # one too many
        ("footstesp", "footsteps"),  # two exchanged
        ("raattle", "rattle"),
        ("ratle", "rattle"),  # "rate" is as near, and rarer
        ("hinnge", "hinge"),
        ("cootsteps", None),  # the first letter counts
        ("fotstps", None),  # two slips
    ],
)
def test_a_word_is_mended_by_one_slip(names, typed, meant):
    assert near_word(names, typed) == meant


def test_a_word_of_two_is_split_where_enough_sounds_hold_both(names):
    assert split_word(names, "doorslam") == ("door", "slam")
    assert split_word(names, "doorhinge") is None  # of one sound
    assert split_word(names, "door") is None
    assert split_word(names, "doorslam", 5) is None


def test_a_word_is_known_by_its_forms():
    assert {"fry", "frye", "frying"} <= plain_forms("frying")
    assert "slam" in plain_forms("slamming") and "drip" in plain_forms("drips")
    assert {"clatter", "creak", "frying"} <= words_of_ucs()


def test_words_that_no_one_types_are_not_looked_at(names):
    assert near_word(names, "a" * 10_000) is None and split_word(names, "a" * 10_000) is None


@pytest.mark.parametrize(
    ("typed", "groups", "mended"),
    [
        ("door footstps", (("door",), ("footstps", "footsteps")), "door footsteps"),
        ("Footstps -wood", (("Footstps", "footsteps"),), "footsteps -wood"),
        ("door creak", (("door",), ("creak",)), None),
        ("doorslam", (("door",), ("slam",)), None),
        ("foot steps", (("foot", "footsteps"), ("steps", "footsteps")), None),
        ("croak", (("croak",),), None),  # is a word
        ("ratl", (("ratl",),), None),  # too short
        ("door OR footstps", (("door", "footstps"),), None),
        ("footst*", (("footst*",),), None),
        ("footstéps", (("footstéps",),), None),
        ("the", (), None),
    ],
)
def test_what_else_a_query_might_mean(names, typed, groups, mended):
    found = respell(names, parse(typed), known, lambda word, other: False)
    assert found.groups == groups
    assert (found.query.text if found.query else None) == mended


def test_a_right_word_is_mended_only_into_one_that_means_the_same(names):
    asked = []

    def mended(typed: str, is_word: bool, alike: bool) -> str | None:
        def mean_alike(word: str, other: str) -> bool:
            asked.append((word, other))
            return alike

        found = respell(names, parse(typed), lambda word: is_word, mean_alike)
        return found.query.text if found.query else None

    assert mended("raattle", is_word=True, alike=False) is None
    assert mended("raattle", is_word=True, alike=True) == "rattle"
    assert mended("ratlte", is_word=True, alike=True) == "rattle"
    assert mended("cryak", is_word=True, alike=True) is None  # near to none
    assert asked == [("raattle", "rattle")] * 2 + [("ratlte", "rattle")]
    assert mended("raattle", is_word=False, alike=False) == "rattle"  # no word means nothing
    assert mended("croak", is_word=True, alike=True) is None  # another letter, another word
    assert mended("hynge", is_word=True, alike=True) == "hinge"  # with y for i the same
    assert asked[3:] == [("hynge", "hinge")]


def test_both_readings_of_a_slip_are_searched_for_and_told(tmp_path, model_folder, sounds):
    from engine.index.build import index_folders
    from engine.progress import Control

    with Library(tmp_path / "l.db") as library:
        index_folders(library, model_folder, [sounds], Control())
        put(library, "thunder crack")
        searcher = Searcher(library, model_folder)
        answer = searcher.search_text("thunnder", 20)
        assert answer.also == "thunder"
        best = max(answer.matches, key=lambda match: len(match.words))
        assert Path(best.sound.path).name == "thunder crack.wav" and best.keyword_match
        assert answer.asked is not None
        both = searcher.text_queries(["thunnder", "thunder"]).vectors
        assert np.allclose(answer.asked.vectors, both, atol=1e-5)
        assert searcher.search_text("thunder", 20).also == ""


@pytest.mark.parametrize(
    ("typed", "also"),
    [
        ("lightening strike", "lightning strike"),
        ("screeching tyres", "screeching tires"),
        ("house", ""),  # no horse
        ("torch", ""),
    ],
)
def test_the_shipped_model_tells_spellings_from_other_words(tmp_path, typed, also):
    with Library(tmp_path / "l.db") as library:
        put(library, "lightning strike", "tires screeching", "horse", "torcs", "clock")
        assert Searcher(library, find_model("default")).search_text(typed).also == also


def test_a_tower_that_is_not_ours_takes_no_two_words_for_one(model_folder):
    from engine.models.match_model import load_text_encoder

    tower = load_text_encoder(model_folder)
    assert Vocabulary(lambda: tower, compares=True).are_one("door", "door")
    assert not Vocabulary(lambda: tower, compares=False).are_one("door", "door")
