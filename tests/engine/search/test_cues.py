import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from engine.errors import InputError
from engine.search.cues import CueRules, Pairs, assign


def dense(gains: np.ndarray, sounds: np.ndarray) -> Pairs:
    cues, windows = (place.ravel() for place in np.indices(gains.shape))
    return Pairs(cues, windows, sounds[windows], gains.ravel())


def value(gains: np.ndarray, plan: list[list[int]]) -> float:
    return sum(gains[cue, window] for cue, windows in enumerate(plan) for window in windows)


def exact(gains: np.ndarray, alternates: int) -> float:
    """Return the best total by exact assignment: cues repeated, and empty places to spare."""
    rows = np.repeat(gains, alternates, axis=0)
    padded = np.concatenate([rows, np.zeros((len(rows), len(rows)))], axis=1)
    return float(padded[linear_sum_assignment(padded, maximize=True)].sum())


@given(
    cues=st.integers(1, 12),
    windows=st.integers(1, 60),
    alternates=st.integers(1, 3),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60)
def test_it_is_the_exact_assignment(cues, windows, alternates, seed):
    gains = np.random.default_rng(seed).normal(0.2, 1.0, (cues, windows))
    pairs = dense(gains, np.arange(windows))
    plan = assign(cues, pairs, CueRules(alternates, 1))
    assert value(gains, plan) == pytest.approx(exact(gains, alternates), abs=1e-5)
    used = list(itertools.chain(*plan))
    assert len(set(used)) == len(used)
    assert all(len(row) <= alternates for row in plan)
    for cue, row in enumerate(plan):
        own = [gains[cue, window] for window in row]
        assert own == sorted(own, reverse=True)
        assert all(gain > 0 for gain in own)


@given(seed=st.integers(0, 10_000), per_sound=st.integers(1, 2))
@settings(max_examples=40)
def test_recordings_give_no_more_than_they_may(seed, per_sound):
    """Against trying everything, on sheets small enough for that."""
    random = np.random.default_rng(seed)
    gains, sounds = random.normal(0.3, 1.0, (3, 6)), random.integers(0, 3, 6)
    plan = assign(3, dense(gains, sounds), CueRules(1, per_sound))
    counts = np.bincount(sounds[list(itertools.chain(*plan))], minlength=3)
    assert counts.max() <= per_sound
    best = 0.0
    for choice in itertools.product(range(-1, 6), repeat=3):
        used = [window for window in choice if window >= 0]
        fits = len(set(used)) == len(used)
        fits &= np.bincount(sounds[used], minlength=3).max() <= per_sound if used else True
        if fits:
            best = max(best, sum(gains[c, w] for c, w in enumerate(choice) if w >= 0))
    assert value(gains, plan) == pytest.approx(best, abs=1e-6)


def test_a_cue_without_a_match_stays_empty():
    gains = np.array([[2.0, 1.0], [-1.0, -0.5]])
    assert assign(2, dense(gains, np.arange(2)), CueRules(2, 1)) == [[0, 1], []]


def test_locked_cues_keep_their_clips_and_the_rest_is_solved_again():
    gains = np.array([[3.0, 2.0, 0.1], [2.5, 1.0, 0.5]])
    pairs = dense(gains, np.arange(3))
    assert assign(2, pairs, CueRules()) == [[1], [0]]
    assert assign(2, pairs, CueRules(), {1: [(2, 2)]}) == [[0], [2]]
    assert assign(2, pairs, CueRules(), {1: [(0, 0)]}) == [[1], [0]]


def test_locks_that_contradict_the_rules_are_told():
    pairs = dense(np.ones((2, 2)), np.zeros(2, np.int64))
    with pytest.raises(InputError, match="the same clip"):
        assign(2, pairs, CueRules(), {0: [(0, 0)], 1: [(0, 0)]})
    with pytest.raises(InputError, match="more than 1 clips from one recording"):
        assign(2, pairs, CueRules(), {0: [(0, 0)], 1: [(1, 0)]})


def test_nothing_to_choose_from_is_no_error():
    nothing = np.zeros(0, np.int64)
    empty = Pairs(nothing, nothing, nothing, np.zeros(0))
    assert assign(2, empty, CueRules()) == [[], []]
