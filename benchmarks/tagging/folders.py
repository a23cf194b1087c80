"""Does a folder's name help to tag sounds whose own names say nothing, and does a wrong one harm?

Run with ``python -m benchmarks.tagging.folders [--model NAME]``.  The clips of a development set
are tagged with the names of its classes (`esc50_dev` among all 50 of ESC-50) and with UCS, each
clip alone; files are called ZOOM0001 and alike.  Their folders say nothing, or what the sounds are,
or what other sounds are (names drawn at random), or all of them "kitchen".
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

import numpy as np

from benchmarks.report import report, result_name
from benchmarks.tagging.stage import SETS, Right, Split, load_split, questions, stage
from engine.progress import Control
from engine.search.labels.taxonomy import Taxonomy
from engine.tags.suggest import Rules, Tagger


def first_right(
    split: Split,
    folders: Sequence[str] | None,
    taxonomy: Taxonomy,
    rows: list[int],
    right: Right,
) -> float:
    """Return the share of sounds whose first suggestion is right."""
    with stage(split, folders=folders) as on:
        tagger = Tagger(on.library, on.searcher, taxonomy)
        rules = Rules(least=0.0, most=1, folder=False)
        found = tagger.suggest(np.array(rows) + 1, rules, Control())
    hits = [found[row + 1][0].label.id in tags for row, tags in zip(rows, right, strict=True)]
    return float(np.mean(hits))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    model = parser.parse_args().model
    table, name = [], ""
    for title, others in SETS.items():
        split = load_split(title, model)
        name = split.model.name
        shuffled = list(split.merged)
        random.Random(1).shuffle(shuffled)
        folders = {
            "say nothing": None,
            "right": split.merged,
            "wrong": shuffled,
            "kitchen": ["kitchen"] * len(shuffled),
        }
        for tags, taxonomy, rows, right in questions(split, others):
            asked = (taxonomy, rows, right)
            figures = {kind: first_right(split, said, *asked) for kind, said in folders.items()}
            table.append({"sounds": title, "tags": tags, **figures})
    report(result_name("tag_folders", name), f"what folders are called, model {name}", table)


if __name__ == "__main__":
    main()
