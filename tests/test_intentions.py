"""The development set of intentions is what its figures take it for (benchmarks/intentions)."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration_error import expected_calibration_error
from benchmarks.intentions.relevance import KINDS, Intention, figures_of, read_intentions
from benchmarks.intentions.reliability import fit_line
from benchmarks.intentions.sounds import Sound, read_sounds
from engine.search.grammar import parse
from engine.store.words import search_words

INTENTIONS = read_intentions()


@pytest.fixture(scope="module")
def sounds(data: Path) -> list[Sound]:
    return read_sounds(data)


def test_there_are_many_queries_of_every_kind_and_none_twice() -> None:
    assert len(INTENTIONS) >= 300
    assert {one.kind for one in INTENTIONS} == set(KINDS)
    assert len({one.query for one in INTENTIONS}) == len(INTENTIONS)


def test_a_label_has_one_grade_for_a_query() -> None:
    assert [one.query for one in INTENTIONS if one.wanted & one.acceptable] == []
    assert [one.query for one in INTENTIONS if not one.wanted] == []


def test_every_query_is_free_words_of_the_search_grammar() -> None:
    assert [one.query for one in INTENTIONS if parse(one.query).conditions] == []


def test_a_third_of_the_queries_is_only_reported() -> None:
    parts = Counter(one.part for one in INTENTIONS)
    assert 0.28 < parts["report"] / parts.total() < 0.38


def test_the_labels_of_every_query_exist(sounds: list[Sound]) -> None:
    known = {sound.label for sound in sounds}
    assert {label for one in INTENTIONS for label in one.wanted | one.acceptable} <= known


def test_every_query_has_a_few_right_sounds(sounds: list[Sound]) -> None:
    counts = {one.query: len(one.grades(sounds)) for one in INTENTIONS}
    assert {query: n for query, n in counts.items() if not 3 <= n <= 70} == {}


def test_half_of_the_names_tell_and_the_others_say_nothing(sounds: list[Sound]) -> None:
    telling = [sound for sound in sounds if sound.telling]
    assert abs(len(telling) / len(sounds) - 0.5) < 0.02
    silent = [search_words(sound.path).split() for sound in sounds if not sound.telling]
    assert {tuple(words[:2]) for words in silent} == {("unsorted", "zoom")}
    assert all(words[2].isdigit() for words in silent)


def test_no_two_sounds_have_one_name(sounds: list[Sound]) -> None:
    assert len({sound.path for sound in sounds}) == len(sounds)


def test_precision_counts_no_more_sounds_than_there_are() -> None:
    grades = {"a": 2, "b": 1, "c": 2}
    assert figures_of(["a", "x", "b", "y"], grades).precision == pytest.approx(2 / 3)
    many = dict.fromkeys(map(str, range(20)), 1)
    assert figures_of([str(n) for n in range(5)], many).precision == pytest.approx(0.5)


def test_the_first_is_right_if_it_would_do() -> None:
    assert figures_of(["b", "x"], {"a": 2, "b": 1}).first == 1
    assert figures_of(["x", "a"], {"a": 2, "b": 1}).first == 0
    assert figures_of([], {"a": 2}).first == 0


def test_gain_is_highest_with_what_was_asked_in_front() -> None:
    grades = {"a": 2, "b": 1}
    assert figures_of(["a", "b"], grades).gain == pytest.approx(1)
    assert figures_of(["b", "a"], grades).gain == pytest.approx(
        (1 + 3 / 1.58496) / (3 + 1 / 1.58496)
    )


def test_grades_are_those_of_labels() -> None:
    one = Intention("dog", frozenset({"dog barking"}), frozenset({"dog yelp"}), "single")
    labels = ("dog barking", "dog yelp", "cat")
    heard = [Sound(Path(), f"{n}.ogg", label, label, True) for n, label in enumerate(labels)]
    assert one.grades(heard) == {"0.ogg": 2, "1.ogg": 1}


def test_the_line_of_the_evidence_is_found_again() -> None:
    random = np.random.default_rng(0)
    evidence = random.normal(0, 4, 40_000)
    right = random.random(40_000) < 1 / (1 + np.exp(-(0.4 * evidence - 1.8)))
    assert fit_line(evidence, right) == pytest.approx((0.4, -1.8), abs=0.06)


def test_the_calibration_error_is_how_far_strength_is_off() -> None:
    right = np.array([True, False, True, True, False, False, False, False])
    says = np.array([0.75, 0.75, 0.75, 0.75, 0.0, 0.0, 0.0, 0.0])
    assert expected_calibration_error(says, right) == pytest.approx(0.0)
    assert expected_calibration_error(np.ones(8), right) == pytest.approx(5 / 8)
