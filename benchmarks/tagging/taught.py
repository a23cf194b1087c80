"""How much do tags that were accepted teach about the other sounds?

Run with ``python -m benchmarks.tagging.taught [--model NAME]``.  The clips of a development set are
a library whose file names say nothing.  The right tags of a share of its recordings are accepted;
the others are tagged per clip: by the names of its classes (`esc50_dev` among all 50 of ESC-50),
and by UCS.  ``valid`` has a label of its own for most clips: there, what was accepted can mostly
mislead.  ``ECE`` is the expected calibration error of the first tag's probability, in ten bins;
three draws.
"""

from __future__ import annotations

import argparse
import random

import numpy as np

from benchmarks.calibration_error import expected_calibration_error
from benchmarks.report import report, result_name
from benchmarks.tagging.stage import SETS, Right, Split, load_split, questions, stage
from engine.progress import Control
from engine.search.labels.taxonomy import Taxonomy
from engine.store.tags import PERSON, TagRow, put_tags
from engine.tags.suggest import Rules, Tagger

SHARES, DRAWS = (0.0, 0.05, 0.2, 0.5), 3


def recordings(split: Split, rows: list[int], share: float, seed: int) -> set[int]:
    """Return the rows of a share of the recordings."""
    dice = random.Random(seed)
    groups = sorted({split.groups[row] for row in rows})
    chosen = set(dice.sample(groups, round(share * len(groups))))
    return {row for row in rows if split.groups[row] in chosen}


def of_others(
    split: Split, taxonomy: Taxonomy, rows: list[int], right: Right, told: set[int]
) -> tuple[float, float, float]:
    """Accept the tags of some sounds; return top-1, top-5 and ECE of the others."""
    accepted = [
        TagRow(row + 1, min(tags), "accepted", PERSON)
        for row, tags in zip(rows, right, strict=True)
        if row in told
    ]
    others = [(row, tags) for row, tags in zip(rows, right, strict=True) if row not in told]
    with stage(split) as on:
        put_tags(on.library, accepted)
        tagger = Tagger(on.library, on.searcher, taxonomy)
        ids = np.array([row + 1 for row, _ in others])
        found = tagger.suggest(ids, Rules(least=0.0, folder=False, words=False), Control())
    first = [found[row + 1][0] for row, _ in others]
    hits = np.array([s.label.id in tags for s, (_, tags) in zip(first, others, strict=True)])
    five = [bool({s.label.id for s in found[row + 1]} & tags) for row, tags in others]
    likely = np.array([s.probability for s in first])
    return float(hits.mean()), float(np.mean(five)), expected_calibration_error(likely, hits)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    model = parser.parse_args().model
    table, name = [], ""
    for title, others in SETS.items():
        split = load_split(title, model)
        name = split.model.name
        for tags, taxonomy, rows, right in questions(split, others):
            for share in SHARES:
                draws = [recordings(split, rows, share, s) for s in range(DRAWS if share else 1)]
                figures = [of_others(split, taxonomy, rows, right, told) for told in draws]
                top, five, error = np.mean(figures, axis=0)
                table.append(
                    {
                        "sounds": title,
                        "tags": tags,
                        "recordings told": f"{share:.0%}",
                        "top 1": float(top),
                        "top 5": float(five),
                        "ECE": float(error),
                    }
                )
    report(result_name("tag_taught", name), f"what accepted tags teach, model {name}", table)


if __name__ == "__main__":
    main()
