"""Are results of match strength p right in p of all cases?

Run with ``python -m benchmarks.intentions.reliability``, with the options of
``benchmarks.intentions``.  Strength is fitted to the twenty best results of every query for
choosing: the log-odds of being right are a line of the evidence, 0 of which is the divider.
What is printed and what STRENGTH_SLOPE and STRENGTH_ZERO are should agree.  The table is of the
queries that are only reported; σ(evidence) is what strength was before.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.calibration_error import expected_calibration_error
from benchmarks.intentions.library import add_arguments, indexed
from benchmarks.intentions.relevance import Intention, read_intentions
from benchmarks.intentions.sounds import read_sounds
from benchmarks.report import report, result_name
from engine.arrays import Booleans, Floats
from engine.models.catalog import find_model
from engine.search import Searcher
from engine.search.rank import STRENGTH_SLOPE, STRENGTH_ZERO, strengths_of
from trainer.data.manifest import datasets_folder

BEST = 20
_DECILES = 10


@dataclass(frozen=True)
class Results:
    """Results (n,) of many queries: their evidence, whether they are right, and hold a word."""

    evidence: Floats
    right: Booleans
    named: Booleans


def results_of(
    searcher: Searcher,
    intentions: Sequence[Intention],
    grades: Sequence[Mapping[str, int]],
    paths: Mapping[int, str],
) -> Results:
    """Return the best results of each query."""
    rows = []
    for intention, grade in zip(intentions, grades, strict=True):
        answer = searcher.search_text(intention.query, BEST)
        zero = answer.asked.zero if answer.asked else 0.0
        rows += [
            (match.score + zero, grade.get(paths[match.sound.id], 0) > 0, bool(match.words))
            for match in answer.matches
        ]
    evidence, right, named = zip(*rows, strict=True)
    return Results(np.array(evidence, np.float32), np.array(right), np.array(named))


def fit_line(evidence: Floats, right: Booleans) -> tuple[float, float]:
    """Return slope and zero of the likeliest log-odds = slope · evidence + zero."""
    line = LogisticRegression(C=np.inf).fit(evidence[:, None].astype(np.float64), right)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def deciles(how: str, strengths: Floats, results: Results) -> list[dict[str, Any]]:
    """Return for each tenth of the scale what strength says and how many are right."""
    rows = []
    tenth = np.minimum((strengths * _DECILES).astype(int), _DECILES - 1)
    for number in range(_DECILES):
        own = tenth == number
        named, heard = own & results.named, own & ~results.named
        rows.append(
            {
                "strength": how,
                "from": number / _DECILES,
                "results": int(own.sum()),
                "says": _mean(strengths[own]),
                "right": _mean(results.right[own]),
                "right, with a word": _mean(results.right[named]),
                "right, by sound alone": _mean(results.right[heard]),
            }
        )
    return rows


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_arguments(parser)
    arguments = parser.parse_args()
    model, sounds = find_model(arguments.model), read_sounds(datasets_folder())
    found = {}
    with indexed(model, arguments.work.absolute(), sounds) as (library, paths):
        searcher = Searcher(library, model)
        for part in ("choose", "report"):
            asked = [one for one in read_intentions() if one.part == part]
            found[part] = results_of(searcher, asked, [one.grades(sounds) for one in asked], paths)
    slope, zero = fit_line(found["choose"].evidence, found["choose"].right)
    print(f"fitted: log-odds = {slope:.3f} evidence {zero:+.3f}")
    print(f"in use: log-odds = {STRENGTH_SLOPE:.3f} evidence {STRENGTH_ZERO:+.3f}")
    rows = []
    for part, results in found.items():
        before = 1 / (1 + np.exp(-np.clip(results.evidence, -15, 15)))
        shown = strengths_of(results.evidence, searcher.spec.ranking)
        for how, strengths in (("σ(evidence)", before), ("as shown", shown)):
            error = expected_calibration_error(strengths, results.right)
            print(f"{part}: calibration error of {how} {error:.3f}")
            rows += deciles(how, strengths, results) if part == "report" else []
    name = result_name("reliability", model.name)
    asked = f"the {BEST} best results of the queries that are only reported"
    report(name, f"{asked}, model {model.name}", rows)


if __name__ == "__main__":
    main()
