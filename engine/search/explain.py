"""Why a sound matched: its moments, and how strongly each fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.search.answer import Answer
from engine.search.rank import sound_scores, strengths_of, words_bonus
from engine.search.searcher import Searcher


@dataclass(frozen=True)
class Moment:
    """A window of a sound in seconds, and its match strength in [0, 1]."""

    start_s: float
    end_s: float
    strength: float


def explain(searcher: Searcher, answer: Answer, sound_id: int) -> tuple[Moment, ...]:
    """Return the windows of a sound in time, each with its strength for the query of ``answer``.

    What the words of the sound's name and texts add counts in every window, as in the search.
    Empty where nothing was heard in the sound, or the query describes no sound.
    """
    if answer.asked is None:
        return ()
    asked, index = answer.asked, searcher.index
    ids = np.array([sound_id])
    rows = index.rows_of(ids)
    if not len(rows):
        return ()
    windows = index.windows
    cost = index.costs(asked.vectors, rows)
    scores = sound_scores(cost, windows.potentials[rows], searcher.ranking)
    if asked.named is not None:
        scores = scores + words_bonus(asked.named.weights_of(ids), asked.named.whole)
    strengths = strengths_of(scores + np.float32(asked.zero), searcher.ranking)
    times = zip(windows.starts_s[rows], windows.ends_s[rows], strengths, strict=True)
    return tuple(Moment(*map(float, moment)) for moment in sorted(times))
