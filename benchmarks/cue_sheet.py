"""How long does a cue sheet of 200 lines take on 100,000 sounds, and is it the best there is?

Run with ``python -m benchmarks.cue_sheet``.  The alternative is an exact assignment of every cue
to every sound by scipy's ``linear_sum_assignment`` on the whole matrix of gains.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.report import report
from benchmarks.synthetic import fill, vocabulary
from engine.models.catalog import find_model
from engine.search import Searcher
from engine.search.cue_sheet import Cue, keywords, solve_cues
from engine.search.cues import CueRules
from engine.search.rank import evidence_of, words_bonus
from engine.store import Library
from engine.store.keywords import find_words

CUES = 200


def whole_matrix(library: Library, searcher: Searcher, cues: list[Cue]) -> np.ndarray:
    """Return the gain of every window for every cue."""
    index, ranking = searcher.index, searcher.spec.ranking
    windows, rows = index.windows, np.arange(len(index.windows.present))
    gains = []
    asked = searcher.text_queries([cue.text for cue in cues])
    for place, cue in enumerate(cues):
        query, hits = asked.only(place), find_words(library, keywords(cue))
        cost = index.costs(query.vectors, rows)
        zero = query.potential(is_name=len(hits.complete) > 0)
        evidence = evidence_of(cost, windows.potentials, ranking, zero)
        bonus = words_bonus(hits.weights_of(windows.sound_ids), hits.whole)
        gains.append(np.maximum(evidence + bonus, 0.0))
    return np.array(gains)


def main() -> None:
    """Measure and print."""
    from scipy.optimize import linear_sum_assignment

    sounds = int(float(sys.argv[1])) if len(sys.argv) > 1 else 100_000
    random, words = np.random.default_rng(5), vocabulary()[:600]
    cues = [Cue(line, " ".join(random.choice(words, 2))) for line in range(1, CUES + 1)]
    rows = []
    with tempfile.TemporaryDirectory() as folder, Library(Path(folder) / "l.db") as library:
        fill(library, find_model("default"), sounds)
        searcher = Searcher(library, find_model("default"))
        searcher.warm_up()
        for alternates in (1, 3):
            began = time.perf_counter()
            answers = solve_cues(library, searcher, cues, CueRules(alternates))
            took_s = time.perf_counter() - began
            filled = sum(len(answer.assigned) for answer in answers)
            total = sum(clip.score for answer in answers for clip in answer.assigned)
            rows.append(_row(f"{CUES} cues, {alternates} each", took_s, filled, total))
        began = time.perf_counter()
        gains = whole_matrix(library, searcher, cues)
        chosen = linear_sum_assignment(gains, maximize=True)
        took_s = time.perf_counter() - began
        taken = gains[chosen]
        rows.append(
            _row("the same, 1 each, whole matrix", took_s, int((taken > 0).sum()), taken.sum())
        )
    report("cue_sheet", f"cue sheets on {sounds} sounds, text encoding included", rows)


def _row(what: str, took_s: float, filled: int, total: float) -> dict[str, object]:
    return {"what": what, "s": took_s, "clips": filled, "total gain": float(total)}


if __name__ == "__main__":
    main()
