"""How often is the right UCS category among the first, by sound, by name, and by both?

Run with ``python -m benchmarks.tagging.ucs [--model NAME]``.  The clips of `valid` whose labels
were mapped to UCS by hand (ucs_of_valid.csv; 1.6 categories a label where UCS itself overlaps)
are tagged with all 752 categories.  ``names alone`` matches the words of names with those of
categories, nothing is heard.  File names are hidden, as they are in the split, or the labels; in
``half hidden`` half of the latter are called ZOOM0001 and alike (five draws), and in ``a fifth
wrong`` a fifth of the others are exchanged besides.  The last rows ask the same of the sounds of
other collections, whose classes were mapped likewise (ucs_of_classes.csv).
"""

from __future__ import annotations

import argparse
import random

import numpy as np

from benchmarks.report import report, result_name
from benchmarks.tagging.stage import Split, load_split, mapped_clips, stage
from engine.progress import Control
from engine.search.labels.taxonomy import Taxonomy, ucs
from engine.tags.evidence import WordEvidence
from engine.tags.suggest import Rules, Tagger

DRAWS = 5


def of_names(names: list[str], rows: list[int], right: list[frozenset[str]]) -> tuple[float, float]:
    """Return top-1 and top-5 of names alone; a name that says nothing is no hit."""
    ids = [label.id for label in ucs().labels]
    shares = WordEvidence(ucs()).shares([names[row] for row in rows])
    order = np.argsort(-shares, axis=1, kind="stable")[:, :5]
    told = np.take_along_axis(shares, order, 1) > 0
    hits = np.array(
        [
            [ids[column] in answer for column in columns]
            for columns, answer in zip(order, right, strict=True)
        ]
    )
    hits &= told
    return float(hits[:, 0].mean()), float(hits.any(1).mean())


def of_tagger(
    split: Split, names: list[str], rows: list[int], right: list[frozenset[str]], rules: Rules
) -> tuple[float, float]:
    """Return top-1 and top-5 of what is suggested."""
    taxonomy: Taxonomy = ucs()
    with stage(split, names) as on:
        found = Tagger(on.library, on.searcher, taxonomy).suggest(
            np.array(rows) + 1, rules, Control()
        )
    first = [[s.label.id for s in found[row + 1]] for row in rows]
    top = [ids[0] in answer for ids, answer in zip(first, right, strict=True)]
    five = [bool(set(ids) & answer) for ids, answer in zip(first, right, strict=True)]
    return float(np.mean(top)), float(np.mean(five))


def changed(labels: tuple[str, ...], seed: int, wrong: float) -> list[str]:
    """Return names of which half say nothing, and a share of the others is exchanged."""
    dice = random.Random(seed)
    order = dice.sample(range(len(labels)), len(labels))
    hidden, told = order[: len(order) // 2], order[len(order) // 2 :]
    names = list(labels)
    for row in hidden:
        names[row] = "ZOOM"
    exchanged = told[: round(wrong * len(told))]
    for row, other in zip(exchanged, exchanged[1:] + exchanged[:1], strict=True):
        names[row] = labels[other]
    return names


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    model = parser.parse_args().model
    split = load_split("valid", model)
    rows, right = mapped_clips(split)
    told, hidden = list(split.labels), ["ZOOM"] * len(split.labels)
    every = Rules(least=0.0, most=5)
    table = []

    def add(names: str, by: str, figures: list[tuple[float, float]]) -> None:
        top, five = np.mean(figures, axis=0)
        table.append({"file names": names, "by": by, "top 1": float(top), "top 5": float(five)})

    add("hidden", "sound", [of_tagger(split, hidden, rows, right, every)])
    apart = Rules(least=0.0, most=5, folder=False)
    add("hidden", "sound, per clip", [of_tagger(split, hidden, rows, right, apart)])
    add("hidden", "names alone", [of_names(hidden, rows, right)])
    for title, names in (("as they are", list(split.files)), ("the label itself", told)):
        add(title, "names alone", [of_names(names, rows, right)])
        add(title, "sound and names", [of_tagger(split, names, rows, right, every)])
    for title, wrong in (("half hidden", 0.0), ("half hidden, a fifth wrong", 0.2)):
        draws = [changed(split.labels, seed, wrong) for seed in range(DRAWS)]
        add(title, "names alone", [of_names(names, rows, right) for names in draws])
        add(
            title,
            "sound and names",
            [of_tagger(split, names, rows, right, every) for names in draws],
        )
    for other in ("esc50_dev", "kitchen20_dev"):
        of_classes = load_split(other, model)
        hidden = ["ZOOM"] * len(of_classes.labels)
        figures = of_tagger(of_classes, hidden, *mapped_clips(of_classes), apart)
        add("hidden", f"sound, per clip: {other}", [figures])
    report(
        result_name("tag_ucs", split.model.name),
        f"UCS categories of {len(rows)} clips, model {split.model.name}",
        table,
    )


if __name__ == "__main__":
    main()
