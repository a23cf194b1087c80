"""What nothing sounds like finds nothing strong, and is found in the same order."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.index.build import index_folders
from engine.models.spec import Ranking, read_spec, write_spec
from engine.progress import Control
from engine.search import Searcher
from engine.search.cue_sheet import Cue, solve_cues
from engine.search.cues import CueRules
from engine.search.text_queries import DOUBT, MOST_DOUBT, TextQueries, doubts_of
from engine.store import Library

_LENIENT = Ranking(blend=0.0, query_potential=2.0, familiar=0.1, divider=0.5)


@pytest.fixture
def model(model_folder: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    write_spec(replace(read_spec(folder), ranking=_LENIENT), folder)
    return folder


@pytest.fixture
def library(tmp_path: Path, model: Path, sounds: Path):
    with Library(tmp_path / "library.db") as opened:
        index_folders(opened, model, [sounds], Control())
        yield opened


def doubting(model: Path, log_odds: float) -> Path:
    """Return the model with a probe that says the same of every text."""
    write_spec(replace(read_spec(model), audible=(*(16 * [0.0]), log_odds)), model)
    return model


@pytest.mark.parametrize("text", ["door", "Sound 05 of honesty"])
def test_a_soundless_text_finds_the_same_and_weaker(library, model, text):
    before = Searcher(library, model).search_text(text, 12)
    after = Searcher(library, doubting(model, -2.0)).search_text(text, 12)
    assert [m.sound.id for m in after.matches] == [m.sound.id for m in before.matches]
    assert before.asked.zero - after.asked.zero == pytest.approx(2.0 * DOUBT, abs=1e-3)
    assert after.matches[0].strength < before.matches[0].strength


def test_what_a_sound_here_is_called_is_not_doubted(library, model):
    before = Searcher(library, model).search_text("Sound 05", 3)
    after = Searcher(library, doubting(model, -2.0)).search_text("Sound 05", 3)
    assert before.matches[0].keyword_match
    assert [m.strength for m in after.matches] == [m.strength for m in before.matches]


def test_what_can_be_heard_loses_nothing(library, model):
    before = Searcher(library, model).search_text("door", 12)
    after = Searcher(library, doubting(model, 0.5)).search_text("door", 12)
    assert [m.strength for m in after.matches] == [m.strength for m in before.matches]


def test_a_cue_that_nothing_sounds_like_stays_empty(library, model):
    best = Searcher(library, model).search_text("door", 1)
    evidence = best.matches[0].score + best.asked.zero
    potential = _LENIENT.query_potential - _LENIENT.epsilon * (evidence - 5.0)
    fair = replace(_LENIENT, query_potential=potential)  # the best sound has an evidence of 5
    write_spec(replace(read_spec(model), ranking=fair), model)
    cues = [Cue(1, "door"), Cue(2, "Sound 05")]
    door, name = solve_cues(library, Searcher(library, model), cues, CueRules())
    assert door.assigned
    searcher = Searcher(library, doubting(model, -10.0 / DOUBT))
    doubted, same = solve_cues(library, searcher, cues, CueRules())
    assert not doubted.assigned
    assert same.assigned[0].strength == name.assigned[0].strength  # a sound is called so


def test_of_alternatives_one_that_can_be_heard_is_enough():
    vectors, potentials = np.zeros((2, 4), np.float32), np.array([0.9, 0.7], np.float32)
    door = TextQueries(vectors[:1], potentials[:1], np.array([0.0], np.float32))
    honesty = TextQueries(vectors[1:], potentials[1:], np.array([0.3], np.float32))
    both = door.beside(honesty)
    assert both.potential(is_name=False) == pytest.approx(0.7)
    assert both.only(1).potential(is_name=False) == pytest.approx(0.4)
    assert honesty.potential(is_name=True) == pytest.approx(0.7)
    assert both.vectors.shape == (2, 4)


def test_doubt_grows_with_the_log_odds_and_ends():
    odds = np.array([3.0, 0.0, -1.0, -1000.0], np.float32)
    assert doubts_of(odds).tolist() == [0.0, 0.0, DOUBT, MOST_DOUBT]
