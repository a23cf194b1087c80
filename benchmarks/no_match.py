"""Can strength tell a search that has an answer from one that has none?

Run with ``python -m benchmarks.no_match``; it needs the project's data folder.  The split
`esc50_dev` is searched for each of its 22 classes, with its sounds there and with them removed;
the figure is the area under the ROC curve of the best result's strength (AUROC), and what share
of either kind falls on the right side of the shown divider.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.hybrid import fill
from benchmarks.report import report
from engine.models.catalog import find_model
from engine.models.match_model import load_audio_encoder
from engine.progress import Control
from engine.search import Searcher
from engine.search.labels.taxonomy import SENTENCE
from engine.search.rank import least_strength
from engine.store import Library
from engine.store.tables import MISSING, PRESENT
from trainer.data.manifest import datasets_folder, labelled_clips
from trainer.evaluation.protocols import embed_sounds


def best_strengths(library: Library, searcher: Searcher, labels: list[str]) -> np.ndarray:
    """Return (classes, 2, forms): the best strength with each class there, and removed."""
    found = []
    for name in sorted(set(labels)):
        own = [number + 1 for number, label in enumerate(labels) if label == name]
        pair = []
        for state in (PRESENT, MISSING):
            library.set_state(own, state)
            searcher.refresh()
            texts = (name, SENTENCE.format(label=name))
            answers = [searcher.search_text(text, 1).matches for text in texts]
            pair.append([answer[0].strength for answer in answers])
        library.set_state(own, PRESENT)
        found.append(pair)
    return np.array(found)


def auroc(there: np.ndarray, gone: np.ndarray) -> float:
    """Return the probability that an answerable search is stronger, ties halved."""
    above = (there[:, None] > gone[None, :]).mean()
    return float(above + 0.5 * (there[:, None] == gone[None, :]).mean())


def main() -> None:
    """Measure and print."""
    model = find_model("default")
    clips = labelled_clips(datasets_folder(), "esc50_dev")
    heard = embed_sounds(
        load_audio_encoder(model), [clip.path for clip in clips], Control(), mapped=False
    )
    labels = [clip.merged for clip in clips]
    with tempfile.TemporaryDirectory() as folder, Library(Path(folder) / "l.db") as library:
        names = [f"/sounds/ZOOM{number:04d}.wav" for number in range(len(labels))]
        fill(library, names, heard.means().numpy(), model)
        searcher = Searcher(library, model)
        strengths = best_strengths(library, searcher, labels)
    divider = least_strength(searcher.spec.ranking)
    rows = []
    for form, name in enumerate(("the bare name", "This is a sound of …")):
        there, gone = strengths[:, 0, form], strengths[:, 1, form]
        rows.append(
            {
                "query": name,
                "AUROC": auroc(there, gone),
                "answered, class there": float((there >= divider).mean()),
                "refused, class removed": float((gone < divider).mean()),
            }
        )
    report("no_match", f"best strength of {len(strengths)} classes, there and removed", rows)


if __name__ == "__main__":
    main()
