"""How long work of several stages will still take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.progress import Control, Progress

_RECENT = 60  # reports from which a unit's duration is told
_FEWEST = 5  # units that tell how long one takes, or all of a stage that has fewer
_SETTLING_S = 30.0  # in which what is told comes round to what is estimated
_SURPRISE, _SURPRISE_S = 0.5, 10.0  # a difference of this share and time is told at once


@dataclass(frozen=True)
class Stage:
    """One stage: its name, its number of units, and what a unit takes before it was timed.

    Until then a unit takes ``factor`` times as long as one of the stage whose place is ``like``.
    """

    name: str
    units: int
    like: int = 0
    factor: float = 1.0


class Remaining:
    """Reports the units of stages that follow one another, and the seconds until all are done.

    The seconds count down like a clock and come round to a new estimate slowly, so that they do
    not jump to and fro, unless it has become quite another.  None are told before units were timed.
    """

    def __init__(
        self,
        control: Control,
        stages: Sequence[Stage],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control, self._stages, self._clock = control, stages, clock
        self._done = [0] * len(stages)
        self._unit_s: list[float | None] = [None] * len(stages)
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._at = -1
        self._shown: tuple[float, float] | None = None  # when, and how many seconds were told

    def report(self, at: int, done: int, note: str = "") -> None:
        """Report that ``done`` units of the stage whose place is ``at`` are done.

        :raises Cancelled: the user asked to stop.
        """
        now = self._clock()
        if at != self._at:
            self._at = at
            self._recent.clear()
            self._done[:at] = [stage.units for stage in self._stages[:at]]
        self._recent.append((now, done))
        self._done[at] = done
        (first_s, first), (last_s, last) = self._recent[0], self._recent[-1]
        stage = self._stages[at]
        if last - first >= min(_FEWEST, stage.units):
            self._unit_s[at] = (last_s - first_s) / (last - first)
        self._control.report(Progress(stage.name, done, stage.units, note, self._left_s(now)))

    def _left_s(self, now: float) -> float | None:
        total = 0.0
        for place, stage in enumerate(self._stages):
            unit_s = self._unit_of(place)
            if unit_s is None:
                return None
            total += unit_s * (stage.units - self._done[place])
        if self._shown is not None:
            then, told = self._shown
            counted = max(0.0, told - (now - then))
            if abs(total - counted) <= _SURPRISE * counted + _SURPRISE_S:
                total = counted + (total - counted) * min(1.0, (now - then) / _SETTLING_S)
        self._shown = (now, total)
        return total

    def _unit_of(self, place: int) -> float | None:
        stage, own = self._stages[place], self._unit_s[place]
        if own is not None or self._done[place] == stage.units:
            return own or 0.0
        like = self._unit_s[stage.like]
        return None if like is None else stage.factor * like
