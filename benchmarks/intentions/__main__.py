"""How much of what designers ask for does a search find: by words, by sound, and by both?

Run with ``python -m benchmarks.intentions [--model default|default-mn04|FOLDER] [--work FOLDER]``;
it needs the project's data folder.  The 7,000 sounds of train, train2 and valid are indexed once
and kept in the work folder; half of their names tell nothing.  Queries are those of queries.csv,
two thirds to choose things on (``choose``) and a third that is only reported (``report``).  Words
that add nothing should change nothing: each query is also asked as "… sound effect".

A model has heard the training splits together with their labels: sound alone does better here
than in a library of one's own.  Compare ways to search with one another, not with other figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.intentions.library import add_arguments, indexed
from benchmarks.intentions.relevance import BEST, KINDS, Figures, figures_of, read_intentions
from benchmarks.intentions.sounds import read_sounds
from benchmarks.report import report, result_name
from engine.models.catalog import find_model
from engine.search import Searcher
from engine.search.grammar import parse
from engine.search.names import search_names
from engine.search.rank import rank
from engine.store import Library
from engine.store.keywords import find_words
from trainer.data.manifest import datasets_folder

Way = Callable[[str], list[int]]  # a query to ids of sounds, best first


def ways(library: Library, searcher: Searcher) -> dict[str, Way]:
    """Return every way to search, the product's last."""

    def all_words(text: str) -> list[int]:
        return [match.sound.id for match in search_names(library, text, BEST).matches]

    def words(text: str) -> list[int]:
        hits = find_words(library, parse(text).keywords)
        return [int(i) for i in hits.sound_ids[hits.fullest(BEST)]]

    def sound(text: str) -> list[int]:
        vectors = searcher.text_queries(parse(text).descriptions).vectors
        windows, ranking = searcher.index.windows, searcher.spec.ranking
        rows = np.flatnonzero(windows.present)
        cost, ids = searcher.index.costs(vectors, rows), windows.sound_ids[rows]
        found = rank(cost, windows.potentials[rows], ids, ranking, 0.0, BEST)
        return [int(i) for i in ids[found.places]]

    def both(text: str) -> list[int]:
        return [match.sound.id for match in searcher.search_text(text, BEST).matches]

    def wordy(text: str) -> list[int]:
        return both(f"{text} sound effect")

    return {
        "all words (--names)": all_words,
        "words": words,
        "sound": sound,
        "both, “… sound effect”": wordy,
        "both": both,
    }


def row_of(queries: str, by: str, figures: Sequence[Figures]) -> dict[str, Any]:
    """Return means and standard errors as a row of the table."""
    row: dict[str, Any] = {"queries": queries, "count": len(figures), "search by": by}
    for name, shown in (("precision", "P@10"), ("first", "first right"), ("gain", "nDCG@10")):
        values = np.array([getattr(one, name) for one in figures])
        row |= {shown: values.mean(), f"± {shown}": values.std(ddof=1) / len(values) ** 0.5}
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_arguments(parser)
    arguments = parser.parse_args()
    model, sounds, intentions = (
        find_model(arguments.model),
        read_sounds(datasets_folder()),
        read_intentions(),
    )
    found: dict[str, list[Figures]] = {}
    with indexed(model, arguments.work.absolute(), sounds) as (library, paths):
        grades = [intention.grades(sounds) for intention in intentions]
        for by, search in ways(library, Searcher(library, model)).items():
            answers = [[paths[i] for i in search(one.query)] for one in intentions]
            found[by] = [figures_of(*pair) for pair in zip(answers, grades, strict=True)]
    rows = []
    for group in ("choose", "report", *KINDS):
        chosen = [group in (one.part, one.kind) for one in intentions]
        for by, figures in found.items():
            some = [one for one, is_in in zip(figures, chosen, strict=True) if is_in]
            rows.append(row_of(group, by, some))
    name = result_name("intentions", model.name)
    asked = f"{len(intentions)} queries in {len(sounds)} sounds, half of them named"
    report(name, f"{asked}, model {model.name}", rows)


if __name__ == "__main__":
    main()
