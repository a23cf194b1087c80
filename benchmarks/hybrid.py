"""Does searching by sound and words together find more than either alone?

Run with ``python -m benchmarks.hybrid``; it needs the project's data folder.  The 412 sounds of
the split `valid` are indexed by the shipped model; half of the file names are their labels as
their source gave them, half say nothing; a query is each distinct merged label.  With
``--wrong 0.2`` a fifth of the telling names are exchanged.  This is also where the weight of
the words was chosen (docs/decisions/0009).
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.report import report
from engine.index.mapping import adopt_model
from engine.models.catalog import find_model
from engine.models.match_model import load_audio_encoder
from engine.progress import Control
from engine.search import Searcher, rank
from engine.search.grammar import Query
from engine.store import FileFacts, Library, StoredWindow
from engine.store.keywords import find_words
from trainer.data.manifest import csv_rows, datasets_folder
from trainer.evaluation.protocols import embed_sounds

SEEDS, BEST = 5, 10


def name_of(label: str, number: int, telling: bool) -> str:
    """Return a file name that says the label, or nothing."""
    return f"/sounds/{label}_{number}.wav" if telling else f"/sounds/ZOOM{number:04d}.wav"


def fill(
    library: Library,
    names: list[str],
    vectors: np.ndarray,
    model: Path,
    durations_s: list[float] | None = None,
) -> None:
    """Put sounds of one window each into a library; they last 5 s unless told otherwise."""
    from engine.index.mapping import map_features
    from engine.models.bank import Bank
    from engine.models.match_model import load_model

    adopt_model(library, model, Control())
    loaded = load_model(model, ("audio",))
    bank = Bank.stored(loaded, library.setting)
    mapped, potentials = map_features(loaded, vectors, bank)
    library.put_sounds(
        [
            (
                FileFacts(name, 1, 1, name, duration, 32000, 1, 16, "wav"),
                [StoredWindow(0.0, duration, b"", vector.tobytes(), float(potential))],
            )
            for name, vector, potential, duration in zip(
                names, mapped, potentials, durations_s or [5.0] * len(names), strict=True
            )
        ]
    )


def mean_ap(orders: list[list[int]], relevant: list[set[int]]) -> float:
    """Return mAP@10 of ranked ids."""
    total = 0.0
    for order, right in zip(orders, relevant, strict=True):
        hits = [position for position, i in enumerate(order[:BEST]) if i in right]
        precisions = [(k + 1) / (position + 1) for k, position in enumerate(hits)]
        total += sum(precisions) / min(BEST, len(right))
    return total / len(orders)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--wrong", type=float, default=0.0, help="share of names exchanged")
    wrong = parser.parse_args().wrong
    data, model = datasets_folder(), find_model("default")
    rows = [r for r in csv_rows(data / "sounds" / "manifest.csv") if r["split"] == "valid"]
    paths = [data / "sounds" / row["path"] for row in rows]
    heard = embed_sounds(load_audio_encoder(model), paths, Control(), mapped=False).means().numpy()
    labels, merged = [r["label"] for r in rows], [r["label_merged"] for r in rows]
    queries = sorted(set(merged))
    relevant = [{i + 1 for i, m in enumerate(merged) if m == query} for query in queries]
    found: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        chance = random.Random(seed)
        telling = set(chance.sample(range(len(rows)), len(rows) // 2))
        said = list(labels)
        exchanged = [i for i in telling if chance.random() < wrong]
        for i, j in zip(exchanged, exchanged[1:] + exchanged[:1], strict=True):
            said[i] = labels[j]
        names = [name_of(label, i, i in telling) for i, label in enumerate(said)]
        with tempfile.TemporaryDirectory() as folder, Library(Path(folder) / "l.db") as library:
            fill(library, names, heard, model)
            searcher = Searcher(library, model)
            for what, figure in compare(library, searcher, queries, relevant).items():
                found.setdefault(what, []).append(figure)
    table = [
        {"search by": what, "mAP@10": float(np.mean(f)), "deviation": float(np.std(f))}
        for what, f in found.items()
    ]
    names_said = "half of the names meaningless" + (
        f", {wrong:.0%} of the rest wrong" * bool(wrong)
    )
    report(f"hybrid{'_wrong' * bool(wrong)}", f"valid with {names_said}, {SEEDS} seeds", table)


def compare(
    library: Library, searcher: Searcher, queries: list[str], relevant: list[set[int]]
) -> dict[str, float]:
    """Return mAP@10 of every way to search."""
    parsed = [Query(q, tuple((w,) for w in q.replace(",", " ").split())) for q in queries]

    def orders() -> list[list[int]]:
        answers = [searcher.search_text(query, 50).matches for query in parsed]
        return [[match.sound.id for match in found] for found in answers]

    words = []
    for query in parsed:
        hits = find_words(library, query.keywords)
        words.append([int(i) for i in hits.sound_ids[hits.fullest(len(hits.sound_ids))]])
    together = orders()
    weight, rank.WORDS_WEIGHT = rank.WORDS_WEIGHT, 0.0
    sound = orders()
    rank.WORDS_WEIGHT = weight
    fused = [_fused(a, b) for a, b in zip(sound, words, strict=True)]
    return {
        "sound alone": mean_ap(sound, relevant),
        "words alone": mean_ap(words, relevant),
        "reciprocal-rank fusion, k = 60": mean_ap(fused, relevant),
        f"both: score + {weight:g} w √(w / whole)": mean_ap(together, relevant),
    }


def _fused(first: list[int], second: list[int], k: int = 60) -> list[int]:
    scores: dict[int, float] = {}
    for order in (first, second):
        for position, i in enumerate(order):
            scores[i] = scores.get(i, 0.0) + 1 / (k + 1 + position)
    return sorted(scores, key=lambda i: -scores[i])


if __name__ == "__main__":
    main()
