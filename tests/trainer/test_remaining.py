"""The estimate of what is left, by a clock that tests set."""

from itertools import pairwise

import pytest

from engine.progress import Control, Progress
from trainer.recipes.remaining import Remaining, Stage


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def told(stages, clock):
    seen: list[Progress] = []
    return seen, Remaining(Control(seen.append), stages, clock)


def test_nothing_is_told_before_a_unit_was_timed(clock):
    seen, left = told([Stage("read", 10), Stage("train", 100, 1)], clock)
    for done in range(11):
        left.report(0, done)
        clock.now += 1.0
    assert all(progress.left_s is None for progress in seen)
    for done in range(1, 7):
        left.report(1, done)
        clock.now += 2.0
    assert seen[-1].left_s == pytest.approx(94 * 2.0)


def test_a_stage_to_come_is_told_by_the_one_that_it_is_like(clock):
    seen, left = told([Stage("judge", 1), Stage("compare", 4, 0, 0.5)], clock)
    left.report(0, 0)
    clock.now += 10.0
    left.report(0, 1)
    assert seen[-1].left_s == pytest.approx(4 * 5.0)


def test_what_is_left_counts_down_steadily_while_units_vary(clock):
    seen, left = told([Stage("train", 200)], clock)
    for step in range(200):
        clock.now += 0.5 if step % 2 else 1.5
        left.report(0, step + 1)
    lefts = [progress.left_s for progress in seen if progress.left_s is not None]
    assert all(later <= sooner for sooner, later in pairwise(lefts))
    assert lefts[50] == pytest.approx(145, rel=0.1)
    assert lefts[-1] <= 5.0


def test_an_estimate_that_was_far_too_low_is_corrected(clock):
    seen, left = told([Stage("train", 300)], clock)
    for step in range(100):
        clock.now += 0.1
        left.report(0, step + 1)
    for step in range(100, 200):
        clock.now += 2.0
        left.report(0, step + 1)
    assert seen[-1].left_s == pytest.approx(100 * 2.0, rel=0.3)


def test_a_run_that_goes_on_is_timed_from_where_it_was(clock):
    seen, left = told([Stage("train", 500)], clock)
    for step in range(400, 411):
        left.report(0, step)
        clock.now += 1.0
    assert seen[-1].left_s == pytest.approx(90.0)
