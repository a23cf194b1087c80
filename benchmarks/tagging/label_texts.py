"""By which texts should a UCS category be known to the model?

Run with ``python -m benchmarks.tagging.label_texts [--model NAME]``.  The clips of `valid` that
were mapped to UCS by hand are held against all 752 categories, file names hidden, each clip alone.
A category is known by its name, its explanation, its synonyms, by what it sounds like in the words
of captions (assets/taxonomies/ucs_sounds.csv), or by several of these, whose costs are joined by a
soft minimum of various ε; no examples are there, which only UCS itself has.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.report import report, result_name
from benchmarks.tagging.stage import Stage, load_split, mapped_clips, stage
from engine.metadata.ucs_names import categories, plain_name
from engine.search.labels.label_vectors import SOFT_MINIMUM, LabelVectors
from engine.search.labels.taxonomy import SENTENCE, Label, Taxonomy, ucs

EPSILONS = (1.0, 2.0, 4.0, 6.0)
Texts = list[tuple[str, float]]


def known_by(*kinds: str) -> Taxonomy:
    """Return UCS with the texts of some kinds, each kind with a weight of 1 in all."""
    labels = []
    for category in categories().values():
        held: dict[str, Sequence[str]] = {
            "name": [SENTENCE.format(label=plain_name(category))],
            "explanation": [category.explanation or plain_name(category)],
            "synonyms": [SENTENCE.format(label=word) for word in category.synonyms],
        }
        texts = [(text, 1 / len(held[kind])) for kind in kinds for text in held[kind]]
        names, weights = zip(*texts, strict=True)
        labels.append(Label(category.id, category.id, category.id, names, weights, "", ""))
    return Taxonomy("ucs", tuple(labels))


def recalls(on: Stage, vectors: LabelVectors, rows: list[int], right: np.ndarray) -> dict:
    """Return top-1 and top-5."""
    windows = on.searcher.index.windows
    parts = vectors.compare(windows.vectors, windows.potentials)
    cost = np.concatenate([cost for _, cost, _ in parts])[rows]
    order = np.argsort(cost, axis=1)[:, :5]
    hits = np.take_along_axis(right, order, 1)
    return {"top 1": float(hits[:, 0].mean()), "top 5": float(hits.any(1).mean())}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    split = load_split("valid", parser.parse_args().model)
    rows, answers = mapped_clips(split)
    ids = [label.id for label in ucs().labels]
    right = np.array([[i in answer for i in ids] for answer in answers])
    described = replace(ucs(), is_ucs=False)
    rules = [
        ("name", known_by("name")),
        ("explanation", known_by("explanation")),
        ("synonyms", known_by("synonyms")),
        ("name, explanation", known_by("name", "explanation")),
        ("name, explanation, synonyms", known_by("name", "explanation", "synonyms")),
        ("what it sounds like, and half its name", described),
    ]
    table = []
    with stage(split) as on:
        for title, taxonomy in rules:
            vectors = LabelVectors.of(taxonomy, on.searcher)
            for softness in EPSILONS if taxonomy is described else (SOFT_MINIMUM,):
                figures = recalls(on, replace(vectors, softness=softness), rows, right)
                table.append({"known by": title, "soft minimum, ε": softness, **figures})
    name = result_name("tag_label_texts", split.model.name)
    report(name, f"UCS categories of {len(rows)} clips, model {split.model.name}", table)


if __name__ == "__main__":
    main()
